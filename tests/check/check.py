#!/usr/bin/env python3
"""`splitcast check` on real ranks: who is named, who is not, what it says and how it ends.

usage: check.py SPLITCAST SKEWED_CLOCK [unittest arguments]
       check.py SPLITCAST SKEWED_CLOCK --healthy N [LAB OPTION...]   runs on N healthy labs; how many gave no alarm?

Machine: processes of this machine, each as a node. Lab: hosts of our own (tests/lab/lab). Every run is bounded; each
rank's exit status is written down by a shell around it, because mpirun passes on only one.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import types
import unittest
import unittest.mock
import xml.etree.ElementTree

SPLITCAST = ""
SKEWED_CLOCK = ""
SECONDS = int(os.environ.get("SPLITCAST_TEST_SECONDS", "60"))
MPIRUN = ["mpirun", "--bind-to", "none", "--oversubscribe", "--mca", "btl", "self,sm"]
LAB = str(pathlib.Path(__file__).resolve().parent.parent / "lab" / "lab")
OK, USAGE, OUTLIERS, SKIPPED = 0, 2, 11, 77
KINDS = {"alive", "receive", "send", "links", "latency", "root", "groups", "integrity", "processor", "hardware", "clock"}

RANK = """
    PREPARE
    "$@"
    echo $? > "STATUSES/$OMPI_COMM_WORLD_RANK"
"""


class Run:
    def __init__(self, done, statuses):
        self.status = done.returncode
        self.statuses = statuses
        self.out = done.stdout
        self.err = done.stderr
        # mpirun adds words of its own behind the object, or before it.
        begin, end = done.stdout.find("\n{\n") + 1, done.stdout.rfind("\n}")
        self.report = json.loads(done.stdout[begin:end + 2]) if done.stdout[begin:begin + 1] == "{" else None

    def named(self):
        """What is said of whom: {("receive", (2,)), ...}"""
        return {(finding["kind"], tuple(finding["nodes"])) for finding in self.report["findings"]}

    def __str__(self):
        return f"status {self.status}, of ranks {self.statuses}\n{self.out}\n{self.err}"


def run(launcher, arguments, prepare="", environment=None):
    """`launcher` makes a command line of a rank's; `prepare` is done by every rank's shell before."""
    with tempfile.TemporaryDirectory(prefix="splitcast-check.") as statuses:
        script = RANK.replace("PREPARE", prepare).replace("STATUSES", statuses)
        command = ["timeout", "-k", "5", str(2 * SECONDS), *launcher, "sh", "-c", script, "sh", SPLITCAST, "check"]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, errors="replace",
                              env={**os.environ, **(environment or {})})
        found = {int(name): int((pathlib.Path(statuses) / name).read_text()) for name in os.listdir(statuses)}
    return Run(done, found)


def lab(options, arguments, prepare="", environment=None):
    more = [part for name in environment or {} for part in ("--env", name)]
    options = ["--hosts", "4", "--rate", "200mbit", "--timeout", str(SECONDS), *more, *options]
    done = run([LAB, "run", *options, "--"], arguments, prepare, environment)
    if done.status == SKIPPED and not done.statuses:
        print(done.err, file=sys.stderr)
        sys.exit(SKIPPED)
    return done


def reframe_test(stdout):
    """The class in slurm/reframe_splitcast.py. Its functions are evaluated at once, and not later as by ReFrame."""

    class Sanity:
        @staticmethod
        def extractall(pattern, path, tag, convert=str):
            found = re.finditer(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
            return [convert(one.group(tag)) for one in found]

        @staticmethod
        def assert_found(pattern, path):
            assert re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE), pattern
            return True

        @staticmethod
        def assert_eq(a, b, msg):
            assert a == b, msg.format(a, b)
            return True

        all, count, sorted = staticmethod(all), staticmethod(len), staticmethod(sorted)

    def plain(function=None):
        return function

    class Test:
        pass

    Test.stdout = stdout
    reframe = types.ModuleType("reframe")
    reframe.simple_test, reframe.RunOnlyRegressionTest = plain, Test
    utility = types.ModuleType("reframe.utility")
    utility.sanity = Sanity
    modules = {"reframe": reframe, "reframe.utility": utility, "reframe.utility.sanity": Sanity}
    names = {"variable": lambda kind, value: value, "sanity_function": plain, "run_before": lambda stage: plain,
             "performance_function": lambda unit: plain}
    path = pathlib.Path(__file__).resolve().parent.parent.parent / "slurm" / "reframe_splitcast.py"
    with unittest.mock.patch.dict(sys.modules, modules):
        exec(compile(path.read_text(), str(path), "exec"), names)  # pylint: disable=exec-used
    return names["splitcast_check"]()


class Machine(unittest.TestCase):
    """The shared processors make rates and latencies a lottery: these are not looked at here."""

    LENIENT = ["--every-rank", "--quick", "--slow", "0.01", "--latency", "1000", "--latency-floor", "1", "--size", "256K"]

    def check_here(self, ranks, *arguments, launcher=(), **more):
        return run([*MPIRUN, *launcher, "-n", str(ranks)], [*self.LENIENT, *arguments], **more)

    def assert_all(self, run, status):
        self.assertEqual(set(run.statuses.values()), {status}, run)

    def test_report_for_machines(self):
        with tempfile.TemporaryDirectory() as folder:
            junit = os.path.join(folder, "report.xml")
            run = self.check_here(4, "--json", "--junit", junit)
            self.assert_all(run, OK)
            suites = xml.etree.ElementTree.parse(junit).getroot()
            self.assertEqual(os.listdir(folder), ["report.xml"])
        self.assertEqual(suites.get("failures"), "0")
        # Where other work has the processors there may be no figure of latency.
        self.assertEqual(len(list(suites.iter("testcase"))), int(suites.get("tests")))
        self.assertGreaterEqual(int(suites.get("tests")), 4 * (len(KINDS) - 1))
        report = run.report
        self.assertTrue(report["success"] and report["complete"])
        self.assertEqual([node["rank"] for node in report["nodes"]], [0, 1, 2, 3])
        for node in report["nodes"]:
            self.assertEqual(set(node["checks"]) | {"latency"}, KINDS)
            self.assertGreater(node["checks"]["receive"]["bytes_per_second"], 0)
            self.assertGreater(node["checks"].get("latency", {}).get("seconds", 1), 0)
        self.assertEqual({(link["from"], link["to"]) for link in report["links"]},
                         {(a, b) for a in range(4) for b in range(4) if a != b})
        self.assertIn("healthy: nothing found in 4 nodes", run.err)

    def test_few_ranks(self):
        for ranks in (1, 2, 3, 5):
            run = self.check_here(ranks)
            self.assert_all(run, OK)
            self.assertIn(f"healthy: nothing found in {ranks} nodes", run.out)

    def test_one_rank_of_a_node_measures(self):
        run_ = run([*MPIRUN, "-n", "3"], ["--quick"])
        self.assert_all(run_, OK)
        self.assertIn("1 of 3 ranks measure", run_.err)
        self.assertIn("there is nothing to compare", run_.out)

    def test_a_link_that_spoils(self):
        run = self.check_here(4, "--json", environment={"SPLITCAST_FAULT": "corrupt:rank=3,at=send,to=1"})
        self.assert_all(run, OUTLIERS)
        self.assertIn(("integrity", (3, 1)), run.named())
        self.assertIn(("integrity", (3,)), run.named())  # in broadcasts, which tell the sender
        self.assertEqual(len(run.report["findings"]), 2, run)

    def test_a_wrong_clock(self):
        prepare = f'if [ "$OMPI_COMM_WORLD_RANK" = 0 ]; then export LD_PRELOAD={SKEWED_CLOCK} SKEW_SECONDS=-7; fi'
        run = self.check_here(4, "--json", prepare=prepare)
        self.assert_all(run, OUTLIERS)
        self.assertEqual(run.named(), {("clock", (0,))}, run)
        self.assertIn("s behind the median clock", run.report["findings"][0]["text"])

    def test_reframe_reads_it(self):
        """The test for ReFrame, with just enough of ReFrame to apply its patterns to what is really said."""
        good = self.check_here(4)
        bad = self.check_here(4, environment={"SPLITCAST_FAULT": "corrupt:rank=3,at=send,to=1"})
        with tempfile.TemporaryDirectory() as folder:
            test = reframe_test(os.path.join(folder, "stdout"))
            pathlib.Path(test.stdout).write_text(good.out)
            self.assertTrue(test.nobody_is_named())
            for figure in (test.receive, test.send):
                self.assertGreater(figure(), 0)
            pathlib.Path(test.stdout).write_text(bad.out)
            with self.assertRaisesRegex(AssertionError, "rank 3 on .* sent|what rank 3 on .* sent to rank 1"):
                test.nobody_is_named()

    def test_too_slow_altogether(self):
        run = self.check_here(3, "--json", "--at-least", "1T")
        self.assert_all(run, OUTLIERS)
        self.assertEqual(run.named(), {(kind, (rank,)) for kind in ("receive", "send") for rank in range(3)})

    def test_a_node_that_hangs_is_named(self):
        for where in ("at=send", "at=enter,broadcast=2"):
            run = self.check_here(4, "--json", "--patience", "4", environment={"SPLITCAST_FAULT": f"stop:rank=2,{where}"})
            self.assertEqual(run.named(), {("alive", (2,))}, run)
            self.assertIn("does not answer", run.report["findings"][0]["text"])

    def test_rank_0_that_hangs_is_told_by_the_others(self):
        run = self.check_here(3, "--json", "--patience", "3", environment={"SPLITCAST_FAULT": "stop:rank=0,at=send"})
        self.assertIsNone(run.report, run)
        self.assertNotEqual(run.status, OK)
        self.assertIn("rank 0 does not answer rank", run.err)

    def test_a_node_that_dies_is_named(self):
        for where in ("at=send", "at=enter,broadcast=2"):
            run = self.check_here(4, "--json", launcher=["--with-ft", "ulfm"],
                                  environment={"SPLITCAST_FAULT": f"kill:rank=2,{where}"})
            self.assertEqual(run.named(), {("alive", (2,))}, run)

    def test_killing_on_purpose(self):
        run = self.check_here(4, "--json", "--kill", launcher=["--with-ft", "ulfm"])
        self.assertTrue(run.report["success"], run)
        self.assertTrue(any("killed on purpose" in note for note in run.report["notes"]), run)
        self.assertEqual(sorted(run.statuses.values()).count(OK), 3, run)

    def test_wrong_options(self):
        for arguments in (["--rounds", "2"], ["--size", "x"], ["--size", "2G"], ["--slow", "2"], ["--kill"], ["extra"]):
            run = self.check_here(2, *arguments)
            self.assert_all(run, USAGE)
            self.assertEqual(run.out, "")

    def test_junit_that_cannot_be_written(self):
        run = self.check_here(2, "--junit", "/nowhere/report.xml")
        self.assert_all(run, 4)
        self.assertIn("/nowhere/report.xml cannot be written", run.err)


class Lab(unittest.TestCase):
    """Links of 200 Mbit/s."""

    def test_one_direction_is_slow(self):
        thin = "root tbf rate 80mbit burst 64k latency 50ms"
        sends = f'if [ "$OMPI_COMM_WORLD_RANK" = 2 ]; then tc qdisc change dev eth0 {thin}; fi'
        receives = ('if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then nsenter --net="$SPLITCAST_LAB/net/bridge" '
                    f"tc qdisc change dev h1 {thin}; fi")
        for prepare, kind, other, node in ((sends, "send", "receive", 2), (receives, "receive", "send", 1)):
            run = lab([], ["--quick", "--json"], prepare)
            self.assertEqual(set(run.statuses.values()), {OUTLIERS}, run)
            self.assertIn((kind, (node,)), run.named(), run)
            for also, nodes in run.named():
                self.assertNotEqual(also, other, run)
                self.assertEqual(nodes, (node,), run)
            finding = next(one for one in run.report["findings"] if one["kind"] == kind)
            self.assertIn(f"node h{node} {kind}s at ", finding["text"])
            self.assertTrue(0.3 < finding["of_median"] < 0.6, finding)

    def test_a_host_that_spoils(self):
        run = lab([], ["--quick", "--json"], environment={"SPLITCAST_FAULT": "corrupt:rank=2,at=send:2,to=1"})
        self.assertEqual(set(run.statuses.values()), {OUTLIERS}, run)
        self.assertEqual(run.named(), {("integrity", (2, 1)), ("integrity", (2,))}, run)

    def test_healthy(self):
        run = lab([], ["--quick", "--json"])
        self.assertEqual(set(run.statuses.values()), {OK}, run)
        self.assertEqual(run.named(), set(), run)


def healthy(times, options):
    """Counts the runs without an alarm; prints what every other one said."""
    good = 0
    for number in range(times):
        done = lab(options, ["--quick", "--json", "--seed", str(number + 1)])
        findings = [one["text"] for one in done.report["findings"]] if done.report else [f"no report: {done}"]
        good += not findings
        print(f"run {number + 1}: {findings or 'no alarm'} (load {os.getloadavg()[0]:.1f})", flush=True)
    print(f"{good} of {times} healthy runs without an alarm")
    return good == times


if __name__ == "__main__":
    SPLITCAST, SKEWED_CLOCK = (os.path.realpath(path) for path in sys.argv[1:3])
    if sys.argv[3:4] == ["--healthy"]:
        sys.exit(not healthy(int(sys.argv[4]), sys.argv[5:]))
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
