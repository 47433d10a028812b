#!/usr/bin/env python3
"""The options that people know from sbcast, what the environment says in their place, and progress."""

import json
import os
import shutil
import subprocess

import harness
from harness import OK, SECONDS, SPLITCAST, USAGE, Command

JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "FLUX_JOB_ID", "JOB_ID", "SLURM_STEP_ID")


def clean_environment():
    return {name: value for name, value in os.environ.items() if name not in JOBS}


class Options(Command):
    def said(self, *arguments, environment=None, status=OK):
        done = self.plain("copy", "-f", *arguments, self.source, "data", environment=environment)
        self.assertEqual(done.returncode, status, done.stderr)
        if status == OK:
            self.assert_copies("data")
        return done.stderr

    def test_those_of_sbcast(self):
        text = self.said("-vv", "-p", "-s", "8k", "-t", "5", "-F", "3")
        for setting in ("segment=8K", "timeout=5", "children=3"):
            self.assertIn(f"setting {setting} (call)", text)
        text = self.said("-vv", "--preserve", "--size=1m", "--timeout=2.5", "--treewidth=4")
        for setting in ("segment=1M", "timeout=2.5", "children=4"):
            self.assertIn(f"setting {setting} (call)", text)
        self.assertIn("segment=2M", self.said("-vv", "--settings", "segment=1M", "-s", "2M"))
        self.assertIn("window=2", self.said("-vv", "--settings", "segment=1M", "--settings", "window=2"))
        self.said("-s", "8m", "-C")
        self.assertIn("--size: setting segment=-1", self.said("-s", "-1", status=USAGE))
        self.assertIn("is not one value", self.said("-t", "5,probe=no", status=USAGE))
        self.assertIn("zlib is none of lz4", self.said("-Czlib", status=USAGE))

    def test_environment(self):
        self.said()
        refused = self.plain("copy", self.source, "data")
        self.assertEqual(refused.returncode, harness.DESTINATION)
        for name, value in (("SPLITCAST_FORCE", "yes"), ("SBCAST_FORCE", ""), ("SBCAST_FORCE", "0")):
            with self.subTest(name=name, value=value):
                done = self.plain("copy", "-vv", self.source, "data", environment={name: value})
                self.assertEqual(done.returncode, OK, done.stderr)
                self.assertIn(f"from the environment: {name}=", done.stderr)
        done = self.plain("copy", self.source, "data", environment={"SPLITCAST_FORCE": "no", "SBCAST_FORCE": "1"})
        self.assertEqual(done.returncode, harness.DESTINATION)
        wrong = self.said(environment={"SPLITCAST_MIRROR": "perhaps"}, status=USAGE)
        self.assertIn("SPLITCAST_MIRROR", wrong)
        # The command line wins.
        self.said("--compress=none", environment={"SBCAST_COMPRESS": "zlib"})
        self.assertIn("SBCAST_COMPRESS", self.said(environment={"SBCAST_COMPRESS": "zlib"}, status=USAGE))
        # How sbcast sends is no advice.
        text = self.said("-vv", environment={"SBCAST_SIZE": "8m", "SBCAST_TIMEOUT": "60", "SBCAST_FANOUT": "8"})
        self.assertNotIn("setting", text)

    def test_job(self):
        def run(job, **environment):
            return subprocess.run(["timeout", "-k", "5", str(SECONDS), SPLITCAST, "copy", "-f", "-j", job,
                                   str(self.source), "data-%j"], cwd=self.work, capture_output=True, text=True,
                                  env={**clean_environment(), **environment})
        for job in ("77", "77.3", "5_2"):
            done = run(job, SLURM_JOB_ID="77", SLURM_STEP_ID="3", SLURM_ARRAY_JOB_ID="5", SLURM_ARRAY_TASK_ID="2")
            self.assertEqual(done.returncode, OK, done.stderr)
            self.assert_copies("data-77")
        for job, environment, word in (("78", {"SLURM_JOB_ID": "77"}, "which is 77"), ("77", {}, "this is none"),
                                       ("77.4", {"SLURM_JOB_ID": "77", "SLURM_STEP_ID": "3"}, "step 3 of job 77")):
            with self.subTest(job=job):
                done = run(job, **environment)
                self.assertEqual(done.returncode, USAGE, done.stderr)
                self.assertIn(word, done.stderr)

    def test_several_sources(self):
        other = self.folder / "other.bin"
        other.write_bytes(b"other")
        run = self.copy("--json", "--parents", self.source, other, "%r/in/")
        self.assert_status(run, OK)
        report = json.loads(run.out)
        self.assertEqual((report["files"], report["bytes"], report["copies"]), (2, 3_000_006, 4))
        self.assertEqual(report["sources"], [str(self.source), str(other)])
        self.assert_copies(*[f"{rank}/in/source.bin" for rank in range(4)])
        self.assertEqual((self.work / "3/in/other.bin").read_bytes(), b"other")

    def test_compression_is_told(self):
        self.source.write_bytes(b"again and again, " * 300_000)
        run = self.copy("--json", "-C", self.source, "%r")
        self.assert_status(run, OK)
        report = json.loads(run.out)
        self.assertEqual(report["codec"], "lz4")
        self.assertLess(report["wire_bytes"], report["bytes"] // 4)
        self.assertIn("on the wire (lz4)", run.err)
        self.assert_copies("0", "1", "2", "3")

    def test_dry_run(self):
        run = self.copy("-n", "--json", self.source, "%r")
        self.assert_status(run, OK)
        self.assertEqual(self.files(), [])
        self.assertTrue(json.loads(run.out)["dry_run"])
        self.assertIn("would copy", run.err)


class Progress(Command):
    def test_drawn(self):
        run = self.copy("--progress", self.source, "%r")
        self.assert_status(run, OK)
        lines = run.err.split("\r")
        # Each is drawn over the one before, and in the end there is none left.
        self.assertRegex(run.err, r"\rsplitcast: [^\r\n]* of 2\.86 MiB, [^\r\n]*4 ranks\x1b\[K")
        self.assertNotIn("\n", "".join(lines[1:-1]))
        self.assertTrue(lines[-1].startswith("\x1b[K"), lines)

    def test_lines(self):
        run = self.copy("--progress=0.001", self.source, "%r")
        self.assert_status(run, OK)
        self.assertRegex(run.err, r"(?m)^splitcast: .* of 2\.86 MiB, \d+%, .*/s.*, 4 ranks$")
        self.assertNotIn("\r", run.err)

    def test_not_shown(self):
        for arguments in ((), ("--progress=auto",), ("--progress=no",), ("-q", "--progress")):
            with self.subTest(arguments=arguments):
                run = self.copy("-f", *arguments, self.source, "%r")
                self.assert_status(run, OK)
                self.assertNotIn("%,", run.err)


class Libraries(Command):
    """--send-libs."""

    def setUp(self):
        super().setUp()
        if not shutil.which("ldd") or "=>" not in subprocess.run(["ldd", SPLITCAST], capture_output=True,
                                                                 text=True).stdout:
            self.skipTest("needs ldd, and a program that is linked to libraries")

    def test_beside_the_program(self):
        run = self.copy("--send-libs", "--exclude=NONE", "--json", SPLITCAST, "%r-program")
        self.assert_status(run, OK)
        report = json.loads(run.out)
        self.assertEqual([sent["folder"] for sent in report["libraries"]], ["%r-program_libs"])
        names = [os.path.basename(library) for library in report["libraries"][0]["libraries"]]
        self.assertTrue(any(name.startswith("libmpi.") for name in names), names)
        for rank in range(4):
            self.assertEqual(sorted(os.listdir(self.work / f"{rank}-program_libs")), sorted(names))
        self.assertIn("LD_LIBRARY_PATH=%r-program_libs", run.err)
        # They are what the loader would load.
        said = subprocess.run(["ldd", str(self.work / "2-program")], capture_output=True, text=True,
                              env={**os.environ, "LD_LIBRARY_PATH": str(self.work / "2-program_libs")}).stdout
        for name in names:
            self.assertIn(f"{name} => {self.work}/2-program_libs/{name}", said)

    def test_excluded(self):
        run = self.copy("--send-libs", "--exclude=/", SPLITCAST, "%r/", "--parents")
        self.assert_status(run, OK)
        self.assertNotIn("LD_LIBRARY_PATH", run.err)
        self.assertEqual([name for name in self.files() if "_libs" in name], [])

    def test_into_a_folder(self):
        (self.work / "in").mkdir()
        run = self.copy("--send-libs=yes", SPLITCAST, self.source, "in", environment={"SPLITCAST_EXCLUDE": "NONE"})
        self.assert_status(run, OK)
        name = os.path.basename(SPLITCAST)
        self.assertEqual(sorted(os.listdir(self.work / "in")), sorted(["source.bin", name, name + "_libs"]))

    def test_what_has_none(self):
        self.assert_status(self.copy("--send-libs", self.source, "%r"), OK)
        self.assertEqual(self.files(), ["0", "1", "2", "3"])

    def test_failures(self):
        (self.work / "1").write_text("in the way")
        self.assert_fails(self.copy("--send-libs", "--exclude=NONE", SPLITCAST, "%r"), harness.DESTINATION, "rank 1")
        self.assertEqual(self.files(), ["1"])
        self.assert_fails(self.copy("--send-libs", "none", "%r"), harness.SOURCE, "none")
        self.assert_fails(self.copy("--send-libs", SPLITCAST, "%x"), USAGE, "%x")


if __name__ == "__main__":
    harness.main()
