#!/usr/bin/env python3
"""What the command says about itself."""

import json

import harness
from harness import OK, USAGE, Command


class Telling(Command):
    def test_help_and_version(self):
        for arguments in (["--help"], ["copy", "--help"], ["info", "--help"], ["bench", "--help"], ["--version"]):
            with self.subTest(arguments=arguments):
                done = self.plain(*arguments)
                self.assertEqual((done.returncode, done.stderr), (OK, ""))
                self.assertTrue(done.stdout)
                run = self.run_ranks(3, arguments)
                self.assert_status(run, OK)
                self.assertEqual(run.out, done.stdout)

    def test_info(self):
        done = self.plain("info", environment={"SPLITCAST_SEGMENT": "256K"})
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertRegex(done.stdout, r"segment +256K +environment")
        self.assertNotIn("staging", done.stdout)
        done = self.plain("info", "--all")
        self.assertRegex(done.stdout, r"staging +8M +default")
        report = json.loads(self.plain("info", "--json").stdout)
        self.assertTrue(report["mpi"]["library"])
        self.assertIn("segment", [setting["name"] for setting in report["settings"]])
        report = json.loads(self.plain("info", "--json", environment={"OMPI_MCA_mpi_ft_enable": "1"}).stdout)
        if report["ulfm"]["compiled"]:
            self.assertIs(report["ulfm"]["enabled"], True)

    def test_info_with_a_bad_setting(self):
        site = self.folder / "site.conf"
        site.write_text("# of this cluster\nsegment = 256K\nwindwo = 3\n")
        done = self.plain("info", environment={"SPLITCAST_SITE_FILE": str(site)})
        self.assertEqual(done.returncode, USAGE)
        self.assertIn('did you mean "window"?', done.stderr)


if __name__ == "__main__":
    harness.main()
