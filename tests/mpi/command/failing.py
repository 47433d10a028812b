#!/usr/bin/env python3
"""Copies that fail, on every rank in the same way and without a trace."""

import os
import resource
import subprocess

import harness
from harness import DESTINATION, LONG, SOURCE, USAGE, Command


class Failing(Command):
    """Nothing may be on disk afterwards that was not there before."""

    def setUp(self):
        super().setUp()
        self.nothing = True

    def tearDown(self):
        if self.nothing:
            self.assertEqual(self.files(), [])
        super().tearDown()

    def test_source(self):
        self.assert_fails(self.copy("none", "%r"), SOURCE, "none", "No such file")
        self.assert_fails(self.copy(self.folder, "%r"), DESTINATION, "lies in the source")
        self.assert_fails(self.copy("/dev/zero", "%r"), SOURCE, "not a regular file")
        self.assert_fails(self.copy("none", "a/%r", "--parents"), SOURCE, "none")
        self.assert_fails(self.copy("", "x"), SOURCE)

    def test_destination_exists(self):
        self.nothing = False
        (self.work / "2").write_text("mine")
        self.assert_fails(self.copy(self.source, "%r"), DESTINATION, "rank 2", "exists")
        self.assertEqual(self.files(), ["2"])
        self.assertEqual((self.work / "2").read_text(), "mine")

    def test_folder_missing(self):
        self.assert_fails(self.copy(self.source, "none/data"), DESTINATION, "none", "No such file")
        self.assert_fails(self.copy(self.source, "none/%r/data"), DESTINATION, "3 more ranks")

    def test_folders_are_removed_again(self):
        self.nothing = False
        (self.work / "a").mkdir()
        (self.work / "a" / "3").write_text("in the way")
        self.assert_fails(self.copy("--parents", self.source, "a/%r/b/c/data"), DESTINATION, "rank 3", "a/3")
        self.assertEqual(self.files(), ["a", "a/3"])

    def test_folder_for_some(self):
        self.nothing = False
        (self.work / "1").mkdir()
        self.assert_fails(self.copy(self.source, "%r"), DESTINATION, "folder for other ranks")
        self.assertEqual(self.files(), ["1"])

    def test_what_must_not_be_replaced(self):
        self.nothing = False
        os.mkfifo(self.work / "pipe")
        (self.work / "source.bin").mkdir()
        self.assert_fails(self.copy("-f", self.source, "pipe"), DESTINATION, "not a regular file")
        self.assert_fails(self.copy("-f", self.source, "."), DESTINATION, "is a folder")
        self.assertEqual(self.files(), ["pipe", "source.bin"])

    def test_same_file_twice(self):
        self.nothing = False
        for rank in range(4):
            (self.work / str(rank)).mkdir()
        self.assert_fails(self.copy(self.source, "%r/../data"), DESTINATION, "same file", "%r or %h")
        self.assertEqual(self.files(), ["0", "1", "2", "3"])

    def test_usage(self):
        for arguments in (["copy"], ["copy", "a"], ["copy", "--froce", "a", "b"], ["cpoy"],
                          ["copy", "-q", "-v", "a", "b"], ["copy", "-Cnothing", "a", "b"],
                          ["copy", "--compress=zlib", "a", "b"], ["copy", "-s", "much", "a", "b"],
                          ["copy", "--progress=perhaps", "a", "b"], ["copy", "--exclude=lib", "a", "b"]):
            with self.subTest(arguments=arguments):
                run = self.run_ranks(3, arguments)
                self.assert_status(run, USAGE)
                self.assertEqual(run.err.count("splitcast: "), 1, run.err)
        self.assert_status(self.run_ranks(3, []), USAGE)
        self.assert_fails(self.copy(self.source, "a%x"), USAGE, "%x stands for nothing")
        self.assert_fails(self.copy(self.source, ""), USAGE, "empty")
        run = self.copy("--settings", "segmnt=1M", self.source, "a")
        self.assert_status(run, USAGE)
        self.assertIn('did you mean "segment"?', run.err)
        self.assert_fails(self.copy(self.source, "a", environment={"SPLITCAST_SEGMENT": "huge"}), USAGE, "segment=huge")

    def test_ranks_that_differ(self):
        self.assert_fails(self.copy(self.source, "data@RANK@"), USAGE, "different sources, destinations")

    def test_file_size_limit(self):
        with open(self.source, "wb") as file:
            file.truncate(LONG)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (LONG // 2, hard))
        try:
            run = self.copy(self.source, "%r")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.assert_fails(run, DESTINATION, "ulimit -f", "File too large")


class Mounted(Command):
    """Disks that are full, or not to be written to."""

    def mount(self, name, options):
        folder = self.work / name
        folder.mkdir()
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
                                               capture_output=True).returncode:
            self.skipTest("mounting needs the rights")
        self.addCleanup(subprocess.run, ["umount", str(folder)], check=True)
        return folder

    def tearDown(self):
        self.doCleanups()  # unmounts first
        super().tearDown()

    def test_full_disk(self):
        folder = self.mount("2", "size=2m")
        for rank in (0, 1, 3):
            (self.work / str(rank)).mkdir()
        self.assert_fails(self.copy(self.source, "%r/data"), DESTINATION, "rank 2", "No space left")
        self.assertEqual(self.files(), ["0", "1", "2", "3"])
        self.assertEqual(list(folder.iterdir()), [])

    def test_read_only(self):
        self.mount("1", "size=8m,ro")
        for rank in (0, 2, 3):
            (self.work / str(rank)).mkdir()
        self.assert_fails(self.copy(self.source, "%r/data"), DESTINATION, "rank 1", "Read-only")
        self.assertEqual(self.files(), ["0", "1", "2", "3"])


if __name__ == "__main__":
    harness.main()
