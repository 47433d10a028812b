"""Copies that are interrupted, and taken up again by the next one."""

import json
import os
import shutil
import subprocess

from harness import DESTINATION, MPIRUN, OK, SECONDS, SPLITCAST, Command, main

RANKS = 4
CHUNK = 4 << 20  # has one digest


class Resuming(Command):
    def setUp(self):
        super().setUp()
        self.source.write_bytes(os.urandom(64_000_001))

    def interrupt(self, fault, *flags):
        """A copy that does not get through. What mpirun makes of a killed rank does not matter."""
        command = ["timeout", "-k", "5", str(SECONDS), *MPIRUN, *flags, "-n", str(RANKS), SPLITCAST, "copy", "--resume",
                   "--parents", "--settings=segment=64K", str(self.source), "%r/copy"]
        done = subprocess.run(command, cwd=self.work, capture_output=True, text=True,
                              env={**os.environ, "SPLITCAST_FAULT": fault})
        self.assertFalse(any(name.endswith("/copy") for name in self.files()), self.files())
        self.assertTrue(all(self.partial(rank).exists() for rank in range(RANKS)), done.stderr)

    def resume(self, *arguments):
        """How many bytes each rank had when the copy was taken up; all have everything in the end."""
        run = self.copy("--resume", "--json", "--parents", *arguments, self.source, "%r/copy", ranks=RANKS)
        self.assert_status(run, OK)
        self.assert_copies(*(f"{rank}/copy" for rank in range(RANKS)))
        self.assertEqual(self.files(), sorted(name for rank in range(RANKS) for name in (str(rank), f"{rank}/copy")))
        return [record["bytes_held"] for record in json.loads(run.out)["records"]]

    def partial(self, rank, what="partial"):
        return self.work / str(rank) / f".copy.splitcast-{what}"

    def test_what_is_there_is_not_fetched_again(self):
        self.interrupt("kill:rank=2,at=receive:80%")
        held = self.resume()
        self.assertGreaterEqual(held[2], CHUNK)
        self.assertTrue(all(count % CHUNK == 0 or count == 64_000_001 for count in held), held)

    def test_every_rank_has_what_it_has(self):
        self.interrupt("kill:rank=2,at=receive:80%")
        self.partial(1).unlink()  # another node took its place
        with self.partial(3).open("r+b") as file:  # its disk has other bytes now
            file.seek(5)
            file.write(b"something else")
        held = self.resume()
        self.assertEqual((held[1], held[3]), (0, 0))
        self.assertGreaterEqual(held[2], CHUNK)

    def test_another_source_begins_from_nothing(self):
        self.interrupt("kill:rank=2,at=receive:80%")
        self.source.write_bytes(os.urandom(64_000_001))
        self.assertEqual(self.resume(), [0] * RANKS)

    def test_without_the_option_nothing_is_taken_up(self):
        self.interrupt("kill:rank=2,at=receive:80%")
        run = self.copy("--json", self.source, "%r/copy", ranks=RANKS)
        self.assert_status(run, OK)
        self.assertEqual({record["bytes_held"] for record in json.loads(run.out)["records"]}, {0})
        self.assertTrue(self.partial(2).exists())  # it is the next --resume's

    def test_of_the_ranks_that_are_left_each_keeps_what_it_has(self):
        info = subprocess.run([SPLITCAST, "info", "--json"], capture_output=True, text=True, check=True)
        if not json.loads(info.stdout)["ulfm"]["compiled"]:
            self.skipTest("this build has no ULFM")
        # The reader dies, and the others learn that its bytes are lost.
        self.interrupt("kill:rank=0,at=send:700", "--with-ft", "ulfm")
        self.resume()

    def test_a_trap_in_the_place_of_the_partial_file(self):
        (self.work / "0").mkdir()
        victim = self.folder / "victim"
        victim.write_text("untouched")
        self.partial(0).symlink_to(victim)
        run = self.copy("--resume", "--parents", self.source, "%r/copy", ranks=RANKS)
        self.assert_fails(run, DESTINATION, "partial")
        self.assertEqual(victim.read_text(), "untouched")
        shutil.rmtree(self.work / "0")
        self.assertFalse(any(name.endswith("/copy") for name in self.files()), self.files())


if __name__ == "__main__":
    main()
