#!/usr/bin/env python3
"""Folders, several sources, and files that do not go as they are: copied, and compared by other people's tools."""

import json
import os
import shutil
import stat
import subprocess

import harness
from harness import DESTINATION, OK, USAGE, Command

ROOT = os.geteuid() == 0
MODIFIED = 1_234_567_890_123_456_789


def make_tree(top):
    """One of everything that is kept as what it is."""
    for folder in ("", "empty", "sub", "sub/deep", "sub/deep/deeper", "Ünïcode \N{GREEK SMALL LETTER PI}"):
        (top / folder).mkdir()
    (top / "large").write_bytes(os.urandom(3_000_001))
    (top / "nothing").write_bytes(b"")
    (top / "sub/new\nline, 'quotes' and %r").write_text("name")
    (top / os.fsdecode(b"sub/not utf-8 \xff\xfe")).write_text("name")
    (top / "-n").write_text("looks like an option")
    (top / "sub/deep/program").write_text("#!/bin/sh\n")
    (top / "sub/deep/program").chmod(0o755)
    (top / "sub/private").write_text("secret")
    (top / "sub/private").chmod(0o600)
    os.link(top / "large", top / "sub/deep/the same")
    os.link(top / "large", top / "twin")
    os.symlink("../large", top / "sub/link")
    os.symlink("nowhere", top / "dangling")
    os.symlink("/etc", top / "absolute")
    os.symlink("deep", top / "sub/link to folder")
    os.mkfifo(top / "pipe", 0o640)
    with open(top / "sparse", "wb") as file:
        file.truncate(64 << 20)
        file.seek(20 << 20)
        file.write(b"in the middle")
    with open(top / "hole only", "wb") as file:
        file.truncate(1 << 20)
    (top / "sub/deep/deeper").chmod(0o555)


class Trees(Command):
    def setUp(self):
        super().setUp()
        self.tree = self.folder / "tree"
        make_tree(self.tree)

    def assert_same(self, copy, preserved=False, source=None):
        """To diff and to rsync nothing is different."""
        source, copy = source or self.tree, self.work / copy
        # Not with diff: what it would wait for, or follow.
        done = subprocess.run(["diff", "-r", "--no-dereference", "--exclude=pipe", str(source), str(copy)],
                              capture_output=True, text=True, errors="surrogateescape")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        if shutil.which("rsync"):
            what = "-naHAX" if preserved else "-nrlpHD"
            done = subprocess.run(["rsync", what, "--checksum", "--delete", "--itemize-changes", f"{source}/", f"{copy}/"],
                                  capture_output=True, text=True, errors="surrogateescape")
            self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_everything(self):
        run = self.copy("--json", self.tree, "%r")
        self.assert_status(run, OK)
        for rank in range(4):
            self.assert_same(str(rank))
        copy = self.work / "3"
        self.assertEqual((copy / "sparse").stat().st_size, 64 << 20)
        self.assertLess((copy / "sparse").stat().st_blocks * 512, 1 << 20)
        self.assertEqual((copy / "twin").stat().st_ino, (copy / "sub/deep/the same").stat().st_ino)
        self.assertEqual((copy / "twin").stat().st_nlink, 3)
        report = json.loads(run.out)
        self.assertEqual((report["files"], report["folders"], report["copies"]), (9, 6, 4))
        self.assertEqual(report["bytes"], 3_000_001 + 65 * (1 << 20) + sum(map(len, (
            "name", "name", "looks like an option", "#!/bin/sh\n", "secret"))))
        self.assertLess(report["wire_bytes"], 4_000_000)
        self.assertEqual(sorted(os.listdir(self.work)), ["0", "1", "2", "3"])

    def test_names(self):
        for destination, expected in (("new", "new"), (".", "tree"), ("other/", "other/tree"), ("one/two", "one/two")):
            with self.subTest(destination=destination):
                self.assert_status(self.copy("--parents", f"{self.tree}/", destination, ranks=2), OK)
                self.assert_same(expected)
        self.assertEqual(sorted(os.listdir(self.work)), ["new", "one", "other", "tree"])

    def test_a_link_to_a_folder_is_followed(self):
        (self.folder / "link").symlink_to("tree")
        self.assert_status(self.copy(self.folder / "link", "copy", ranks=2), OK)
        self.assert_same("copy")

    def test_several(self):
        small = self.folder / "small"
        small.write_text("small")
        (self.folder / "none").mkdir()
        sources = [self.tree, small, self.source, self.folder / "none"]
        self.assert_fails(self.copy(*sources, "to"), DESTINATION, "need a folder")
        run = self.copy("--parents", *sources, "to/%r", ranks=3)
        self.assert_status(run, OK)
        for rank in range(3):
            self.assertEqual(sorted(os.listdir(self.work / f"to/{rank}")), ["none", "small", "source.bin", "tree"])
            self.assert_same(f"to/{rank}/tree")
            self.assert_copies(f"to/{rank}/source.bin")
        self.assert_fails(self.copy(small, self.tree / "..//small", "to"), USAGE, "same name")
        self.assert_fails(self.copy(small, "..", "to"), USAGE, "no name of its own")
        # One of the names is taken: none is given.
        shutil.rmtree(self.work / "to/1/tree")
        (self.work / "to/1/none").rmdir()
        self.assert_fails(self.copy(*sources, "to/1", ranks=2), DESTINATION, "to/1/small", "exists")
        self.assertEqual(sorted(os.listdir(self.work / "to/1")), ["small", "source.bin"])

    def test_replacing(self):
        (self.work / "copy/old").mkdir(parents=True)
        (self.work / "copy/old/file").write_text("old")
        self.tree.chmod(0o555)
        (self.work / "in").mkdir()
        (self.work / "copy").rename(self.work / "in/tree")
        self.assert_fails(self.copy(self.tree, "in"), DESTINATION, "in/tree", "exists")
        self.assertEqual((self.work / "in/tree/old/file").read_text(), "old")
        self.assert_status(self.copy("-f", self.tree, "in"), OK)
        self.assert_same("in/tree")
        self.assertEqual(os.listdir(self.work / "in"), ["tree"])
        # What is no folder is no folder's place, nor the other way round.
        (self.work / "file").write_text("file")
        self.assert_fails(self.copy("-f", self.tree, "file"), DESTINATION, "not a folder")
        (self.work / "source.bin").mkdir()
        self.assert_fails(self.copy("-f", "-C", self.source, "."), DESTINATION, "is a folder")
        self.assertEqual((self.work / "file").read_text(), "file")

    def test_onto_itself(self):
        before = self.tree.stat()
        run = self.copy(self.tree, self.folder)
        self.assert_status(run, OK)
        self.assertIn("left as it is", run.err.replace("was ", ""))
        self.assertEqual(self.tree.stat().st_ino, before.st_ino)
        for destination in (self.tree, self.tree / "empty", self.tree / "sub/new"):
            self.assert_fails(self.copy(self.tree, destination), DESTINATION, "lies in the source")
        # Of several, the others are copied.
        (self.work / "tree").mkdir()
        self.assert_status(self.copy("--verify", self.work / "tree", self.source, self.work), OK)
        self.assert_copies("source.bin")
        self.assertEqual(self.files(), ["source.bin", "tree"])
        self.assertEqual(before.st_mtime_ns, self.tree.stat().st_mtime_ns)

    def test_permissions(self):
        program = self.tree / "program"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o6755)
        (self.tree / "empty").chmod(0o1777)
        before = os.umask(0o027)
        run = self.copy(self.tree, "copy")
        os.umask(before)
        self.assert_status(run, OK)
        for name, mode in (("program", 0o750), ("empty", 0o750), ("sub/private", 0o600), ("sub/deep/deeper", 0o550)):
            self.assertEqual(stat.S_IMODE((self.work / "copy" / name).stat().st_mode), mode, name)

    def test_preserving(self):
        program = self.tree / "sub/program"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o4751)
        (self.tree / "empty").chmod(0o3777)
        if ROOT:
            os.chown(self.tree / "sub/private", 1234, 4321)
            os.chown(self.tree / "sub/link", 1234, 4321, follow_symlinks=False)
        attributes = True
        try:
            os.setxattr(self.tree / "large", "user.comment", b"kept\0too")
            os.setxattr(self.tree / "sub", "user.comment", b"of a folder")
        except OSError:
            attributes = False
        if shutil.which("setfacl") and attributes:
            subprocess.run(["setfacl", "-m", "u:1234:r", str(self.tree / "large")])
        for path in [*self.tree.rglob("*"), self.tree]:
            os.utime(path, ns=(MODIFIED - 7, MODIFIED), follow_symlinks=False)
        before = os.umask(0o077)
        run = self.copy("-p", "--fsync", "--verify", self.tree, "%r", ranks=3)
        os.umask(before)
        self.assert_status(run, OK)
        self.assertNotIn("preserved", run.err)
        for rank in range(3):
            self.assert_same(str(rank), preserved=True)
            copy = self.work / str(rank)
            self.assertEqual(stat.S_IMODE((copy / "sub/program").stat().st_mode), 0o4751)
            self.assertEqual(stat.S_IMODE((copy / "empty").stat().st_mode), 0o3777)
            for name in ("", "large", "sub", "sub/link", "pipe"):
                self.assertEqual((copy / name).lstat().st_mtime_ns, MODIFIED, name)
            if attributes:
                self.assertEqual(os.getxattr(copy / "large", "user.comment"), b"kept\0too")
        # A single file, too.
        self.assert_status(self.copy("-p", program, "program"), OK)
        self.assertEqual(stat.S_IMODE((self.work / "program").stat().st_mode), 0o4751)
        self.assertEqual((self.work / "program").stat().st_mtime_ns, MODIFIED)

    def test_many(self):
        many = self.folder / "many"
        for folder in range(100):
            (many / str(folder)).mkdir(parents=True)
            for file in range(100):
                (many / f"{folder}/{file}").write_text(f"{folder} {file}" * (file % 7))
        run = self.copy("--json", many, "%r", ranks=2)
        self.assert_status(run, OK)
        self.assertEqual(json.loads(run.out)["files"], 10_000)
        self.assert_same("1", source=many)

    def test_long_and_sparse(self):
        source = self.folder / "sparse"
        places = (0, 4 << 30, (10 << 30) - 5)
        with open(source, "wb") as file:
            for place in places:
                file.seek(place)
                file.write(b"data!")
        run = self.copy("--json", source, "%r", ranks=2)
        self.assert_status(run, OK)
        self.assertLess(json.loads(run.out)["wire_bytes"], 1 << 20)
        for rank in range(2):
            copy = self.work / str(rank)
            self.assertEqual(copy.stat().st_size, 10 << 30)
            self.assertLess(copy.stat().st_blocks * 512, 1 << 20)
            with open(copy, "rb") as file:
                for place in places:
                    self.assertEqual(os.pread(file.fileno(), 5, place), b"data!")

    def test_compressed(self):
        (self.tree / "text").write_bytes(b"again and again, " * 3_000_000)
        for codec in ("lz4", "zstd", "auto"):
            with self.subTest(codec=codec):
                run = self.copy("--json", f"--compress={codec}", self.tree, codec, ranks=3)
                self.assert_status(run, OK)
                self.assert_same(codec)
                report = json.loads(run.out)
                if codec != "auto":
                    self.assertEqual(report["codec"], codec)
                    self.assertLess(report["wire_bytes"], 12_000_000)

    def test_nothing(self):
        (self.folder / "none").mkdir()
        self.assert_status(self.copy("--verify", self.folder / "none", "%r/none", "--parents"), OK)
        self.assertEqual(len(self.files()), 8)

    def test_dry_run(self):
        run = self.copy("-n", "--parents", self.tree, self.source, "a/%r/")
        self.assert_status(run, OK)
        self.assertEqual(self.files(), [])
        (self.work / "tree").mkdir()
        self.assert_fails(self.copy("-n", self.tree, "."), DESTINATION, "exists")
        self.assert_fails(self.copy("-n", self.tree, "none/where"), DESTINATION, "none")
        self.assertEqual(self.files(), ["tree"])


if __name__ == "__main__":
    harness.main()
