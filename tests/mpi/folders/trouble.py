#!/usr/bin/env python3
"""Copies of folders that go wrong: everywhere in the same way, without a trace, and survivors get everything."""

import os
import shutil
import signal
import socket
import subprocess
import time

import harness
import interrupted
import surviving
from harness import DESTINATION, OK, SECONDS, SOURCE, SPLITCAST, Command


def without_its_tests(case):
    """A class to build on: its own tests run elsewhere."""
    return type(case.__name__, (case,), {name: None for name in dir(case) if name.startswith("test")})


def same(source, copy):
    done = subprocess.run(["diff", "-r", "--no-dereference", str(source), str(copy)], capture_output=True, text=True)
    return done.stdout + done.stderr


class Refused(Command):
    def setUp(self):
        super().setUp()
        self.tree = self.folder / "tree"
        (self.tree / "sub").mkdir(parents=True)
        (self.tree / "sub/file").write_bytes(os.urandom(100_000))

    def test_what_cannot_be_copied(self):
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(str(self.tree / "sub/socket"))
        self.assert_fails(self.copy(self.tree, "%r"), SOURCE, "tree/sub/socket", "a socket")
        os.unlink(self.tree / "sub/socket")
        if os.geteuid() == 0:
            try:
                os.mknod(self.tree / "null", 0o20666, os.makedev(1, 3))
            except PermissionError:
                return
            self.assert_fails(self.copy(self.tree, "%r"), SOURCE, "tree/null", "a device")
        self.assertEqual(self.files(), [])

    def test_what_may_not_be_read(self):
        (self.tree / "sub/file").chmod(0)
        as_nobody = []
        if os.geteuid() == 0:
            if not shutil.which("setpriv"):
                self.skipTest("root may read everything")
            as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            self.folder.chmod(0o755)
            self.work.chmod(0o777)
        done = subprocess.run(["timeout", "-k", "5", str(SECONDS), *as_nobody, SPLITCAST, "copy", str(self.tree), "copy"],
                              cwd=self.work, capture_output=True, text=True, env={**os.environ, "HOME": str(self.work)})
        self.assertEqual(done.returncode, SOURCE, done.stderr)
        self.assertIn("tree/sub/file: cannot read the file: Permission denied", done.stderr)
        self.assertEqual([name for name in self.files() if "copy" in name], [])

    def test_not_everything_may_be_preserved(self):
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("needs another user")
        (self.tree / "sub/file").chmod(0o4755)
        self.folder.chmod(0o755)
        self.work.chmod(0o777)
        (self.tree / "sub").chmod(0o555)
        done = subprocess.run(["timeout", "-k", "5", str(SECONDS), "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                               SPLITCAST, "copy", "-p", str(self.tree), "copy"],
                              cwd=self.work, capture_output=True, text=True, env={**os.environ, "HOME": str(self.work)})
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertIn("owner was not preserved", done.stderr)
        self.assertEqual(os.stat(self.work / "copy/sub/file").st_mode & 0o7777, 0o755)
        self.assertEqual(os.stat(self.work / "copy/sub").st_mode & 0o7777, 0o555)

    def test_a_link_is_planted(self):
        """What is in the way is not followed."""
        elsewhere = self.folder / "elsewhere"
        elsewhere.write_text("untouched")
        (self.work / "in").mkdir()
        (self.work / "in/tree").symlink_to(elsewhere)
        self.assert_fails(self.copy(self.tree, "in"), DESTINATION, "exists")
        self.assert_fails(self.copy("-f", self.tree, "in"), DESTINATION, "not a folder")
        self.assertEqual(elsewhere.read_text(), "untouched")
        self.assertEqual(self.files(), ["in", "in/tree"])

    def mount(self, options):
        folder = self.work / "small"
        folder.mkdir()
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
                                               capture_output=True).returncode:
            self.skipTest("mounting needs the rights")
        self.addCleanup(subprocess.run, ["umount", str(folder)], check=True)
        return folder

    def tearDown(self):
        self.doCleanups()  # unmounts first
        super().tearDown()

    def test_a_disk_is_too_small(self):
        small = self.mount("size=1m,nr_inodes=20")
        (self.tree / "large").write_bytes(os.urandom(2 << 20))
        self.assert_fails(self.copy(self.tree, self.source, small), DESTINATION, "small", "No space left")
        (self.tree / "large").unlink()
        for number in range(30):
            (self.tree / f"{number}").write_text("a file")
        self.assert_fails(self.copy(self.tree, small), DESTINATION, "more files and folders", "No space left")
        self.assertEqual(list(small.iterdir()), [])

    def test_a_disk_gets_full(self):
        """There is room for each of two copies, but not for both."""
        small = self.mount("size=20m")
        (self.tree / "large").write_bytes(os.urandom(15 << 20))
        (self.work / "2").mkdir()
        for rank in range(2):
            (self.work / str(rank)).symlink_to(small)
        run = self.copy(self.tree, "%r/%r-copy", ranks=3)
        self.assert_fails(run, DESTINATION, "large", "No space left")
        self.assertEqual(list(small.iterdir()), [])
        self.assertEqual(list((self.work / "2").iterdir()), [])


class Meanwhile(without_its_tests(interrupted.Interrupted)):
    """While the bytes of a folder move."""

    def setUp(self):
        super().setUp()
        self.tree = self.folder / "tree"
        (self.tree / "sub").mkdir(parents=True)
        (self.tree / "z").write_text("the last one")
        self.source = self.tree / "sub/large"

    def test_a_file_shrinks(self):
        self.hold(self.tree, "%r/copy", "--parents")
        os.truncate(self.source, 1 << 20)
        self.assert_fails(self.ended(), SOURCE, "tree/sub/large", "the file")
        self.assertEqual(self.files(), [])

    def test_a_file_grows(self):
        self.hold(self.tree, "%r")
        with open(self.tree / "z", "a") as file:
            file.write("!")
        self.assert_fails(self.ended(), SOURCE, "tree/z", "changed")
        self.assertEqual(self.files(), [])

    def test_a_file_vanishes(self):
        self.hold("-C", self.tree, "%r")
        (self.tree / "z").unlink()
        self.assert_fails(self.ended(), SOURCE, "tree/z", "No such file")
        self.assertEqual(self.files(), [])

    def test_a_name_is_taken(self):
        self.hold(self.tree, "%r")
        (self.work / "1").write_text("somebody else's")
        self.assert_fails(self.ended(), DESTINATION, "rank 1", "File exists")
        self.assertEqual(self.files(), ["1"])

    def test_terminated(self):
        (self.work / "old").mkdir()
        self.hold(self.tree, "a/%r/copy", "--parents", flags=["--enable-recovery"])
        self.send(signal.SIGTERM)
        self.assert_status(self.ended(), 128 + signal.SIGTERM)
        self.assertEqual([name for name in self.files() if name != "old"], [])

    def test_killed(self):
        self.hold(self.tree, "%r")
        self.send(signal.SIGKILL)
        self.ended()
        left = os.listdir(self.work)
        self.assertTrue(all(name.endswith(".splitcast") for name in left), left)
        # The next copy to the same place takes that away, and not what others are at.
        others = self.work / ".0.0123456789abcdef.splitcast"
        others.mkdir()
        self.source.unlink()
        with subprocess.Popen(["flock", str(others), "sleep", "60"]) as other:
            while subprocess.run(["flock", "-n", str(others), "true"]).returncode == 0:
                time.sleep(0.01)
            self.assert_status(self.copy(self.tree, "%r", ranks=2), OK)
            other.kill()
        self.assertEqual(sorted(os.listdir(self.work)), [others.name, "0", "1"])


class Survivors(without_its_tests(surviving.Surviving)):
    """Ranks die while a folder is copied. Broadcasts 1 and 2 are the catalogue, from 3 on it is the data."""

    def setUp(self):
        super().setUp()
        self.tree = self.folder / "tree"
        for folder in range(10):
            (self.tree / f"{folder}/sub").mkdir(parents=True)
            for file in range(10):
                (self.tree / f"{folder}/sub/{file}").write_bytes(os.urandom(1000 * file))
        (self.tree / "5/large").write_bytes(os.urandom(24_000_001))

    def assert_copies(self, *names):
        for name in names:
            self.assertEqual(same(self.tree, self.work / name), "", name)

    def survive(self, *arguments, **more):
        """In an empty folder."""
        for name in os.listdir(self.work):
            shutil.rmtree(self.work / name)
        return super().survive(*arguments, **more)

    def assert_left(self, *names, dead):
        """A rank that is killed cannot tidy up; the next copy to the same place does."""
        left = [name for name in os.listdir(self.work) if not name.startswith(f".{dead}.")]
        self.assertEqual(sorted(left), sorted(names))

    def test_receiver_dies(self):
        for place in ("enter,broadcast=1", "receive,broadcast=3", "receive:50%,broadcast=4", "receive:30%,broadcast=7",
                      "decide,broadcast=8", "complete,broadcast=1", "enter,broadcast=9", "complete,broadcast=11"):
            with self.subTest(place=place):
                run = self.survive(f"kill:rank=2,at={place}", self.tree, "%r", ranks=4)
                self.assert_survived(run, 2)
                if place != "complete,broadcast=11":  # it had its name by then
                    self.assert_left("0", "1", "3", dead=2)

    def test_reader_dies(self):
        for place in ("send:1,broadcast=3", "send:2,broadcast=6"):
            with self.subTest(place=place):
                run = self.survive(f"kill:rank=0,at={place}", self.tree, "%r", ranks=4)
                self.assertEqual(run.statuses, {0: self.KILLED, 1: 8, 2: 8, 3: 8}, run.err)
                self.assert_left(dead=0)

    def test_a_mirror_stands_in(self):
        other = self.folder / "other"
        other.mkdir()
        folders = [self.folder, self.folder, other, other]
        for place in ("enter,broadcast=2", "enter,broadcast=3", "send:2,broadcast=6", "enter,broadcast=7", "decide,broadcast=8"):
            for more in ([], ["-C"]):
                with self.subTest(place=place, more=more):
                    run = self.survive(f"kill:rank=0,at={place}", "--mirror", *more, "tree", self.work / "%r", ranks=4,
                                       folders=folders)
                    self.assert_survived(run, 0)
                    self.assert_left("1", "2", "3", dead=0)

    def test_receiver_stands_still(self):
        for place in ("setup:6", "receive:30%,broadcast=4", "receive:30%,broadcast=8", "seal:1", "seal:2"):
            with self.subTest(place=place):
                run = self.survive(f"stop:rank=3,at={place},for=4000", self.tree, "%r", ranks=4)
                self.assert_survived(run, 3, self.EVICTED, "evicted")
                self.assertEqual(sorted(os.listdir(self.work)), ["0", "1", "2"])


if __name__ == "__main__":
    harness.main()
