#!/usr/bin/env python3
"""Ranks die in broadcasts that the drop-in makes, and the others find what docs/drop-in.md promises.

    survivors.py PROGRAM DROP-IN -- MPIRUN [FLAG...]

A rank's death proves that the broadcast went through the drop-in: MPI alone knows nothing of SPLITCAST_FAULT. Every
run is bounded; what mpirun ends with is not looked at.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SECONDS = os.environ.get("SPLITCAST_TEST_SECONDS", "60")
PROGRAM = DROP_IN = ""
MPIRUN = []
FAILED = "process failed"  # class MPIX_ERR_PROC_FAILED
SURVIVED = ["right", FAILED, FAILED]  # the broadcast in which somebody dies, and two more on that communicator


class Survivors(unittest.TestCase):
    def run_ranks(self, mode, fault, dead, steps, ranks=5):
        with tempfile.TemporaryDirectory(prefix="splitcast-drop-in.") as folder:
            done = subprocess.run(["timeout", "-k", "5", SECONDS, *MPIRUN, "-n", str(ranks), "-x",
                                   f"LD_PRELOAD={DROP_IN}", "-x", "SPLITCAST_FAULT", PROGRAM, mode, folder],
                                  capture_output=True, text=True, env={**os.environ, "SPLITCAST_FAULT": fault})
            said = {int(path.name): path.read_text().splitlines() for path in pathlib.Path(folder).iterdir()}
        text = f"{said}\n{done.stdout}\n{done.stderr}"
        self.assertNotIn(done.returncode, (124, 137), "it hung: " + text)
        left = [rank for rank in range(ranks) if rank not in dead]
        for rank in dead:
            self.assertEqual(said[rank], [], text)
        for rank in left:
            self.assertEqual(said[rank], [*steps, f"{len(left)} left", "right", "end"], f"rank {rank}: {text}")

    def test_receiver(self):
        self.run_ranks("blocking", "kill:rank=3,at=receive:50%", [3], SURVIVED)

    def test_relay_of_a_nonblocking_broadcast(self):
        self.run_ranks("nonblocking", "kill:rank=1,at=relay:50%", [1], SURVIVED)

    def test_two_at_once(self):
        self.run_ranks("blocking", "kill:rank=2+4,at=receive:30%", [2, 4], SURVIVED)

    def test_before_it_has_said_anything(self):
        self.run_ranks("blocking", "kill:rank=2,at=enter", [2], SURVIVED)

    def test_root_with_the_only_source(self):
        self.run_ranks("blocking", "kill:rank=0,at=send:2", [0], [FAILED, FAILED, FAILED])


if __name__ == "__main__":
    PROGRAM, DROP_IN, separator, *MPIRUN = sys.argv[1:]
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT"):
        os.environ.setdefault(name, "1")
        os.environ.setdefault(name + "_CONFIRM", "1")
    os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")
    unittest.main(argv=sys.argv[:1], verbosity=2)
