#!/usr/bin/env python3
"""Files into memory while ranks die, stand still, or take the file away.

    reading.py PROGRAM -- MPIRUN [FLAG...]

Every run is bounded; what mpirun ends with is not looked at. Where the rights are there, ranks get host names of
their own, two ranks to a name, so that they are several nodes to splitcast.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

SECONDS = os.environ.get("SPLITCAST_TEST_SECONDS", "60")
PROGRAM = ""
MPIRUN = []
LENGTH = 24_000_001
RANKS = 6
NODES = ["sh", "-c", 'hostname node$((OMPI_COMM_WORLD_RANK / 2)); exec "$@"', "sh"]


def several_nodes():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--uts", "true"], capture_output=True).returncode == 0


class Reading(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="splitcast-reading.")
        self.addCleanup(place.cleanup)
        self.path = pathlib.Path(place.name) / "data"
        subprocess.run([PROGRAM, "--make", str(self.path), str(LENGTH)], check=True)

    def start(self, way, fault, nodes):
        self.folder = tempfile.TemporaryDirectory(prefix="splitcast-reading.")
        self.addCleanup(self.folder.cleanup)
        apart = ["unshare", "--uts", *NODES] if nodes else []
        return subprocess.Popen(
            ["timeout", "-k", "5", SECONDS, *MPIRUN, "-n", str(RANKS), *apart, PROGRAM, way, str(self.path),
             self.folder.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "SPLITCAST_FAULT": fault})

    def end(self, job):
        out, _ = job.communicate()
        said = {int(path.name): path.read_text().splitlines() for path in pathlib.Path(self.folder.name).iterdir()
                if path.name.isdigit()}
        self.assertNotIn(job.returncode, (124, 137), f"it hung: {said} {out}")
        return said, out

    def run_ranks(self, way, fault, dead, outcomes=None, evicted=(), nodes=False):
        """Each survivor has `outcomes`, and knows of the dead and the evicted."""
        if nodes and not several_nodes():
            self.skipTest("host names of their own need the rights")
        said, out = self.end(self.start(way, fault, nodes))
        gone = sorted([*dead, *evicted])
        for rank in dead:
            self.assertNotIn("end", said[rank], out)
        outcomes = outcomes or [f"right {LENGTH}"] * 2
        left = [rank for rank in range(RANKS) if rank not in gone]
        for rank in left:
            text = f"rank {rank}: {said} {out}"
            self.assertEqual(len(said[rank]), len(outcomes) + 2, text)
            for line, outcome in zip(said[rank], outcomes):
                self.assertTrue(line.startswith(outcome), text)
            self.assertEqual(said[rank][:len(outcomes)], said[left[0]][:len(outcomes)], text)
            self.assertEqual(said[rank][-2:], [" ".join(["failed", *map(str, gone)]), "end"], text)
        for rank in evicted:
            self.assertIn("this rank did not answer", said[rank][0], out)
        self.assertEqual([name for name in os.listdir("/dev/shm") if name.startswith("splitcast-")
                          and time.time() - os.stat(f"/dev/shm/{name}").st_mtime < 5], [])


class Surviving(Reading):
    """Broadcasts of a call: 1 the announcement, 2 whether all have memory, 3 the bytes, 4 the verdict. Where memory is
    shared: 2 whether the leaders know each other, 3 and 4 memory, 5 the bytes (leaders only), then the verdict."""

    def test_receiver_dies(self):
        self.run_ranks("own", "kill:rank=3,at=receive:50%,broadcast=3", [3])

    def test_two_die_at_different_times(self):
        self.run_ranks("own", "kill:rank=3,at=enter,broadcast=2; kill:rank=5,at=relay:30%,broadcast=3", [3, 5])

    def test_receiver_stands_still(self):
        self.run_ranks("own", "stop:rank=2,at=receive:50%,broadcast=3,for=4000", [], evicted=[2])

    def test_reader_dies(self):
        self.run_ranks("own", "kill:rank=0,at=send:3,broadcast=3", [0], ["ranks were lost", "ranks were lost"])

    def test_reader_dies_before_it_has_said_anything(self):
        self.run_ranks("own-mirror", "kill:rank=0,at=enter,broadcast=1", [0])

    def test_another_reads_in_its_place(self):
        self.run_ranks("own-mirror", "kill:rank=0,at=send:3,broadcast=3", [0])

    def test_leader_of_a_node_dies(self):
        self.run_ranks("shared", "kill:rank=2,at=receive:50%,broadcast=5", [2], nodes=True)

    def test_node_dies(self):
        self.run_ranks("shared", "kill:rank=2,at=receive:50%,broadcast=5; kill:rank=3,at=enter,broadcast=5", [2, 3],
                       nodes=True)

    def test_leaders_die_one_after_the_other(self):
        # The second try of the same call goes on counting: announcement 7, leaders 8, memory 9 and 10, the bytes 11.
        self.run_ranks("shared", "kill:rank=2,at=receive:50%,broadcast=5; kill:rank=4,at=receive:50%,broadcast=11",
                       [2, 4], nodes=True)

    def test_leader_dies_before_data_moves(self):
        for broadcast in (1, 2, 3, 4):
            with self.subTest(broadcast=broadcast):
                self.run_ranks("shared", f"kill:rank=4,at=enter,broadcast={broadcast}", [4], nodes=True)

    def test_leader_stands_still(self):
        self.run_ranks("shared", "stop:rank=2,at=receive:50%,broadcast=5,for=4000", [], evicted=[2], nodes=True)

    def test_others_on_a_node_die(self):
        self.run_ranks("shared", "kill:rank=1+5,at=enter,broadcast=4", [1, 5], nodes=True)

    def test_reader_of_shared_memory_dies(self):
        self.run_ranks("shared", "kill:rank=0,at=send:3,broadcast=5", [0], ["ranks were lost", "ranks were lost"],
                       nodes=True)
        self.run_ranks("shared-mirror", "kill:rank=0,at=send:3,broadcast=5", [0], nodes=True)


class Changing(Reading):
    """The file is changed while it is read. The reader is made to wait in the middle."""

    def change(self, way, how, word):
        broadcast = 3 if way == "own" else 5
        job = self.start(way, f"delay:rank=0,at=send:8,ms=1500,broadcast={broadcast}", several_nodes())
        begun = [pathlib.Path(self.folder.name) / f"{rank}.begun" for rank in range(RANKS)]
        while job.poll() is None and not all(path.exists() for path in begun):
            time.sleep(0.002)
        time.sleep(0.5)
        how()
        said, out = self.end(job)
        for rank in range(RANKS):
            self.assertRegex(said[rank][0], word, out)
            self.assertEqual(said[rank][0], said[0][0])
            self.assertEqual(said[rank][-1], "end", out)

    def test_becomes_shorter(self):
        # Which of the two is found out depends on how far ahead of the network the file was read.
        self.change("own", lambda: os.truncate(self.path, 20_000_000), "(became shorter|was changed) while it was read")

    def test_becomes_shorter_shared(self):
        self.change("shared", lambda: os.truncate(self.path, 1), "(became shorter|was changed) while it was read")

    def test_changes(self):
        self.change("own", lambda: os.utime(self.path, (0, 0)), "was changed")

    def test_is_removed(self):
        """An open file can be read to its end."""
        self.change("own", lambda: os.unlink(self.path), f"right {LENGTH}")


if __name__ == "__main__":
    PROGRAM, separator, *MPIRUN = sys.argv[1:]
    if "--" in MPIRUN:
        at = MPIRUN.index("--")
        MPIRUN, names = MPIRUN[:at], MPIRUN[at + 1:]
    else:
        names = []
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT"):
        os.environ.setdefault(name, "1")
        os.environ.setdefault(name + "_CONFIRM", "1")
    os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")
    unittest.main(argv=[sys.argv[0], *names], verbosity=2)
