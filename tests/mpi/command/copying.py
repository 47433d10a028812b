#!/usr/bin/env python3
"""Copies that succeed, by what is on disk afterwards and by what is said."""

import json
import os
import shutil
import stat
import subprocess

import harness
from harness import OK, SOURCE, Command


class Copying(Command):
    def test_one_copy_per_node(self):
        run = self.copy(self.source, "data")
        self.assert_status(run, OK)
        self.assertEqual(self.files(), ["data"])
        self.assert_copies("data")
        self.assertEqual(run.out, "")
        self.assertIn("1 copy", run.err)

    def test_one_copy_per_rank(self):
        run = self.copy("--parents", self.source, "out/%r/data", ranks=8)
        self.assert_status(run, OK)
        self.assert_copies(*[f"out/{rank}/data" for rank in range(8)])
        self.assertEqual(len(self.files()), 1 + 8 + 8)
        self.assertIn("8 copies", run.err)
        self.assertIn("segments of", run.err)

    def test_into_a_folder(self):
        (self.work / "folder").mkdir()
        self.assert_status(self.copy(self.source, "folder"), OK)
        self.assert_status(self.copy(self.source, "new/", "--parents"), OK)
        self.assert_copies("folder/source.bin", "new/source.bin")

    def test_names(self):
        name = "with space\nand line, \N{GREEK SMALL LETTER PI} %%-%j-%h-%r"
        self.assert_status(self.copy(self.source, name, ranks=2, environment={"SLURM_JOB_ID": "77"}), OK)
        host = os.uname().nodename.split(".")[0]
        self.assert_copies(*[f"with space\nand line, \N{GREEK SMALL LETTER PI} %-77-{host}-{r}" for r in range(2)])

    def test_lengths(self):
        for length in (0, 1, 65536, 65537):
            self.source.write_bytes(os.urandom(length))
            with self.subTest(length=length):
                self.assert_status(self.copy("-f", "-q", self.source, "%r"), OK)
                self.assert_copies("0", "1", "2", "3")
        self.assertEqual(self.files(), ["0", "1", "2", "3"])

    def test_replacing(self):
        (self.work / "data").write_text("old")
        (self.work / "link").symlink_to("data")
        self.assert_status(self.copy("-f", self.source, "link"), OK)
        self.assertEqual((self.work / "data").read_text(), "old")
        self.assertFalse((self.work / "link").is_symlink())
        self.assert_status(self.copy("--force", self.source, "data"), OK)
        self.assert_copies("data", "link")
        self.assertEqual(self.files(), ["data", "link"])

    def test_permissions_are_not_widened(self):
        for mode, expected in ((0o6755, 0o750), (0o600, 0o600), (0o444, 0o440)):
            self.source.chmod(mode)
            before = os.umask(0o027)
            run = self.copy("-f", self.source, "data")
            os.umask(before)
            self.assert_status(run, OK)
            self.assertEqual(stat.S_IMODE((self.work / "data").stat().st_mode), expected)

    def test_onto_itself(self):
        before = self.source.stat()
        run = self.copy(self.source, self.folder)
        self.assert_status(run, OK)
        self.assertIn("left as it is", run.err.replace("was ", ""))
        self.assertEqual(self.source.stat().st_ino, before.st_ino)
        self.assert_status(self.copy("-f", self.source, self.source), OK)
        self.assertEqual(self.source.stat().st_ino, before.st_ino)

    def test_json(self):
        run = self.copy("--json", "--fsync", self.source, "%r")
        self.assert_status(run, OK)
        report = json.loads(run.out)
        self.assertTrue(report["success"])
        self.assertEqual((report["bytes"], report["copies"]), (3_000_001, 4))
        self.assertEqual([record["rank"] for record in report["records"]], [0, 1, 2, 3])
        if shutil.which("xxhsum"):
            digest = subprocess.run(["xxhsum", "-H2", str(self.source)], capture_output=True, text=True, check=True)
            self.assertEqual(report["digest"]["value"], digest.stdout.split()[0])
        run = self.copy("--json", "nothing", "%r")
        self.assert_status(run, SOURCE)
        report = json.loads(run.out)
        self.assertEqual((report["success"], report["exit_code"], report["error"]["kind"]), (False, 3, "source"))

    def test_without_mpirun(self):
        done = self.plain("copy", self.source, "data")
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assert_copies("data")


if __name__ == "__main__":
    harness.main()
