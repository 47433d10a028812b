#!/usr/bin/env python3
"""What happens to sources, names and processes while the bytes move."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import harness
from harness import DESTINATION, LONG, MPIRUN, OK, SECONDS, SOURCE, SPLITCAST, Command, Run, ranks_command


class Interrupted(Command):
    """Things that happen while the bytes move. The source is long, and has no holes: those would not move.

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


if __name__ == "__main__":
    harness.main()
