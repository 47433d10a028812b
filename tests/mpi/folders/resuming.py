#!/usr/bin/env python3
"""Copies of folders, and of files that do not go as they are, that are interrupted and taken up by the next one."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time

import harness
import trees
from harness import DESTINATION, MPIRUN, OK, SECONDS, SPLITCAST
from trouble import without_its_tests

RANKS = 4
CHUNK = 4 << 20  # has one digest
# Two agreements come after the catalogue, and then the batches of 1, 2, 4, 8, 16 and up to 16 MiB.
LAST_BATCH = 10


def half_random(blocks):
    """Something that gets smaller when it is compressed, with no two parts alike."""
    return b"".join(os.urandom(1 << 15) + os.urandom(1 << 10) * 32 for _ in range(blocks))


class Resuming(without_its_tests(trees.Trees)):
    def setUp(self):
        super().setUp()
        (self.tree / "sub/more").write_bytes(half_random(600))  # 40 MB

    def tearDown(self):
        self.doCleanups()  # unmounts first
        super().tearDown()

    def interrupt(self, fault, *arguments, sources=None, flags=()):
        """A copy that does not get through. What mpirun makes of a killed rank does not matter."""
        command = ["timeout", "-k", "5", str(SECONDS), *MPIRUN, *flags, "-n", str(RANKS), SPLITCAST, "copy", "--resume",
                   "--parents", *arguments, *map(str, sources or [self.tree]), "%r/copy"]
        done = subprocess.run(command, cwd=self.work, capture_output=True, text=True,
                              env={**os.environ, "SPLITCAST_FAULT": fault})
        self.assertFalse(any((self.work / str(rank) / "copy").exists() for rank in range(RANKS)))
        self.assertTrue(all(self.partial(rank).is_dir() for rank in range(RANKS)), done.stderr)

    def partial(self, rank):
        return self.work / str(rank) / ".copy.splitcast-partial"

    def resume(self, *arguments, sources=None):
        """How many bytes each rank had; all have everything in the end, and nothing else."""
        run = self.copy("--resume", "--json", "--parents", *arguments, *(sources or [self.tree]), "%r/copy", ranks=RANKS)
        self.assert_status(run, OK)
        for rank in range(RANKS):
            self.assertEqual(os.listdir(self.work / str(rank)), ["copy"])
            if sources is None:
                self.assert_same(f"{rank}/copy", preserved="-p" in arguments)
        self.report = json.loads(run.out)
        return [record["bytes_held"] for record in self.report["records"]]

    def test_what_is_there_is_not_fetched_again(self):
        self.interrupt(f"kill:rank=2,at=receive:80%,broadcast={LAST_BATCH}")
        held = self.resume()
        self.assertGreaterEqual(held[2], 3 * CHUNK)
        self.assertGreaterEqual(min(held), CHUNK)
        # A batch that somebody has a part of is fetched as a whole; the smallest are not.
        self.assertLess(self.report["wire_bytes"], 43_000_000 - (3 << 20))

    def test_every_rank_has_what_it_has(self):
        for arguments in (("-p",), ("-p", "-Clz4"), ("-Czstd",)):
            with self.subTest(arguments=arguments):
                self.interrupt(f"kill:rank=2,at=receive:80%,broadcast={LAST_BATCH}", *arguments)
                shutil.rmtree(self.partial(1))  # another node took its place
                with (self.partial(3) / "0/large").open("r+b") as file:  # its disk has other bytes now
                    file.seek(5)
                    file.write(b"something else")
                held = self.resume(*arguments)
                self.assertEqual((held[1], held[3]), (0, 0))
                self.assertGreaterEqual(held[2], 3 * CHUNK)
                for rank in range(RANKS):
                    shutil.rmtree(self.work / str(rank))

    def test_all_that_lacked_was_the_name(self):
        self.interrupt(f"kill:rank=2,at=enter,broadcast={LAST_BATCH + 2}", "-p")
        held = self.resume("-p", "--verify")
        self.assertEqual(set(held), {held[0]})
        self.assertGreater(held[0], 40_000_000)
        self.assertEqual(self.report["wire_bytes"], 0)

    def test_interrupted_again_and_again(self):
        self.interrupt("kill:rank=3,at=receive:50%,broadcast=8")
        # One more agreement where nobody begins from nothing.
        self.interrupt("kill:rank=1,at=receive:50%,broadcast=8")
        self.interrupt("kill:rank=0,at=send:50%,broadcast=8")
        self.resume()

    def test_single_files(self):
        self.source.write_bytes(half_random(600))
        for arguments in (("-p",), ("-Czstd",)):
            with self.subTest(arguments=arguments):
                self.interrupt("kill:rank=2,at=receive:80%,broadcast=9", *arguments, sources=[self.source])
                held = self.resume(*arguments, sources=[self.source])
                self.assertGreaterEqual(held[2], CHUNK)
                self.assert_copies(*(f"{rank}/copy" for rank in range(RANKS)))
                for rank in range(RANKS):
                    shutil.rmtree(self.work / str(rank))

    def test_several_sources(self):
        fault = {"SPLITCAST_FAULT": "kill:rank=2,at=receive:80%,broadcast=9"}
        command = ["timeout", "-k", "5", str(SECONDS), *MPIRUN, "-n", str(RANKS), SPLITCAST, "copy", "--resume", "--parents",
                   str(self.tree), str(self.source), "%r"]
        subprocess.run(command, cwd=self.work, capture_output=True, env={**os.environ, **fault})
        self.assertEqual(os.listdir(self.work / "2"), [".tree.splitcast-partial"])
        run = self.copy("--resume", "--json", self.tree, self.source, "%r", ranks=RANKS)
        self.assert_status(run, OK)
        self.assertGreaterEqual(json.loads(run.out)["records"][2]["bytes_held"], CHUNK)
        for rank in range(RANKS):
            self.assertEqual(sorted(os.listdir(self.work / str(rank))), ["source.bin", "tree"])
            self.assert_same(f"{rank}/tree")
            self.assert_copies(f"{rank}/source.bin")

    def test_another_source_begins_from_nothing(self):
        self.interrupt(f"kill:rank=2,at=receive:80%,broadcast={LAST_BATCH}")
        (self.tree / "sub/more").write_bytes(half_random(100))
        self.assertEqual(self.resume(), [0] * RANKS)
        # The same with other attributes is another copy, too.
        for rank in range(RANKS):
            shutil.rmtree(self.work / str(rank))
        self.interrupt("kill:rank=2,at=receive:80%,broadcast=7")
        self.assertEqual(self.resume("-p"), [0] * RANKS)

    def test_without_the_option_nothing_is_taken_up(self):
        self.interrupt(f"kill:rank=2,at=receive:80%,broadcast={LAST_BATCH}")
        run = self.copy("--json", self.tree, "%r/copy", ranks=RANKS)
        self.assert_status(run, OK)
        self.assertEqual({record["bytes_held"] for record in json.loads(run.out)["records"]}, {0})
        self.assertTrue(self.partial(2).exists())  # it is the next --resume's
        shutil.rmtree(self.work / "2/copy")

    def test_a_disk_with_room_for_one(self):
        """What is there already needs no more room, nor does a file that was begun."""
        small = self.work / "1"
        small.mkdir()
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(small)],
                                               capture_output=True).returncode:
            self.skipTest("mounting needs the rights")
        self.addCleanup(subprocess.run, ["umount", str(small)], check=True)
        self.interrupt(f"kill:rank=2,at=receive:80%,broadcast={LAST_BATCH}")
        self.assertGreaterEqual(self.resume()[1], CHUNK)

    def test_another_copy_is_under_way(self):
        self.partial(1).mkdir(parents=True)
        folder = os.open(self.partial(1), os.O_RDONLY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        run = self.copy("--resume", "--parents", self.tree, "%r/copy", ranks=RANKS)
        self.assert_fails(run, DESTINATION, "rank 1", "1/copy: another copy to it is under way")
        self.assertEqual(self.files(), ["1", "1/.copy.splitcast-partial"])

    def test_a_trap_in_the_place_of_the_partial_copy(self):
        victim = self.folder / "victim"
        victim.mkdir()
        (self.work / "0").mkdir()
        self.partial(0).symlink_to(victim)
        run = self.copy("--resume", "--parents", self.tree, "%r/copy", ranks=RANKS)
        self.assert_fails(run, DESTINATION, "rank 0", ".copy.splitcast-partial")
        self.assertEqual(os.listdir(victim), [])

    def test_told_to_end(self):
        """SIGTERM leaves what is there."""
        command = ["timeout", "-k", "5", str(SECONDS), *MPIRUN, "-n", str(RANKS), SPLITCAST, "copy", "--resume", "--parents",
                   str(self.tree), "%r/copy"]
        job = subprocess.Popen(command, cwd=self.work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={
            **os.environ, "SPLITCAST_FAULT": f"delay:rank=0,at=send:2,ms=4000,broadcast={LAST_BATCH}"})
        journals = [self.partial(rank) / "journal" for rank in range(RANKS)]
        while job.poll() is None and not all(path.exists() and path.stat().st_size > 64 for path in journals):
            time.sleep(0.005)
        job.send_signal(signal.SIGTERM)
        _, err = job.communicate()
        self.assertNotEqual(job.returncode, OK, err)
        self.assertEqual([os.listdir(self.work / str(rank)) for rank in range(RANKS)],
                         [[".copy.splitcast-partial"]] * RANKS)
        self.assertGreaterEqual(min(self.resume()), CHUNK)

    def surviving(self, fault, *arguments):
        """Started so that ranks may die; only ranks 0 and 1 see the source."""
        info = subprocess.run([SPLITCAST, "info", "--json"], capture_output=True, text=True, check=True)
        if not json.loads(info.stdout)["ulfm"]["compiled"]:
            self.skipTest("this build has no ULFM")
        script = f'test "$OMPI_COMM_WORLD_RANK" -gt 1 || cd "{self.folder}"; exec "$@"'
        command = ["timeout", "-k", "5", str(SECONDS), *MPIRUN, "--with-ft", "ulfm", "-n", str(RANKS), "sh", "-c", script, "sh",
                   SPLITCAST, "copy", "--resume", "--parents", *arguments, "tree", f"{self.work}/%r/copy"]
        return subprocess.run(command, cwd=self.work, capture_output=True, text=True,
                              env={**os.environ, "SPLITCAST_FAULT": fault})

    def test_each_rank_that_is_left_keeps_what_it_has(self):
        done = self.surviving(f"kill:rank=0,at=send:2,broadcast={LAST_BATCH}")
        self.assertIn("lost", done.stderr)
        self.assertEqual([os.listdir(self.work / str(rank)) for rank in range(RANKS)],
                         [[".copy.splitcast-partial"]] * RANKS)
        self.assertGreaterEqual(min(self.resume()), CHUNK)

    def test_the_reader_dies_when_it_is_taken_up(self):
        for broadcast in (3, 6, 8):
            with self.subTest(broadcast=broadcast):
                for rank in range(RANKS):
                    shutil.rmtree(self.work / str(rank), ignore_errors=True)
                self.surviving(f"kill:rank=0+1,at=send:1,broadcast={LAST_BATCH}", "-Clz4", "--mirror")
                shutil.rmtree(self.partial(3))
                point = "enter" if broadcast == 3 else "send:1"
                done = self.surviving(f"kill:rank=0,at={point},broadcast={broadcast}", "-Clz4", "--mirror")
                self.assertIn("rank 0", done.stderr)
                for rank in range(1, RANKS):
                    self.assertEqual(os.listdir(self.work / str(rank)), ["copy"], done.stderr)
                    self.assert_same(f"{rank}/copy")


if __name__ == "__main__":
    harness.main()
