#!/usr/bin/env python3
"""The command on real ranks, by its interface alone: exit statuses, what is said, what is left on disk.

usage: command.py SPLITCAST [unittest arguments]

Every run is bounded by `timeout -k`. Each rank's exit status is written down by a shell around it, because mpirun
passes on only one.
"""

import contextlib
import filecmp
import json
import os
import pathlib
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

SPLITCAST = ""
LONG = 1 << 29  # a source that takes a while
PLACE = "/dev/shm" if os.path.isdir("/dev/shm") and shutil.disk_usage("/dev/shm").free > 8 * LONG else None
SECONDS = int(os.environ.get("SPLITCAST_TEST_SECONDS", "60"))
MPIRUN = ["mpirun", "--bind-to", "none", "--oversubscribe", "--mca", "btl", "self,sm"]
OK, USAGE, SOURCE, DESTINATION = 0, 2, 3, 4


class Run:
    """What one run came to."""

    def __init__(self, status, statuses, out, err):
        self.status = status
        self.statuses = statuses
        self.out = out
        self.err = err


def ranks_command(ranks, arguments, statuses):
    """@RANK@ in an argument is replaced on each rank."""
    script = """
        for argument; do
            shift
            case $argument in *@RANK@*) argument=${argument%%@RANK@*}$OMPI_COMM_WORLD_RANK ;; esac
            set -- "$@" "$argument"
        done
        "$@"
        echo $? > "STATUSES/$OMPI_COMM_WORLD_RANK"
    """
    return ["-n", str(ranks), "sh", "-c", script.replace("STATUSES", statuses), "sh", SPLITCAST, *arguments]


class Command(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory(prefix="splitcast-command.", dir=PLACE)
        self.folder = pathlib.Path(self.place.name).resolve()
        self.work = self.folder / "work"
        self.work.mkdir()
        self.source = self.folder / "source.bin"
        self.source.write_bytes(os.urandom(3_000_001))

    def tearDown(self):
        self.place.cleanup()

    def run_ranks(self, ranks, arguments, environment=None):
        statuses = tempfile.mkdtemp(dir=self.folder)
        command = ["timeout", "-k", "5", str(SECONDS), *MPIRUN]
        command += ranks_command(ranks, [str(argument) for argument in arguments], statuses)
        done = subprocess.run(command, cwd=self.work, capture_output=True, text=True, errors="surrogateescape",
                              env={**os.environ, **(environment or {})})
        found = {int(name): int((pathlib.Path(statuses) / name).read_text()) for name in os.listdir(statuses)}
        shutil.rmtree(statuses)
        self.assertEqual(sorted(found), list(range(ranks)), f"not every rank ended: {done.stderr}")
        return Run(done.returncode, found, done.stdout, done.stderr)

    def copy(self, *arguments, ranks=4, **more):
        return self.run_ranks(ranks, ["copy", *arguments], **more)

    def assert_status(self, run, status):
        self.assertEqual(set(run.statuses.values()), {status}, f"{run.statuses}\n{run.err}")

    def assert_fails(self, run, status, *words):
        """All ranks with the same status, one line that says what is wrong, nothing on stdout."""
        self.assert_status(run, status)
        lines = [line for line in run.err.splitlines() if line.strip()]
        self.assertEqual(len(lines), 1, run.err)
        self.assertEqual(run.out, "")
        for word in words:
            self.assertIn(word, lines[0])

    def files(self):
        """Everything below the working folder."""
        return sorted(str(path.relative_to(self.work)) for path in self.work.rglob("*"))

    def assert_copies(self, *names):
        for name in names:
            self.assertTrue(filecmp.cmp(self.source, self.work / name, shallow=False), name)


class Copying(Command):
    def test_one_copy_per_node(self):
        run = self.copy(self.source, "data")
        self.assert_status(run, OK)
        self.assertEqual(self.files(), ["data"])
        self.assert_copies("data")
        self.assertEqual(run.out, "")
        self.assertIn("1 copy", run.err)

    def test_one_copy_per_rank(self):
        run = self.copy("--parents", self.source, "out/%r/data", ranks=8)
        self.assert_status(run, OK)
        self.assert_copies(*[f"out/{rank}/data" for rank in range(8)])
        self.assertEqual(len(self.files()), 1 + 8 + 8)
        self.assertIn("8 copies", run.err)
        self.assertIn("segments of", run.err)

    def test_into_a_folder(self):
        (self.work / "folder").mkdir()
        self.assert_status(self.copy(self.source, "folder"), OK)
        self.assert_status(self.copy(self.source, "new/", "--parents"), OK)
        self.assert_copies("folder/source.bin", "new/source.bin")

    def test_names(self):
        name = "with space\nand line, \N{GREEK SMALL LETTER PI} %%-%j-%h-%r"
        self.assert_status(self.copy(self.source, name, ranks=2, environment={"SLURM_JOB_ID": "77"}), OK)
        host = os.uname().nodename.split(".")[0]
        self.assert_copies(*[f"with space\nand line, \N{GREEK SMALL LETTER PI} %-77-{host}-{r}" for r in range(2)])

    def test_lengths(self):
        for length in (0, 1, 65536, 65537):
            self.source.write_bytes(os.urandom(length))
            with self.subTest(length=length):
                self.assert_status(self.copy("-f", "-q", self.source, "%r"), OK)
                self.assert_copies("0", "1", "2", "3")
        self.assertEqual(self.files(), ["0", "1", "2", "3"])

    def test_replacing(self):
        (self.work / "data").write_text("old")
        (self.work / "link").symlink_to("data")
        self.assert_status(self.copy("-f", self.source, "link"), OK)
        self.assertEqual((self.work / "data").read_text(), "old")
        self.assertFalse((self.work / "link").is_symlink())
        self.assert_status(self.copy("--force", self.source, "data"), OK)
        self.assert_copies("data", "link")
        self.assertEqual(self.files(), ["data", "link"])

    def test_permissions_are_not_widened(self):
        for mode, expected in ((0o6755, 0o750), (0o600, 0o600), (0o444, 0o440)):
            self.source.chmod(mode)
            before = os.umask(0o027)
            run = self.copy("-f", self.source, "data")
            os.umask(before)
            self.assert_status(run, OK)
            self.assertEqual(stat.S_IMODE((self.work / "data").stat().st_mode), expected)

    def test_onto_itself(self):
        before = self.source.stat()
        run = self.copy(self.source, self.folder)
        self.assert_status(run, OK)
        self.assertIn("left as it is", run.err.replace("was ", ""))
        self.assertEqual(self.source.stat().st_ino, before.st_ino)
        self.assert_status(self.copy("-f", self.source, self.source), OK)
        self.assertEqual(self.source.stat().st_ino, before.st_ino)

    def test_json(self):
        run = self.copy("--json", "--fsync", self.source, "%r")
        self.assert_status(run, OK)
        report = json.loads(run.out)
        self.assertTrue(report["success"])
        self.assertEqual((report["bytes"], report["copies"]), (3_000_001, 4))
        self.assertEqual([record["rank"] for record in report["records"]], [0, 1, 2, 3])
        if shutil.which("xxhsum"):
            digest = subprocess.run(["xxhsum", "-H2", str(self.source)], capture_output=True, text=True, check=True)
            self.assertEqual(report["digest"]["value"], digest.stdout.split()[0])
        run = self.copy("--json", "nothing", "%r")
        self.assert_status(run, SOURCE)
        report = json.loads(run.out)
        self.assertEqual((report["success"], report["exit_code"], report["error"]["kind"]), (False, 3, "source"))

    def test_without_mpirun(self):
        done = subprocess.run(["timeout", "-k", "5", str(SECONDS), SPLITCAST, "copy", str(self.source), "data"],
                              cwd=self.work, capture_output=True, text=True)
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assert_copies("data")


class Failing(Command):
    """Nothing may be on disk afterwards that was not there before."""

    def setUp(self):
        super().setUp()
        self.nothing = True

    def tearDown(self):
        if self.nothing:
            self.assertEqual(self.files(), [])
        super().tearDown()

    def test_source(self):
        self.assert_fails(self.copy("none", "%r"), SOURCE, "none", "No such file")
        self.assert_fails(self.copy(self.folder, "%r"), DESTINATION, "lies in the source")
        self.assert_fails(self.copy("/dev/zero", "%r"), SOURCE, "not a regular file")
        self.assert_fails(self.copy("none", "a/%r", "--parents"), SOURCE, "none")
        self.assert_fails(self.copy("", "x"), SOURCE)

    def test_destination_exists(self):
        self.nothing = False
        (self.work / "2").write_text("mine")
        self.assert_fails(self.copy(self.source, "%r"), DESTINATION, "rank 2", "exists")
        self.assertEqual(self.files(), ["2"])
        self.assertEqual((self.work / "2").read_text(), "mine")

    def test_folder_missing(self):
        self.assert_fails(self.copy(self.source, "none/data"), DESTINATION, "none", "No such file")
        self.assert_fails(self.copy(self.source, "none/%r/data"), DESTINATION, "3 more ranks")

    def test_folders_are_removed_again(self):
        self.nothing = False
        (self.work / "a").mkdir()
        (self.work / "a" / "3").write_text("in the way")
        self.assert_fails(self.copy("--parents", self.source, "a/%r/b/c/data"), DESTINATION, "rank 3", "a/3")
        self.assertEqual(self.files(), ["a", "a/3"])

    def test_folder_for_some(self):
        self.nothing = False
        (self.work / "1").mkdir()
        self.assert_fails(self.copy(self.source, "%r"), DESTINATION, "folder for other ranks")
        self.assertEqual(self.files(), ["1"])

    def test_what_must_not_be_replaced(self):
        self.nothing = False
        os.mkfifo(self.work / "pipe")
        (self.work / "source.bin").mkdir()
        self.assert_fails(self.copy("-f", self.source, "pipe"), DESTINATION, "not a regular file")
        self.assert_fails(self.copy("-f", self.source, "."), DESTINATION, "is a folder")
        self.assertEqual(self.files(), ["pipe", "source.bin"])

    def test_same_file_twice(self):
        self.nothing = False
        for rank in range(4):
            (self.work / str(rank)).mkdir()
        self.assert_fails(self.copy(self.source, "%r/../data"), DESTINATION, "same file", "%r or %h")
        self.assertEqual(self.files(), ["0", "1", "2", "3"])

    def test_usage(self):
        for arguments in (["copy"], ["copy", "a"], ["copy", "a", "b", "c"], ["copy", "--froce", "a", "b"], ["cpoy"],
                          ["copy", "-q", "-v", "a", "b"]):
            with self.subTest(arguments=arguments):
                run = self.run_ranks(3, arguments)
                self.assert_status(run, USAGE)
                self.assertEqual(run.err.count("splitcast: "), 1, run.err)
        self.assert_status(self.run_ranks(3, []), USAGE)
        self.assert_fails(self.copy(self.source, "a%x"), USAGE, "%x stands for nothing")
        self.assert_fails(self.copy(self.source, ""), USAGE, "empty")
        run = self.copy("--settings", "segmnt=1M", self.source, "a")
        self.assert_status(run, USAGE)
        self.assertIn('did you mean "segment"?', run.err)
        self.assert_fails(self.copy(self.source, "a", environment={"SPLITCAST_SEGMENT": "huge"}), USAGE, "segment=huge")

    def test_ranks_that_differ(self):
        self.assert_fails(self.copy(self.source, "data@RANK@"), USAGE, "different sources, destinations")

    def test_file_size_limit(self):
        with open(self.source, "wb") as file:
            file.truncate(LONG)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (LONG // 2, hard))
        try:
            run = self.copy(self.source, "%r")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.assert_fails(run, DESTINATION, "ulimit -f", "File too large")


class Mounted(Command):
    """Disks that are full, or not to be written to."""

    def mount(self, name, options):
        folder = self.work / name
        folder.mkdir()
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
                                               capture_output=True).returncode:
            self.skipTest("mounting needs the rights")
        self.addCleanup(subprocess.run, ["umount", str(folder)], check=True)
        return folder

    def tearDown(self):
        self.doCleanups()  # unmounts first
        super().tearDown()

    def test_full_disk(self):
        folder = self.mount("2", "size=2m")
        for rank in (0, 1, 3):
            (self.work / str(rank)).mkdir()
        self.assert_fails(self.copy(self.source, "%r/data"), DESTINATION, "rank 2", "No space left")
        self.assertEqual(self.files(), ["0", "1", "2", "3"])
        self.assertEqual(list(folder.iterdir()), [])

    def test_read_only(self):
        self.mount("1", "size=8m,ro")
        for rank in (0, 2, 3):
            (self.work / str(rank)).mkdir()
        self.assert_fails(self.copy(self.source, "%r/data"), DESTINATION, "rank 1", "Read-only")
        self.assertEqual(self.files(), ["0", "1", "2", "3"])


class Interrupted(Command):
    """Things that happen while the bytes move. The source is long, and not sparse: holes would not move.

    What happens meets ranks that are stopped: only then is it certain that the copy is under way, and not just over.
    """

    # A copy that was over before it could be stopped does not count, and is made again, ever more slowly.
    TRIES = ([], ["--settings", "segment=4K,staging=64K"], ["--settings", "segment=1K,staging=16K,window=1"])

    def setUp(self):
        super().setUp()
        self.job = None
        self.ranks = []

    def tearDown(self):
        self.send(signal.SIGCONT)
        if self.job and self.job.poll() is None:
            self.job.kill()
            self.job.communicate()
        self.send(signal.SIGKILL)
        super().tearDown()

    def hold(self, *arguments, ranks=2, flags=(), wrapped=True):
        """Starts a copy and stops its ranks on the way."""
        with open(self.source, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, LONG)
        copy = ["copy", *map(str, arguments)]
        for slowly in self.TRIES:
            self.statuses = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
            command = ["timeout", "-k", "5", str(SECONDS), *MPIRUN, *flags]
            if wrapped:
                command += ranks_command(ranks, copy + slowly, str(self.statuses))
            else:
                command += ["-n", str(ranks), SPLITCAST, *copy, *slowly]
            self.job = subprocess.Popen(command, cwd=self.work, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
            if self.stopped_on_the_way(ranks):
                return
            self.send(signal.SIGCONT)
            out, err = self.job.communicate()
            self.assertEqual(self.job.returncode, OK, f"the copy ended before anything happened: {out}{err}")
            for name in os.listdir(self.work):
                path = self.work / name
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.skipTest("every copy was over before it could be stopped")

    def stopped_on_the_way(self, ranks):
        while self.job.poll() is None:  # `timeout` sees to it that this ends
            self.ranks = self.processes()
            if len(self.ranks) == ranks and all(written(process) > 4 << 20 for process in self.ranks):
                break
            time.sleep(0.002)
        self.send(signal.SIGSTOP)
        while self.job.poll() is None and not all(map(stopped, self.ranks)):
            time.sleep(0.002)
        # The root is ahead of the others by no more than the ring of a few MiB that it reads into.
        return self.job.poll() is None and all(4 << 20 < written(process) < LONG // 2 for process in self.ranks)

    def processes(self):
        """Those of this job that are splitcast."""
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "cwd") == str(self.work) and os.readlink(process / "exe") == SPLITCAST:
                    found.append(int(process.name))
            except OSError:
                continue
        return found

    def send(self, number):
        for process in self.ranks:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def ended(self):
        self.send(signal.SIGCONT)
        out, err = self.job.communicate()
        end = time.monotonic() + SECONDS
        while set(self.processes()) & set(self.ranks):  # mpirun does not wait for those that it ends
            self.assertLess(time.monotonic(), end, f"mpirun is gone, but not all its ranks: {out}{err}")
            time.sleep(0.002)
        self.ranks = []
        found = {int(path.name): int(path.read_text()) for path in self.statuses.iterdir()}
        return Run(self.job.returncode, found, out, err)

    def test_source_shrinks(self):
        self.hold(self.source, "%r/data", "--parents")
        os.truncate(self.source, 1 << 20)
        run = self.ended()
        self.assert_fails(run, SOURCE, "rank 0", "the source")
        self.assertEqual(self.files(), [])

    def test_source_changes(self):
        self.hold(self.source, "%r")
        with open(self.source, "r+b") as file:
            file.seek(LONG - 4)
            file.write(b"new!")
        self.assert_fails(self.ended(), SOURCE, "changed")
        self.assertEqual(self.files(), [])

    def test_name_is_taken_meanwhile(self):
        self.hold(self.source, "%r")
        (self.work / "1").write_text("somebody else's")
        self.assert_fails(self.ended(), DESTINATION, "rank 1", "File exists")
        self.assertEqual(self.files(), ["1"])
        self.assertEqual((self.work / "1").read_text(), "somebody else's")

    def test_terminated(self):
        """The ranks are told to end, as by a batch system."""
        # Else mpirun kills those that are still tidying up half a second after the first has ended.
        self.hold(self.source, "a/%r/data", "--parents", flags=["--enable-recovery"])
        self.send(signal.SIGTERM)
        run = self.ended()
        self.assert_status(run, 128 + signal.SIGTERM)
        self.assertEqual(self.files(), [])

    def test_mpirun_is_terminated(self):
        # Not in a shell, which would get the signal in its place.
        self.hold(self.source, "a/%r/data", "--parents", wrapped=False)
        self.job.send_signal(signal.SIGTERM)  # to timeout, which passes it on to mpirun, which tells the ranks
        status = self.ended().status
        copies = [name for name in self.files() if (self.work / name).is_file()]
        # mpirun lets the ranks go on for a moment before it tells them, which can be enough for the rest of the copy;
        # and kills them a moment after that, which can be too early for the folders to be removed. A part of the
        # copies is never left.
        self.assertIn(copies, ([], ["a/0/data", "a/1/data"]), status)
        self.assert_copies(*copies)

    def test_killed(self):
        self.hold(self.source, "%r")
        self.send(signal.SIGKILL)
        self.ended()
        # Where the file system knows files without a name, nothing is left; elsewhere a hidden temporary file.
        self.assertEqual([name for name in self.files() if not name.endswith(".splitcast")], [])


def written(process):
    """Bytes that a process has written so far."""
    with contextlib.suppress(OSError, IndexError):
        return int(pathlib.Path(f"/proc/{process}/io").read_text().split("wchar:")[1].split()[0])
    return 0


def stopped(process):
    """Does no thread of it run any more?"""
    with contextlib.suppress(OSError):
        states = [path.read_text().rpartition(")")[2].split()[0]
                  for path in pathlib.Path(f"/proc/{process}/task").glob("*/stat")]
        return all(state == "T" for state in states)
    return False


class Surviving(Command):
    """Ranks that die or stand still at a point of the copy that SPLITCAST_FAULT names."""

    KILLED, SURVIVORS_ONLY, SOURCE_LOST, EVICTED = 137, 7, 8, 10

    def setUp(self):
        super().setUp()
        info = subprocess.run([SPLITCAST, "info", "--json"], capture_output=True, text=True, check=True)
        if not json.loads(info.stdout)["ulfm"]["compiled"]:
            self.skipTest("this build has no ULFM")
        self.source.write_bytes(os.urandom(24_000_001))

    def survive(self, fault, *arguments, ranks=6, folders=None):
        """A copy for every rank; `folders`: one for each rank to be in. Whatever mpirun makes of a killed rank."""
        statuses = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        places = "".join(f'{rank}) cd "{folder}" ;; ' for rank, folder in enumerate(folders or []))
        script = f'case $OMPI_COMM_WORLD_RANK in {places}*) ;; esac; "$@"; echo $? > "$OUT/$OMPI_COMM_WORLD_RANK"'
        command = ["timeout", "-k", "5", str(SECONDS), *MPIRUN, "--with-ft", "ulfm", "-n", str(ranks), "sh", "-c", script,
                   "sh", SPLITCAST, "copy", "--json", *map(str, arguments)]
        done = subprocess.run(command, cwd=self.work, capture_output=True, text=True,
                              env={**os.environ, "SPLITCAST_FAULT": fault, "OUT": str(statuses)})
        found = {int(path.name): int(path.read_text()) for path in statuses.iterdir()}
        shutil.rmtree(statuses)
        self.assertEqual(sorted(found), list(range(ranks)), f"not every rank ended: {done.stderr}")
        text = done.stdout[done.stdout.find("{"):done.stdout.rfind("}") + 1]
        return Run(done.returncode, found, json.loads(text), done.stderr)

    def assert_survived(self, run, lost, status=KILLED, how="died"):
        ranks = len(run.statuses)
        self.assertEqual(run.statuses, {rank: status if rank == lost else self.SURVIVORS_ONLY for rank in range(ranks)},
                         run.err)
        left = [str(rank) for rank in range(ranks) if rank != lost]
        self.assert_copies(*left)
        self.assertEqual((run.out["success"], run.out["exit_code"], run.out["copies"]), (True, 7, ranks - 1))
        self.assertEqual([(entry["rank"], entry["how"]) for entry in run.out["lost"]], [(lost, how)])
        self.assertEqual([str(record["rank"]) for record in run.out["records"]], left)

    def test_receiver_dies_half_way(self):
        run = self.survive("kill:rank=4,at=receive:50%", self.source, "%r")
        self.assert_survived(run, 4)
        self.assertEqual(self.files(), ["0", "1", "2", "3", "5"])
        self.assertIn("rank 4", run.err)

    def test_receiver_dies_at_every_agreement(self):
        # The last one decides that all have their names: who dies in the middle of it, knowing so, may be missed or not.
        for place in ("enter,broadcast=2", "decide,broadcast=2", "enter,broadcast=3", "decide,broadcast=3",
                      "enter,broadcast=4", "decide,broadcast=4", "enter,broadcast=5"):
            with self.subTest(place=place):
                run = self.survive(f"kill:rank=2,at={place}", "-f", self.source, "%r", ranks=4)
                self.assert_survived(run, 2)
        run = self.survive("kill:rank=2,at=decide,broadcast=5", "-f", self.source, "%r", ranks=4)
        self.assertEqual(run.statuses.pop(2), self.KILLED)
        self.assertIn(set(run.statuses.values()), ({OK}, {self.SURVIVORS_ONLY}), run.err)
        self.assert_copies("0", "1", "2", "3")

    def test_reader_dies(self):
        run = self.survive("kill:rank=0,at=send:2", self.source, "%r")
        self.assertEqual(run.statuses, {0: self.KILLED, **dict.fromkeys(range(1, 6), self.SOURCE_LOST)}, run.err)
        self.assertEqual(run.out["error"]["kind"], "source_lost")
        self.assertEqual(self.files(), [])

    def test_reader_dies_and_a_mirror_stands_in(self):
        other = self.folder / "other"
        other.mkdir()
        folders = [self.folder, self.folder, other, other, other, other]
        run = self.survive("kill:rank=0,at=send:2", "--mirror", "source.bin", self.work / "%r", folders=folders)
        self.assert_survived(run, 0)

    def test_reader_that_writes_nothing_begins_again(self):
        # Its copy is the source itself, so that it has only a ring to send from.
        for rank in range(4):
            (self.work / str(rank)).mkdir()
        before, self.source = self.source, self.work / "0" / "data"
        before.rename(self.source)
        run = self.survive("kill:rank=2,at=receive:50%", self.source, "%r/data", ranks=4)
        self.assertEqual(run.statuses, {0: 7, 1: 7, 2: self.KILLED, 3: 7}, run.err)
        self.assert_copies("1/data", "3/data")
        self.assertEqual(self.files(), ["0", "0/data", "1", "1/data", "2", "3", "3/data"])

    def test_receiver_stands_still(self):
        run = self.survive("stop:rank=3,at=receive:30%,for=4000", self.source, "%r")
        self.assert_survived(run, 3, self.EVICTED, "evicted")
        self.assertEqual(self.files(), ["0", "1", "2", "4", "5"])

    def test_a_name_is_taken(self):
        (self.work / "1").write_text("in the way")
        run = self.survive("kill:rank=2,at=enter", self.source, "%r", ranks=4)
        self.assertEqual(set(run.statuses.values()), {DESTINATION}, run.err)
        self.assertEqual(self.files(), ["1"])


class Telling(Command):
    def plain(self, *arguments, environment=None):
        return subprocess.run([SPLITCAST, *arguments], capture_output=True, text=True, timeout=SECONDS,
                              env={**os.environ, **(environment or {})})

    def test_help_and_version(self):
        for arguments in (["--help"], ["copy", "--help"], ["info", "--help"], ["bench", "--help"], ["--version"]):
            with self.subTest(arguments=arguments):
                done = self.plain(*arguments)
                self.assertEqual((done.returncode, done.stderr), (OK, ""))
                self.assertTrue(done.stdout)
                run = self.run_ranks(3, arguments)
                self.assert_status(run, OK)
                self.assertEqual(run.out, done.stdout)

    def test_info(self):
        done = self.plain("info", environment={"SPLITCAST_SEGMENT": "256K"})
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertRegex(done.stdout, r"segment +256K +environment")
        self.assertNotIn("staging", done.stdout)
        done = self.plain("info", "--all")
        self.assertRegex(done.stdout, r"staging +8M +default")
        report = json.loads(self.plain("info", "--json").stdout)
        self.assertTrue(report["mpi"]["library"])
        self.assertIn("segment", [setting["name"] for setting in report["settings"]])
        report = json.loads(self.plain("info", "--json", environment={"OMPI_MCA_mpi_ft_enable": "1"}).stdout)
        if report["ulfm"]["compiled"]:
            self.assertIs(report["ulfm"]["enabled"], True)

    def test_info_with_a_bad_setting(self):
        site = self.folder / "site.conf"
        site.write_text("# of this cluster\nsegment = 256K\nwindwo = 3\n")
        done = self.plain("info", environment={"SPLITCAST_SITE_FILE": str(site)})
        self.assertEqual(done.returncode, USAGE)
        self.assertIn('did you mean "window"?', done.stderr)


if __name__ == "__main__":
    SPLITCAST = os.path.realpath(sys.argv.pop(1))
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT"):
        os.environ.setdefault(name, "1")
        os.environ.setdefault(name + "_CONFIRM", "1")
    os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")
    unittest.main(verbosity=2)
