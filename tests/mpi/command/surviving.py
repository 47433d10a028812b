#!/usr/bin/env python3
"""Ranks that die, or stand still, while they copy."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import harness
from harness import DESTINATION, MPIRUN, OK, SECONDS, SPLITCAST, Command, Run


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


if __name__ == "__main__":
    harness.main()
