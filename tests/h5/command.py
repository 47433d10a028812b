#!/usr/bin/env python3
"""`splitcast h5` on real ranks: what it extracts, against h5diff, h5dump and h5py; what it says when it fails.

usage: command.py SPLITCAST MAKE_SAMPLE [unittest arguments]

Without h5diff and h5dump it is skipped (exit status 77); so are, one by one, the cases that want h5py or a file that
is not there. Every run is bounded by `timeout -k`.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import h5py
except ImportError:
    h5py = None

SPLITCAST = MAKE_SAMPLE = ""
SECONDS = int(os.environ.get("SPLITCAST_TEST_SECONDS", "60"))
MPIRUN = ["mpirun", "--bind-to", "none", "--oversubscribe", "--mca", "btl", "self,sm"]
OK, USAGE, SOURCE, DESTINATION, INTEGRITY = 0, 2, 3, 4, 5
# Coastlines, as the package gmt-gshhg-low has them: NetCDF-4, compressed, with references between its datasets.
REAL = [pathlib.Path("/usr/share/gmt-gshhg") / f"binned_{name}.nc" for name in ("GSHHS_i", "GSHHS_c", "river_l")]
SEED = os.environ.get("SPLITCAST_SEED", "20240607")


class H5(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory(prefix="splitcast-h5.")
        self.folder = pathlib.Path(self.place.name)
        self.source = self.folder / "sample.h5"
        subprocess.run([MAKE_SAMPLE, "sample", self.source, SEED], check=True)

    def tearDown(self):
        self.place.cleanup()

    def h5(self, *arguments, ranks=3):
        """Each rank writes its exit status down: mpirun passes on only one."""
        statuses = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        script = f'"$@"; echo $? > {statuses}/$OMPI_COMM_WORLD_RANK'
        command = ["timeout", "-k", "5", str(SECONDS), *MPIRUN, "-n", str(ranks), "sh", "-c", script, "sh", SPLITCAST]
        command += ["h5", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        found = {int(one.name): int(one.read_text()) for one in statuses.iterdir()}
        shutil.rmtree(statuses)
        self.assertEqual(sorted(found), list(range(ranks)), f"not every rank ended: {done.stderr}")
        self.assertEqual(len(set(found.values())), 1, f"{found}\n{done.stderr}")
        return found[0], done.stdout, done.stderr

    def assert_same(self, one, other, path="/"):
        """h5diff finds no difference; it compares attributes too."""
        arguments = [str(one), str(other)] + ([] if path == "/" else [path, path])
        done = subprocess.run(["h5diff", "-v1", *arguments], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def dump(self, path, *flags):
        done = subprocess.run(["h5dump", *flags, str(path)], capture_output=True, text=True, check=True)
        return done.stdout.replace(str(path), "")  # it names the file, with references too


    def elements(self, file, path):
        text = self.dump(file, "-d", path)
        return text[text.index("DATA {") :].split("ATTRIBUTE")[0]


class Extracting(H5):
    def test_a_whole_file_for_every_rank(self):
        status, _, err = self.h5("extract", "--verify", self.source, self.folder / "out-%r.h5")
        self.assertEqual(status, OK, err)
        for rank in range(3):
            copy = self.folder / f"out-{rank}.h5"
            self.assert_same(self.source, copy)
            self.assertEqual(self.dump(copy), self.dump(self.source))

    def test_chunks_are_stored_as_they_were(self):
        status, _, err = self.h5("extract", f"{self.source}:/chunked/colors", self.folder / "out.h5")
        self.assertEqual(status, OK, err)
        self.assert_same(self.source, self.folder / "out.h5", "/chunked/colors")

        def storage(path):
            lines = self.dump(path, "-p", "-H", "-d", "/chunked/colors").splitlines()
            return [line for line in lines if "SIZE" in line or "DEFLATE" in line]

        self.assertIn("DEFLATE", "".join(storage(self.source)))
        self.assertEqual(storage(self.folder / "out.h5"), storage(self.source))

    def test_what_cannot_come_along_is_told(self):
        status, _, err = self.h5("extract", f"{self.source}:/chunked/deflate", self.folder / "out.h5")
        self.assertEqual(status, OK, err)
        self.assertIn("left out: /chunked/deflate: attribute see", err)

    def test_one_dataset_once_per_node(self):
        for path in ("/table", "/texts", "/variable/records", "/chunked/sparse", "/chunked/plain_edges", "/scalar"):
            status, _, err = self.h5("extract", "-f", f"{self.source}:{path}", self.folder / "one.h5")
            self.assertEqual(status, OK, err)
            self.assertEqual(self.elements(self.folder / "one.h5", path), self.elements(self.source, path), path)
        self.assertEqual(len(list(self.folder.glob("*.h5"))), 2)

    def test_real_data(self):
        files = [path for path in REAL if path.exists()]
        if not files:
            self.skipTest("there is no package gmt-gshhg-low here")
        for real in files:
            with self.subTest(file=real.name):
                copy = self.folder / real.name
                status, out, err = self.h5("extract", "--verify", "--json", real, copy)
                self.assertEqual(status, OK, err)
                self.assert_same(real, copy)
                told = json.loads(out)
                self.assertEqual(told["left_out"], [])
                traffic = told["traffic"]
                self.assertLess(traffic["stored_bytes"], traffic["logical_bytes"])
                # It has dozens of small datasets, so descriptions weigh more than in a large file.
                self.assertLess(traffic["wire_bytes"], real.stat().st_size * 1.1)
                self.assertEqual(self.h5("verify", real, copy)[0], OK)

    @unittest.skipUnless(h5py, "there is no h5py here")
    def test_python_opens_it(self):
        status, _, err = self.h5("extract", self.source, self.folder / "out.h5")
        self.assertEqual(status, OK, err)
        with h5py.File(self.source) as source, h5py.File(self.folder / "out.h5") as copy:
            for path in ("/table", "/chunked/deflate", "/chunked/sparse", "/records"):
                self.assertTrue((source[path][...] == copy[path][...]).all(), path)
            self.assertEqual(copy["/table"].attrs["units"], "erg per gram")
            # References lead to the copies of what they led to.
            self.assertEqual(copy[copy["/table"].attrs["see"]].name, "/scalar")
            self.assertEqual(copy["/soft"].name, "/soft")

    @unittest.skipUnless(h5py, "there is no h5py here")
    def test_elements_that_lie_elsewhere(self):
        """External and virtual datasets become ordinary ones."""
        with h5py.File(self.folder / "odd.h5", "w") as odd:
            outside = odd.create_dataset("outside", (1000,), "i4", external=[(str(self.folder / "raw"), 0, 4000)])
            outside[:] = range(1000)
            layout = h5py.VirtualLayout((7700,), "i4")
            layout[:1000] = h5py.VirtualSource(str(self.folder / "odd.h5"), "outside", (1000,))
            odd.create_virtual_dataset("virtual", layout, fillvalue=-3)
        status, _, err = self.h5("extract", self.folder / "odd.h5", self.folder / "out.h5")
        self.assertEqual(status, OK, err)
        os.remove(self.folder / "raw")
        with h5py.File(self.folder / "out.h5") as copy:
            self.assertEqual(list(copy["outside"][:]), list(range(1000)))
            self.assertEqual(copy["virtual"][999], 999)
            self.assertEqual(copy["virtual"][1000], -3)


class Failing(H5):
    def test_what_is_wrong_with_the_source(self):
        for source, words in (
            (self.folder / "missing.h5", ["missing.h5", "H5Fopen"]),
            (f"{self.source}:/missing", ["/missing", "H5Oopen"]),
            ("/etc/passwd", ["/etc/passwd", "H5Fopen"]),
        ):
            status, out, err = self.h5("extract", source, self.folder / "out.h5")
            self.assertEqual(status, SOURCE, err)
            self.assertEqual(out, "")
            for word in words:
                self.assertIn(word, err)
            self.assertFalse((self.folder / "out.h5").exists())

    def test_what_is_wrong_with_the_destination(self):
        status, _, err = self.h5("extract", self.source, self.folder / "no" / "such" / "folder.h5")
        self.assertEqual(status, DESTINATION, err)
        (self.folder / "there.h5").write_text("old")
        status, _, err = self.h5("extract", self.source, self.folder / "there.h5")
        self.assertEqual(status, DESTINATION, err)
        self.assertEqual((self.folder / "there.h5").read_text(), "old")
        status, _, err = self.h5("extract", self.source, self.folder / "%q.h5")
        self.assertEqual(status, USAGE, err)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["sample.h5", "there.h5"])

    @unittest.skipUnless(h5py, "there is no h5py here")
    def test_a_copy_that_differs(self):
        copies = [self.folder / f"copy-{rank}.h5" for rank in range(3)]
        for copy in copies:
            shutil.copy(self.source, copy)
        self.assertEqual(self.h5("verify", self.source, self.folder / "copy-%r.h5")[0], OK)
        with h5py.File(copies[2], "r+") as copy:
            copy["/chunked/deflate"][999, 332] += 1
        status, _, err = self.h5("verify", self.source, self.folder / "copy-%r.h5")
        self.assertEqual(status, INTEGRITY, err)
        self.assertIn("/chunked/deflate", err)
        self.assertIn("rank 2", err)
        self.assertEqual(self.h5("verify", f"{self.source}:/table", self.folder / "copy-%r.h5")[0], OK)
        with h5py.File(copies[1], "r+") as copy:
            copy["/table"].attrs["time"] = 0.25
        status, _, err = self.h5("verify", f"{self.source}:/table", self.folder / "copy-%r.h5")
        self.assertEqual(status, INTEGRITY, err)


class Inspecting(H5):
    def test_what_would_move(self):
        status, out, err = self.h5("inspect", self.source, "--json", ranks=2)
        self.assertEqual(status, OK, err)
        told = {one["path"]: one for one in json.loads(out)["datasets"]}
        self.assertEqual(told["/chunked/deflate"]["dims"], [1000, 333])
        self.assertEqual(told["/chunked/deflate"]["filters"], "shuffle, deflate(6)")
        self.assertEqual(told["/chunked/deflate"]["travels_as"], "stored chunks")
        self.assertEqual(told["/big_endian"]["travels_as"], "elements")
        self.assertEqual(told["/texts"]["travels_as"], "elements of variable length")
        status, out, err = self.h5("inspect", f"{self.source}:/chunked", ranks=1)
        self.assertEqual(status, OK, err)
        self.assertIn("/chunked/deflate\n  1000 x 333 of f64", out)


class Wire(H5):
    def test_a_compressed_dataset_costs_what_it_costs_the_file(self):
        """Target D3."""
        field = self.folder / "field.h5"
        subprocess.run([MAKE_SAMPLE, "field", field, SEED], check=True)
        status, out, err = self.h5("extract", "--json", f"{field}:/field", self.folder / "%r.h5")
        self.assertEqual(status, OK, err)
        traffic = json.loads(out)["traffic"]
        self.assertLess(traffic["stored_bytes"] * 4, traffic["logical_bytes"])
        self.assertLessEqual(traffic["wire_bytes"], traffic["stored_bytes"] * 1.01)


if __name__ == "__main__":
    if not shutil.which("h5diff") or not shutil.which("h5dump"):
        print("skipped: there are no h5diff and h5dump here")
        sys.exit(77)
    SPLITCAST, MAKE_SAMPLE = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
    print(f"SPLITCAST_SEED={SEED}", file=sys.stderr)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
