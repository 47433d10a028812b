"""The table of what can be wrong with a copy; copy_failures.py does it.

SOURCE in an argument stands for the source's path. A destination without %r is one copy, since all ranks are on one
node.
"""

import dataclasses
import os
import resource
import shutil
import signal as signals
import socket

RANKS = 4
OK, USAGE, SOURCE, DESTINATION, SURVIVORS, LOST, EVICTED, KILLED = 0, 2, 3, 4, 7, 8, 10, 137
EACH = tuple(f"{rank}/data" for rank in range(RANKS))
LONG = 48_000_001  # a source that is not over before somebody can do something about it
# The first process waits in the middle, long enough for anything to happen.
HOLD = "delay:rank=0,at=send:20,ms=4000"
HELD = ("--settings", "segment=256K,staging=1M")


class Missing(Exception):
    """Something that a case needs is not to be had here."""


@dataclasses.dataclass(frozen=True)
class Case:
    name: str  # what happens, for people
    arguments: tuple = ("SOURCE", "%r/data")
    status: int = DESTINATION  # of every rank, or
    statuses: dict = None  # by rank
    words: tuple = ()  # somewhere in what is said
    copies: tuple = ()  # new on disk afterwards, each of them whole
    left: str = ""  # what the page says of that, if the names do not
    perhaps: bool = False  # all of these, or none
    prepare: object = None  # called with the place
    meanwhile: object = None  # the same, while the bytes move
    folder: bool = False  # the source is one; copies are folders
    made_meanwhile: tuple = ()  # by `meanwhile`: names that stay
    afterwards: object = None  # answers with a list of problems
    signal: object = None  # sent to mpirun while the bytes move
    launcher: bool = False  # how ranks end is the launcher's choice: it says that something went wrong
    fault: str = ""
    ft: bool = False  # started so that ranks may die
    ranks: int = RANKS
    length: int = 300_001
    flags: tuple = ()
    environment: dict = dataclasses.field(default_factory=dict)
    wrapper: object = None  # what is put in front of the command
    limit: object = None  # called in the process that becomes mpirun


def folders(place):
    for rank in range(RANKS):
        (place.work / str(rank)).mkdir()


def and_folders(more):
    def prepare(place):
        folders(place)
        more(place)
    return prepare


def powerless(place):
    """Root may read and write everything: without that."""
    if not os.geteuid():
        if not shutil.which("setpriv"):
            raise Missing("setpriv")
        return ["setpriv", "--bounding-set=-dac_override,-dac_read_search",
                "--inh-caps=-dac_override,-dac_read_search"]
    return []


def keeps(name, text):
    """What was there before is as it was."""
    def afterwards(place):
        path = place.work / name
        return [] if path.exists() and path.read_text() == text else [f"{name} was changed"]
    return afterwards


def is_copy(name):
    def afterwards(place):
        path = place.work / name
        if path.is_symlink():
            return [f"{name} is still a link"]
        return [] if path.exists() and path.read_bytes() == place.source_bytes else [f"{name} is not a copy"]
    return afterwards


def both(first, second):
    return lambda place: [*first(place), *second(place)]


def two_see_it(place):
    """Ranks 0 and 1 are where the source is."""
    return ["sh", "-c", f'test "$OMPI_COMM_WORLD_RANK" -gt 1 || cd "{place.folder}"; exec "$@"', "sh"]


def survived(name, fault, dead, how=KILLED, arguments=("SOURCE", "%r/data"), **more):
    return Case(name, arguments=arguments, fault=fault, ft=True, length=6_000_001, prepare=folders,
                statuses={rank: how if rank in dead else SURVIVORS for rank in range(RANKS)},
                copies=tuple(name for rank, name in enumerate(EACH) if rank not in dead), **more)


RANKS_THAT_DIE = [
    survived("a receiver is killed before it has said anything", "kill:rank=2,at=enter,broadcast=1", [2]),
    survived("a receiver is killed half-way", "kill:rank=2,at=receive:50%", [2], words=("rank 2", "died")),
    survived("a relay is killed half-way", "kill:rank=1,at=relay:30%", [1]),
    survived("two receivers are killed at once", "kill:rank=1+3,at=receive:40%", [1, 3]),
    survived("a receiver is killed when it has everything", "kill:rank=3,at=complete", [3]),
    survived("another one is killed during the repair",
             "kill:rank=2,at=receive:50%; kill:rank=3,at=regroup", [2, 3]),
    survived("a receiver is killed before the copies are compared", "kill:rank=2,at=enter,broadcast=4", [2]),
    Case("a receiver is killed when its copy has its name, and no other rank knows", prepare=folders, ft=True,
         fault="kill:rank=2,at=complete,broadcast=5", length=6_000_001, copies=EACH,
         statuses={0: SURVIVORS, 1: SURVIVORS, 2: KILLED, 3: SURVIVORS}),
    survived("a receiver stands still", "stop:rank=3,at=receive:30%,for=4000", [3], how=EVICTED,
             words=("rank 3", "did not answer")),
    survived("a rank stands still before it looks at the sources", "stop:rank=3,at=setup:6,for=4000", [3], how=EVICTED,
             words=("rank 3", "went on without it")),
    survived("a rank stands still before it makes its file", "stop:rank=3,at=setup:8,for=4000", [3], how=EVICTED),
    survived("a rank stands still while its file is written to disk", "stop:rank=3,at=seal,for=4000", [3], how=EVICTED),
    survived("a rank stands still before its copy has its name", "stop:rank=3,at=seal:2,for=4000", [3], how=EVICTED),
    Case("a rank takes three seconds to write its file to disk", fault="delay:rank=3,at=seal,ms=3000", ft=True,
         prepare=folders, length=6_000_001, status=OK, copies=EACH),
    Case("the reader stands still before it looks at the source", fault="stop:rank=0,at=setup:6,for=4000", ft=True,
         prepare=folders, statuses={0: EVICTED, 1: LOST, 2: LOST, 3: LOST}, words=("error",)),
    survived("the reader is killed, and another can read the source (--mirror)", "kill:rank=0,at=send:2", [0],
             arguments=("--mirror", "source", "WORK/%r/data"), wrapper=two_see_it),
    Case("the reader is killed before all bytes have left it", fault="kill:rank=0,at=send:2", ft=True, prepare=folders,
         length=6_000_001, statuses={0: KILLED, 1: LOST, 2: LOST, 3: LOST}, words=("error",)),
    Case("a rank is killed in a job that does not survive deaths", fault="kill:rank=2,at=receive:50%", prepare=folders,
         length=6_000_001, launcher=True),
]

def taken_meanwhile(place):
    (place.work / "1/data").write_text("mine")


DISKS = [
    Case("one node's disk is full", prepare=lambda place: [place.mount("2", "size=64k")] +
         [(place.work / str(rank)).mkdir() for rank in (0, 1, 3)], words=("rank 2", "No space left")),
    Case("one node's disk is read-only", prepare=lambda place: [place.mount("1", "size=8m,ro")] +
         [(place.work / str(rank)).mkdir() for rank in (0, 2, 3)], words=("rank 1", "Read-only")),
    Case("a folder that may not be written to", wrapper=powerless, prepare=and_folders(
        lambda place: (place.work / "3").chmod(0o555)), words=("rank 3", "Permission denied")),
    Case("the folder is not there", arguments=("SOURCE", "none/data"), words=("none", "No such file")),
    Case("a file is in the way of a folder (--parents)", arguments=("--parents", "SOURCE", "a/%r/data"),
         prepare=lambda place: (place.work / "a").write_text("mine"), afterwards=keeps("a", "mine"),
         words=("Not a directory",)),
    Case("the name is taken on one rank", prepare=and_folders(lambda place: (place.work / "2/data").write_text("mine")),
         afterwards=keeps("2/data", "mine"), words=("rank 2", "exists")),
    Case("the name is that of a folder on one rank", prepare=and_folders(lambda place: (place.work / "2/data").mkdir()),
         words=("is a folder for other ranks",)),
    Case("the name is that of a named pipe, with --force", arguments=("-f", "SOURCE", "data"),
         prepare=lambda place: os.mkfifo(place.work / "data"), words=("not a regular file",)),
    Case("the name is taken while the bytes move", arguments=(*HELD, "SOURCE", "%r/data"), prepare=folders,
         fault=HOLD, length=LONG, meanwhile=taken_meanwhile, words=("rank 1", "exists"),
         made_meanwhile=("1/data",), afterwards=keeps("1/data", "mine")),
    Case("longer than ulimit -f", limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 26, 1 << 26)),
         prepare=folders, length=70_000_001, words=("ulimit -f",)),
    Case("two ranks would write the same file", arguments=("SOURCE", "%r/../data"), prepare=folders,
         words=("same file",)),
]


def replace_source(place):
    other = place.folder / "other"
    other.write_bytes(b"another file")
    other.rename(place.source)


def rewrite_source(place):
    with open(place.source, "r+b") as file:
        file.seek(LONG - 4)
        file.write(b"new!")


def append_to_source(place):
    with open(place.source, "ab") as file:
        file.write(b"more")


def changing(name, meanwhile, status=SOURCE, copies=(), words=()):
    return Case(name, arguments=(*HELD, "SOURCE", "%r/data"), prepare=folders, fault=HOLD, length=LONG, status=status,
                meanwhile=meanwhile, copies=copies, words=words)


SOURCES = [
    Case("it is not there", arguments=("none", "%r"), status=SOURCE, words=("none", "No such file")),
    Case("it has no name", arguments=("", "%r"), status=SOURCE),
    Case("it may not be read", status=SOURCE, wrapper=powerless, prepare=and_folders(
        lambda place: place.source.chmod(0)), words=("Permission denied",)),
    Case("it is a named pipe", status=SOURCE, words=("not a regular file",), prepare=and_folders(
        lambda place: [place.source.unlink(), os.mkfifo(place.source)])),
    Case("it is a device", arguments=("/dev/zero", "%r"), status=SOURCE, words=("not a regular file",)),
    Case("it is a link that leads nowhere", status=SOURCE, words=("No such file",), prepare=and_folders(
        lambda place: [place.source.unlink(), place.source.symlink_to("none")])),
    changing("it becomes shorter while it is read", lambda place: os.truncate(place.source, 1 << 20),
             words=("the source",)),
    changing("it is emptied while it is read", lambda place: os.truncate(place.source, 0), words=("the source",)),
    changing("it is written to while it is read", rewrite_source, words=("changed",)),
    changing("it becomes longer while it is read", append_to_source, words=("changed",)),
    changing("another file gets its name while it is read: the one that was opened is copied", replace_source,
             status=OK, copies=EACH),
    changing("it is removed while it is read: it is copied all the same", lambda place: place.source.unlink(),
             status=OK, copies=EACH),
]

NAMES = [
    Case("a line break in the destination: an ordinary name", arguments=("SOURCE", "two\nlines"), status=OK,
         copies=("two\nlines",)),
    Case("bytes that are no text in the destination: an ordinary name", arguments=("SOURCE", b"\xff\xfe-%r"), status=OK,
         copies=tuple(os.fsdecode(b"\xff\xfe-" + str(rank).encode()) for rank in range(RANKS))),
    Case("a source whose name begins with a dash, after --", arguments=("--", "-rf", "%r"), status=OK,
         prepare=lambda place: shutil.copy(place.source, place.work / "-rf"), copies=("0", "1", "2", "3")),
    Case("a destination that begins with a dash, after --", arguments=("--", "SOURCE", "-rf"), status=OK,
         copies=("-rf",)),
    Case("two percent signs are one", arguments=("SOURCE", "100%%"), status=OK, copies=("100%",)),
    Case("a percent sign that stands for nothing", arguments=("SOURCE", "100%"), status=USAGE, words=("%",)),
    Case("a letter that stands for nothing", arguments=("SOURCE", "%x"), status=USAGE, words=("%x stands for nothing",)),
    Case("a job's id that would lead elsewhere: its slashes become underscores", arguments=("SOURCE", "%j"), status=OK,
         environment={"SLURM_JOB_ID": "../../up"}, copies=(".._.._up",)),
    Case("a job's id of two points", arguments=("SOURCE", "x/%j/data"), status=USAGE,
         environment={"SLURM_JOB_ID": ".."}, words=("..",)),
    Case("the destination is empty", arguments=("SOURCE", ""), status=USAGE, words=("empty",)),
    Case("a name of 256 letters", arguments=("SOURCE", "n" * 256), words=("File name too long",)),
    Case("a path of 5,000 letters", arguments=("--parents", "SOURCE", "d/" * 2500 + "data"),
         words=("File name too long",)),
    Case("a link is planted under the name", arguments=("SOURCE", "data"), prepare=lambda place: [
        (place.work / "mine").write_text("mine"), (place.work / "data").symlink_to("mine")],
        words=("exists",), afterwards=keeps("mine", "mine")),
    Case("a link is planted under the name, with --force: it is replaced, not followed", arguments=("-f", "SOURCE", "data"),
         status=OK, prepare=lambda place: [(place.work / "mine").write_text("mine"),
                                           (place.work / "data").symlink_to("mine")],
         afterwards=both(keeps("mine", "mine"), is_copy("data")), left="the copy in the place of the link"),
    Case("a link that leads nowhere is under the name", arguments=("SOURCE", "data"),
         prepare=lambda place: (place.work / "data").symlink_to("none"), words=("exists",)),
    Case("a link that leads nowhere is under the name, with --force: it is replaced", arguments=("-f", "SOURCE", "data"),
         status=OK, prepare=lambda place: (place.work / "data").symlink_to("none"), afterwards=is_copy("data"),
         left="the copy in the place of the link"),
    Case("ranks are called with different destinations", arguments=("SOURCE", "%r"), status=USAGE,
         wrapper=lambda place: ["sh", "-c", 'exec "$@-$OMPI_COMM_WORLD_RANK"', "sh"],
         words=("different sources, destinations",)),
]


def tree(place):
    """The source is a folder, with a long file that others come after."""
    folders(place)
    place.source.unlink()
    (place.source / "sub").mkdir(parents=True)
    (place.source / "sub/large").write_bytes(place.source_bytes)
    (place.source / "z").write_text("the last one")
    (place.source / "link").symlink_to("z")


def folder(name, status=SOURCE, prepare=None, **more):
    return Case(name, folder=True, status=status, length=6_000_001,
                prepare=lambda place: [tree(place), prepare and prepare(place)], **more)


def held_folder(name, meanwhile, **more):
    return dataclasses.replace(folder(name, meanwhile=meanwhile, fault=HOLD, arguments=(*HELD, "SOURCE", "%r/data"), **more),
                               length=LONG)


def take_name(place):
    (place.work / "1/data").write_text("mine")


def partial_everywhere(place):
    return [f"rank {rank} has kept nothing" for rank in range(RANKS)
            if not (place.work / str(rank) / ".data.splitcast-partial/journal").exists()]


KILLED_TREE = ", and a hidden temporary folder where rank 2 was killed, which the next copy to that place removes"

FOLDERS = [
    folder("a folder with a socket", words=("sub/socket", "a socket"), prepare=lambda place: socket.socket(
        socket.AF_UNIX).bind(os.path.relpath(place.source / "sub/socket"))),
    folder("a file in it may not be read", wrapper=powerless, words=("sub/large", "Permission denied"),
           prepare=lambda place: (place.source / "sub/large").chmod(0)),
    folder("the destination is a file", status=DESTINATION, prepare=take_name, words=("rank 1", "exists"),
           afterwards=keeps("1/data", "mine")),
    folder("the destination is a file, with --force", arguments=("-f", "SOURCE", "%r/data"), status=DESTINATION,
           prepare=take_name, words=("rank 1", "not a folder"), afterwards=keeps("1/data", "mine")),
    folder("one node's disk is too small for it", status=DESTINATION, arguments=("SOURCE", "%r/small/data"),
           prepare=lambda place: [place.mount("2/small", "size=1m")] +
           [(place.work / str(rank) / "small").mkdir() for rank in (0, 1, 3)], words=("rank 2", "No space left")),
    held_folder("a file in it becomes shorter", lambda place: os.truncate(place.source / "sub/large", 1 << 20),
                words=("sub/large",)),
    held_folder("a file in it grows", lambda place: (place.source / "z").write_text("the very last one"),
                words=("z", "changed")),
    held_folder("a file in it vanishes", lambda place: (place.source / "z").unlink(), words=("z", "No such file")),
    held_folder("its name is taken while the bytes move", take_name, status=DESTINATION, words=("rank 1", "exists"),
                made_meanwhile=("1/data",), afterwards=keeps("1/data", "mine")),
    folder("a receiver is killed half-way through a folder", ft=True, fault="kill:rank=2,at=receive:50%,broadcast=4",
           statuses={0: SURVIVORS, 1: SURVIVORS, 2: KILLED, 3: SURVIVORS}, copies=("0/data", "1/data", "3/data"),
           left="`0/data`, `1/data`, `3/data`, whole" + KILLED_TREE),
    folder("the reader of a folder is killed, with --resume", ft=True, fault="kill:rank=0,at=send:2,broadcast=6",
           arguments=("--resume", "SOURCE", "%r/data"), statuses={0: KILLED, 1: LOST, 2: LOST, 3: LOST},
           afterwards=partial_everywhere, left="no copy; hidden folders `.data.splitcast-partial` on all ranks, with which the next "
           "copy with --resume goes on"),
    folder("the reader of a folder is killed", ft=True, fault="kill:rank=0,at=send:2,broadcast=4",
           statuses={0: KILLED, 1: LOST, 2: LOST, 3: LOST}, left="nothing" + KILLED_TREE.replace("rank 2", "rank 0")),
]


def wrong(name, *arguments, words=(), environment=None):
    return Case(name, arguments=arguments, status=USAGE, ranks=2, words=words, environment=environment or {})


FLAGS = [
    wrong("no source, no destination", words=("required",)),
    wrong("no destination", "SOURCE", words=("DESTINATION",)),
    wrong("an option that there is not", "--froce", "SOURCE", "x", words=("--froce",)),
    wrong("a letter that there is not", "-Q", "SOURCE", "x", words=("-Q",)),
    wrong("--quiet and --verbose", "-q", "-v", "SOURCE", "x", words=("excludes",)),
    wrong("--size that is none", "-s", "much", "SOURCE", "x", words=("segment=much",)),
    wrong("--size that is too large", "-s", "2G", "SOURCE", "x", words=("segment=2G",)),
    wrong("--timeout that is none", "-t", "soon", "SOURCE", "x", words=("timeout=soon",)),
    wrong("--fanout that is none", "-F", "-1", "SOURCE", "x", words=("children=-1",)),
    wrong("--compress with a codec that there is not", "--compress=zlib", "SOURCE", "x", words=("zlib",)),
    wrong("--exclude with a name that does not begin with '/'", "--exclude=lib", "SOURCE", "x", words=("lib",)),
    wrong("--send-libs that is neither yes nor no", "--send-libs=perhaps", "SOURCE", "x", words=("perhaps",)),
    wrong("--progress that is none", "--progress=often", "SOURCE", "x", words=("often",)),
    wrong("--jobid of another job", "-j", "8", "SOURCE", "x", words=("which is 7",), environment={"SLURM_JOB_ID": "7"}),
    wrong("a setting that there is not", "--settings", "segmnt=1M", "SOURCE", "x", words=('did you mean "segment"?',)),
    wrong("a setting without a value", "--settings", "segment", "SOURCE", "x", words=("name=value",)),
    wrong("an option without its value", "SOURCE", "x", "-s", words=("-s",)),
    wrong("a wrong value in the environment", "SOURCE", "x", words=("SPLITCAST_FORCE",),
          environment={"SPLITCAST_FORCE": "perhaps"}),
    wrong("a wrong setting in the environment", "SOURCE", "x", words=("segment=huge",),
          environment={"SPLITCAST_SEGMENT": "huge"}),
    wrong("a fault on purpose that there is not", "SOURCE", "x", words=("SPLITCAST_FAULT",),
          environment={"SPLITCAST_FAULT": "explode"}),
]


def told(name, number):
    # mpirun lets ranks go on for a moment before it tells them, which can be enough for the rest of the copy.
    return Case(name, arguments=(*HELD, "SOURCE", "%r/data"), prepare=folders, fault=HOLD, length=LONG, signal=number,
                launcher=True, copies=EACH, perhaps=True)


SIGNALS = [
    told("mpirun is told to end (SIGTERM)", signals.SIGTERM),
    told("mpirun is interrupted (SIGINT)", signals.SIGINT),
]

GROUPS = {
    "Ranks that die": RANKS_THAT_DIE,
    "Disks and destinations": DISKS,
    "Sources": SOURCES,
    "Folders": FOLDERS,
    "Names": NAMES,
    "Options": FLAGS,
    "Signals": SIGNALS,
}
