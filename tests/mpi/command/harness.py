"""What the tests of the command share: running it on real ranks, and looking at what it leaves.

Every run is bounded by `timeout -k`. Each rank's exit status is written down by a shell around it, because mpirun
passes on only one.
"""

import filecmp
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SPLITCAST = os.path.realpath(sys.argv[1]) if len(sys.argv) > 1 else ""
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
        done = subprocess.run(command, cwd=self.work, capture_output=True, env={**os.environ, **(environment or {})})
        # Not as text, which would make a line's end of each "\r".
        out, err = (text.decode(errors="surrogateescape") for text in (done.stdout, done.stderr))
        found = {int(name): int((pathlib.Path(statuses) / name).read_text()) for name in os.listdir(statuses)}
        shutil.rmtree(statuses)
        self.assertEqual(sorted(found), list(range(ranks)), f"not every rank ended: {err}")
        return Run(done.returncode, found, out, err)

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

    def plain(self, *arguments, environment=None):
        """Without mpirun."""
        return subprocess.run(["timeout", "-k", "5", str(SECONDS), SPLITCAST, *map(str, arguments)], cwd=self.work,
                              capture_output=True, text=True, env={**os.environ, **(environment or {})})


def main():
    """usage: <file>.py SPLITCAST [unittest arguments]"""
    del sys.argv[1]
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT"):
        os.environ.setdefault(name, "1")
        os.environ.setdefault(name + "_CONFIRM", "1")
    os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")
    unittest.main(verbosity=2)
