#!/usr/bin/env python3
"""What `splitcast copy` does when something is wrong, found out by doing it.

    copy_failures.py --splitcast PROGRAM --page docs/copy-failures.md [--check] [--only WORDS] -- MPIRUN [FLAG...]

Every case of cases.py is run on real ranks: exit status of each rank, what is said, and what is on disk afterwards
are compared with what the case expects. Without --check the page is written anew from what was seen; with it, the page
must have a row for each case. Exit status: 0 all as expected; 1 not; 77 nothing could be run.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from cases import GROUPS, RANKS, Missing

SECONDS = int(os.environ.get("SPLITCAST_TEST_SECONDS", "60"))
HERE = pathlib.Path(__file__).resolve()
FT = ["--with-ft", "ulfm", "--tune", str(HERE.parents[2] / "share" / "splitcast-ft.conf")]
STATUS_OF_RANK = 'shift; "$@"; echo $? > "$STATUSES/$OMPI_COMM_WORLD_RANK"'


class Place:
    """The folder of one case: what it may use, and what it has made. `work` is where the command runs."""

    def __init__(self, splitcast, mpirun):
        self.splitcast = splitcast
        self.mpirun = mpirun
        self.holder = tempfile.TemporaryDirectory(prefix="splitcast-campaign.")
        self.folder = pathlib.Path(os.path.realpath(self.holder.name))
        self.work = self.folder / "work"
        self.work.mkdir()
        self.statuses = self.folder / "statuses"
        self.statuses.mkdir()
        self.source = self.folder / "source"
        self.mounts = []

    def close(self):
        for mount in self.mounts:
            subprocess.run(["umount", mount], check=True)
        self.holder.cleanup()

    def mount(self, name, options):
        """A small file system of its own."""
        folder = self.work / name
        folder.mkdir()
        if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],
                                          capture_output=True).returncode:
            raise Missing("mounting needs the rights")
        self.mounts.append(folder)

    def files(self):
        """Everything below `work`, as bytes: names need not be text."""
        root = os.fsencode(self.work)
        return {os.path.relpath(os.path.join(folder, name), root)
                for folder, folders, names in os.walk(root) for name in [*folders, *names]}

    def whole(self, name):
        """Is this a copy with every byte of the source?"""
        copy = self.work / os.fsdecode(name)
        if self.source.is_dir():
            return subprocess.run(["diff", "-r", "--no-dereference", self.source, copy],
                                  capture_output=True).returncode == 0
        return copy.read_bytes() == self.source_bytes

    def processes(self):
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "cwd") == str(self.work) and os.readlink(process / "exe") == self.splitcast:
                    found.append(int(process.name))
            except OSError:
                continue
        return found


def written(process):
    try:
        return int(pathlib.Path(f"/proc/{process}/io").read_text().split("wchar:")[1].split()[0])
    except (OSError, IndexError, ValueError):
        return 0


def command_of(case, place):
    wrapper = case.wrapper(place) if case.wrapper else []
    arguments = [argument if isinstance(argument, bytes) else
                 argument.replace("SOURCE", str(place.source)).replace("WORK", str(place.work))
                 for argument in case.arguments]
    command = [*wrapper, place.splitcast, "copy", *arguments]
    mpirun = [*place.mpirun, *(FT if case.ft else []), *case.flags]
    if case.signal:  # a shell would get it in the place of the command
        return [*mpirun, "-n", str(case.ranks), *command]
    return [*mpirun, "-n", str(case.ranks), "sh", "-c", STATUS_OF_RANK, "sh", "sh", *command]


def wait_until_half_way(place, job, ranks):
    """The fault in the case makes a rank wait in the middle: all of them have written something by then."""
    end = time.monotonic() + SECONDS
    while job.poll() is None and time.monotonic() < end:
        processes = place.processes()
        if len(processes) == ranks and sum(written(process) > 1 << 20 for process in processes) >= 1:
            time.sleep(0.2)
            return job.poll() is None
        time.sleep(0.005)
    return False


def run(case, place):
    """Exit statuses by rank, that of mpirun, and what was said."""
    environment = {**os.environ, "STATUSES": str(place.statuses), **case.environment}
    if case.fault:
        environment["SPLITCAST_FAULT"] = case.fault
    job = subprocess.Popen(["timeout", "-k", "5", str(SECONDS), *command_of(case, place)], cwd=place.work,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                           preexec_fn=case.limit)
    problems = []
    if case.meanwhile or case.signal:
        if not wait_until_half_way(place, job, case.ranks):
            problems.append("it was over before anything could happen")
        elif case.meanwhile:
            case.meanwhile(place)
        else:
            job.send_signal(case.signal)
    out, err = job.communicate()
    end = time.monotonic() + 10
    while place.processes() and time.monotonic() < end:
        time.sleep(0.01)  # mpirun does not wait for those that it ends
    statuses = {int(path.name): int(path.read_text()) for path in place.statuses.iterdir()}
    text = (out + err).decode(errors="backslashreplace")
    if job.returncode in (124, 137) and not case.launcher:
        problems.append("it hung")
    return statuses, job.returncode, text, problems


def what_was_said(text, place):
    """The line that matters, without what differs from run to run."""
    lines = [line for line in text.splitlines() if line.startswith("splitcast")]
    line = next((line for line in lines if "error:" in line), None) or \
        next((line for line in lines if re.search(r"died|did not answer", line)), None) or \
        next((line for line in lines if "segments of" not in line), "")
    for old, new in ((str(place.work), "WORK"), (str(place.source), "SOURCE"), (str(place.folder), "DIR"),
                     (os.uname().nodename, "HOST")):
        line = line.replace(old, new)
    line = re.sub(r"\d+\.\d+ s\b", "T s", line)
    line = re.sub(r"[\d.]+ [KMG]iB/s", "R/s", line)
    line = re.sub(r"(.{1,2}?)\1{20,}( \[...\] .?(\1)+)?", r"\1\1\1...", line)
    return line


def judge(case, place, before):
    statuses, status, text, problems = run(case, place)
    before |= {os.fsencode(name) for name in case.made_meanwhile}
    said = what_was_said(text, place)
    if not case.launcher:
        expected = case.statuses or {rank: case.status for rank in range(case.ranks)}
        if statuses != expected:
            problems.append(f"exit statuses {statuses}, expected {expected}")
    elif status == 0:
        problems.append("mpirun ended with 0")
    for word in case.words:
        if word not in text:
            problems.append(f"{word!r} was not said")
    new = place.files() - before
    expected_files = {os.fsencode(name) for name in case.copies}
    if case.folder:
        # What is in a copy is compared as a whole. A rank that was killed cannot tidy up; the next copy does.
        new = {name for name in new if not any(os.path.dirname(name).startswith(copy) for copy in expected_files)
               and not (case.ft and b"/.data." in name)}
    if case.perhaps and not new:
        expected_files = set()
    if new != expected_files:
        problems.append(f"left on disk: {sorted(new)}, expected {sorted(expected_files)}")
    if before - place.files():
        problems.append(f"gone from disk: {sorted(before - place.files())}")
    problems += [f"{name!r} is not whole" for name in new & expected_files if not place.whole(name)]
    if case.afterwards:
        problems += case.afterwards(place)
    if problems:
        problems.append(text)
    return said, sorted(new), problems


def try_case(case, splitcast, mpirun):
    place = Place(splitcast, mpirun)
    try:
        place.source_bytes = os.urandom(case.length)
        place.source.write_bytes(place.source_bytes)
        if case.prepare:
            case.prepare(place)
        return judge(case, place, place.files())
    finally:
        place.close()


def escape(text):
    text = os.fsencode(text).decode(errors="backslashreplace")
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def statuses_text(case):
    if case.launcher:
        return "that of mpirun"
    if not case.statuses:
        return str(case.status)
    others = {status for status in case.statuses.values()}
    return ", ".join(f"{status} on rank {'+'.join(str(r) for r in case.statuses if case.statuses[r] == status)}"
                     for status in sorted(others))


def left_text(case):
    if case.left:
        return case.left
    if not case.copies:
        return "nothing"
    names = ", ".join(f"`{name}`" for name in case.copies)
    return f"{names}, whole" + (", or nothing" if case.perhaps else "")


HEAD = """# What goes wrong with a copy, and what is then on disk

Each row was done on real ranks, {ranks} unless the row says otherwise, by

    tests/campaign/copy_failures.py --splitcast build/release/src/cli/splitcast --page docs/copy-failures.md -- {mpirun}

which wrote this page; `ctest -R campaign` does it again and fails where an exit status, a message or what is left on
disk is another. In every case that fails no copy has its final name, nothing partial and no folder that was made stays (but with
--resume), what was there before is as it was, and no rank hangs. `exit-codes.md` lists the statuses. In messages WORK is the folder that
the command runs in, DIR the one that the source is in.

"""


def page(rows, mpirun):
    text = HEAD.format(ranks=RANKS, mpirun=" ".join(mpirun))
    for group, cases in GROUPS.items():
        text += f"## {group}\n\n| what happens | exit status | what is said | new on disk |\n|---|---|---|---|\n"
        for case in cases:
            said = rows.get(case.name)
            if said is not None:
                text += f"| {escape(case.name)} | {statuses_text(case)} | {escape(said)} | {escape(left_text(case))} |\n"
        text += "\n"
    return text.rstrip() + "\n"


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--splitcast", required=True, type=os.path.realpath)
    parser.add_argument("--page", required=True, type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("mpirun", nargs="+")
    return parser.parse_args()


def main():
    args = arguments()
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT"):
        os.environ.setdefault(name, "1")
        os.environ.setdefault(name + "_CONFIRM", "1")
    os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")
    rows, failed = {}, 0
    written_page = args.page.read_text() if args.page.exists() else ""
    for case in (case for cases in GROUPS.values() for case in cases if args.only in case.name):
        try:
            said, left, problems = try_case(case, args.splitcast, args.mpirun)
        except Missing as missing:
            print(f"skipped: {case.name}: {missing}", flush=True)
            continue
        rows[case.name] = said
        if args.check and f"| {escape(case.name)} | {statuses_text(case)} |" not in written_page:
            problems.append(f"{args.page} has no such row; write it anew without --check")
        failed += bool(problems)
        print(f"{'FAILED' if problems else 'ok'}: {case.name}", *problems, sep="\n  ", flush=True)
    if not args.check and not args.only:
        args.page.write_text(page(rows, args.mpirun))
    print(f"{len(rows)} cases, {failed} not as expected")
    return 77 if not rows else 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
