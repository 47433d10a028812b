#!/usr/bin/env python3
"""Ranks that die, or stand still, while they copy."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import harness
from harness import DESTINATION, MPIRUN, OK, SECONDS, SPLITCAST, Command, Run


def several_nodes():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--uts", "true"], capture_output=True).returncode == 0


class Surviving(Command):
    """Ranks that die or stand still at a point of the copy that SPLITCAST_FAULT names."""

    KILLED, SURVIVORS_ONLY, SOURCE_LOST, EVICTED = 137, 7, 8, 10

    def setUp(self):
        super().setUp()
        info = subprocess.run([SPLITCAST, "info", "--json"], capture_output=True, text=True, check=True)
        if not json.loads(info.stdout)["ulfm"]["compiled"]:
            self.skipTest("this build has no ULFM")
        self.source.write_bytes(os.urandom(24_000_001))

    def survive(self, fault, *arguments, ranks=6, folders=None, per_node=None):
        """A copy for every rank; `folders`: one for each rank to be in; `per_node`: ranks on each of several nodes, by
        their names. Whatever mpirun makes of a killed rank."""
        statuses = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        places = "".join(f'{rank}) cd "{folder}" ;; ' for rank, folder in enumerate(folders or []))
        node = f"hostname node$((OMPI_COMM_WORLD_RANK / {per_node})) && " if per_node else ""
        script = f'{node}case $OMPI_COMM_WORLD_RANK in {places}*) ;; esac; "$@"; echo $? > "$OUT/$OMPI_COMM_WORLD_RANK"'
        command = ["timeout", "-k", "5", str(SECONDS), *MPIRUN, "--with-ft", "ulfm", "-n", str(ranks),
                   *(["unshare", "--uts"] if per_node else []), "sh", "-c", script,
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
        for place in ("enter,broadcast=1", "complete,broadcast=1", "decide,broadcast=1", "enter,broadcast=3",
                      "decide,broadcast=3", "enter,broadcast=4", "decide,broadcast=4", "enter,broadcast=5",
                      "complete,broadcast=5"):
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

    def test_a_rank_stands_still_in_the_setup(self):
        # Its steps from the sources to the team that moves the bytes; those before need everybody (docs/contract.md).
        for step in range(5, 10):
            with self.subTest(step=step):
                run = self.survive(f"stop:rank=3,at=setup:{step},for=4000", "-f", self.source, "%r", ranks=4)
                self.assert_survived(run, 3, self.EVICTED, "evicted")
                self.assertEqual(self.files(), ["0", "1", "2"])

    def test_the_reader_stands_still_in_the_setup(self):
        run = self.survive("stop:rank=0,at=setup:7,for=4000", self.source, "%r", ranks=4)
        self.assertEqual(run.statuses, {0: self.EVICTED, **dict.fromkeys(range(1, 4), self.SOURCE_LOST)}, run.err)
        self.assertEqual(self.files(), [])

    def test_two_stand_still_one_after_the_other(self):
        run = self.survive("stop:rank=1,at=setup:6,for=5000; stop:rank=4,at=seal,for=4000", self.source, "%r")
        self.assertEqual(run.statuses, {rank: self.EVICTED if rank in (1, 4) else 7 for rank in range(6)}, run.err)
        self.assert_copies("0", "2", "3", "5")
        self.assertEqual(self.files(), ["0", "2", "3", "5"])

    def test_a_rank_stands_still_while_it_seals(self):
        for time in (1, 2, 3):  # to disk, to read it back, to give it its name
            with self.subTest(time=time):
                run = self.survive(f"stop:rank=2,at=seal:{time},for=4000", "-f", "--verify", self.source, "%r", ranks=4)
                self.assert_survived(run, 2, self.EVICTED, "evicted")
                self.assertEqual(self.files(), ["0", "1", "3"])

    def test_a_slow_disk_is_not_silence(self):
        run = self.survive("delay:rank=2,at=seal,ms=3000; delay:rank=1,at=seal:2,ms=3000", self.source, "%r", ranks=4)
        self.assertEqual(set(run.statuses.values()), {OK}, run.err)
        self.assert_copies("0", "1", "2", "3")

    def test_silence_where_some_ranks_merely_wait(self):
        # One copy, on the reader's node: the others read nothing and write nothing.
        for fault in ("stop:rank=2,at=setup:6,for=4000", "stop:rank=2,at=enter,broadcast=1,for=4000",
                      "stop:rank=1,at=seal,for=4000"):
            with self.subTest(fault=fault):
                run = self.survive(fault, "-f", self.source, "data", ranks=4)
                silent = int(fault.split("=")[1][0])
                self.assertEqual(run.statuses, {rank: self.EVICTED if rank == silent else 7 for rank in range(4)}, run.err)
                self.assert_copies("data")

    @unittest.skipUnless(several_nodes(), "host names of their own need the rights")
    def test_silence_on_several_nodes(self):
        # The first rank of node 1 writes its copy. Whoever is left there makes one in its place, if the bytes were still
        # to come, and the node has none if they had.
        for per_node, fault, left in ((1, "stop:rank=1,at=setup:8,for=4000", (0, 2, 3)),
                                      (1, "stop:rank=2,at=seal,for=4000", (0, 1, 3)),
                                      (2, "stop:rank=2,at=setup:8,for=4000", (0, 1)),
                                      (2, "stop:rank=2,at=seal,for=4000", (0,))):
            with self.subTest(per_node=per_node, fault=fault):
                run = self.survive(fault, "-f", self.source, "%h", ranks=4, per_node=per_node)
                silent = int(fault.split("=")[1][0])
                self.assertEqual(run.statuses, {rank: self.EVICTED if rank == silent else 7 for rank in range(4)}, run.err)
                self.assert_copies(*(f"node{node}" for node in left))
                self.assertEqual(self.files(), [f"node{node}" for node in left])
                for name in self.files():
                    (self.work / name).unlink()

    def test_a_name_is_taken(self):
        (self.work / "1").write_text("in the way")
        run = self.survive("kill:rank=2,at=enter", self.source, "%r", ranks=4)
        self.assertEqual(set(run.statuses.values()), {DESTINATION}, run.err)
        self.assertEqual(self.files(), ["1"])


if __name__ == "__main__":
    harness.main()
