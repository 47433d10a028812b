#!/usr/bin/env python3
"""Does harness.py see what goes wrong? It runs ranks that only pretend: this file again, without MPI."""

import contextlib
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import harness
from judging import Case, Outside

HERE = str(pathlib.Path(__file__).resolve())


# --- the pretenders ---------------------------------------------------------------------------------------------------


def launch(arguments):
    """Stands for mpirun: `-n N PROGRAM FOLDER HOW`; ends when all ranks have."""
    at = arguments.index("-n")
    count, rest = int(arguments[at + 1]), arguments[at + 2:]
    while rest[0] == "-x":
        rest = rest[2:]
    children = [subprocess.Popen([sys.executable, HERE, "rank", str(rank), *rest[1:]]) for rank in range(count)]
    for child in children:
        child.wait()
    return 0


def pretend(rank, folder, how):
    folder = pathlib.Path(folder)
    lines = open(folder / f"rank.{rank}.jsonl", "a", buffering=1)

    def event(name, **fields):
        lines.write(json.dumps({"event": name, "rank": rank, **fields}) + "\n")

    (folder / f"pid.{rank}.new").write_text(str(os.getpid()))
    (folder / f"pid.{rank}.new").rename(folder / f"pid.{rank}")
    verdict, failed, right = "success", [], True
    if rank == 1:
        if how == "hang":
            time.sleep(600)
        right = how != "wrong"
        verdict = "no source" if how == "split" else verdict
        failed = [2] if how == "names" else failed
        if how == "silent":
            return 0
        if how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "killed from outside":
            event("enter", broadcast=1)
            time.sleep(600)
    if how in ("dies", "killed from outside"):
        failed = [1]
    event("verdict", broadcast=1, verdict=verdict, failed=failed, right=right, seconds=0.01)
    if rank == 1 and how == "not finalized":
        return 0
    event("finalized")
    if rank == 1 and how == "lingers":
        time.sleep(600)
    return 0


# --- the tests --------------------------------------------------------------------------------------------------------


class Harness(unittest.TestCase):
    def run_case(self, how, **more):
        case = Case(how, ranks=3, program="pretender", arguments=(how,), **{"limit": 20, **more})
        run = harness.Run(case, [sys.executable, HERE, "launch"], {"pretender": "pretender"}, seed=1)
        try:
            return run.go()
        finally:
            # Who was sent SIGKILL may take a moment to go, on a busy machine.
            limit = time.monotonic() + 20
            while run.ranks.alive() and time.monotonic() < limit:
                time.sleep(0.05)
            self.assertEqual(run.ranks.alive(), [], "the harness has left processes behind")
            shutil.rmtree(run.folder)

    def assert_problems(self, outcome, *kinds):
        self.assertEqual(sorted({kind for kind, _ in outcome.problems}), sorted(kinds), outcome.problems)

    def text(self, outcome, kind):
        return next(text for found, text in outcome.problems if found == kind)

    def test_good(self):
        outcome = self.run_case("good")
        self.assert_problems(outcome)
        self.assertEqual(outcome.slowest, 0.01)

    def test_a_hang_shows_where(self):
        outcome = self.run_case("hang", limit=5)
        self.assert_problems(outcome, "hang", "missing", "unfinished")
        text = self.text(outcome, "hang")
        self.assertIn("ranks [1] still run", text)
        if shutil.which("gdb"):
            self.assertIn("#0", text)

    def test_wrong_bytes(self):
        self.assert_problems(self.run_case("wrong"), "wrong")

    def test_two_verdicts(self):
        outcome = self.run_case("split")
        self.assert_problems(outcome, "split", "verdict")
        self.assertIn("ranks [0, 2]: success", self.text(outcome, "split"))

    def test_two_lists_of_failed_ranks(self):
        self.assert_problems(self.run_case("names"), "split", "failed")

    def test_a_rank_that_says_nothing(self):
        self.assert_problems(self.run_case("silent"), "missing", "unfinished")

    def test_a_rank_that_does_not_finalize(self):
        self.assert_problems(self.run_case("not finalized"), "unfinished")

    def test_a_rank_that_dies_as_it_should(self):
        self.assert_problems(self.run_case("dies", dead={1: 1}))

    def test_a_rank_that_dies_and_should_not(self):
        self.assert_problems(self.run_case("dies"), "missing", "unfinished", "failed")

    def test_a_rank_that_was_to_die_and_lives(self):
        self.assert_problems(self.run_case("good", dead={1: 1}), "undead", "failed")

    def test_another_verdict_than_expected(self):
        self.assert_problems(self.run_case("good", verdicts=("source lost",)), "verdict")
        self.assert_problems(self.run_case("good", verdicts=(None,)))

    def test_a_kill_from_outside(self):
        kill = Outside("KILL", 1, when=("enter", 1, 1), after=0.1)
        self.assert_problems(self.run_case("killed from outside", dead={1: None}, outside=(kill,)))

    def test_who_is_stopped_is_ended_at_last(self):
        stop = Outside("STOP", 1, when=("enter", 1, 1))
        begin = time.monotonic()
        self.assert_problems(self.run_case("killed from outside", dead={1: None}, outside=(stop,)))
        self.assertLess(time.monotonic() - begin, 120)

    def test_a_process_left_behind(self):
        grace, harness.GRACE = harness.GRACE, 1
        self.assert_problems(self.run_case("lingers"), "left")
        harness.GRACE = grace

    def test_the_summary(self):
        table = [Case(how, ranks=3, program="pretender", arguments=(how,), limit=20) for how in ("good", "wrong")]
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as said:
            arguments = ["--program", "pretender=x", "--runs", "2", "--seed", "5", "--json", f"{folder}/summary",
                         "--", sys.executable, HERE, "launch"]
            self.assertEqual(harness.main(arguments, table), 1)
            good, wrong = json.loads(pathlib.Path(folder, "summary").read_text())
        self.assertEqual((good["runs"], good["good"], good["wrong_bytes"], good["seed"]), (2, 2, 0, 5))
        self.assertEqual((wrong["good"], wrong["wrong_bytes"], wrong["hangs"]), (0, 2, 0))
        self.assertIn("wrong: run 2 of 2 (--seed 6 --runs 1)", said.getvalue())

    def test_every_row_of_the_table_can_be(self):
        import cases
        names = [case.name for case in cases.CASES]
        self.assertEqual(len(names), len(set(names)))
        for case in cases.CASES:
            with self.subTest(case=case.name):
                self.assertIn(case.program, ("subject", "survival"))
                self.assertTrue(all(0 <= rank < case.ranks for rank in case.dead))
                self.assertIn(len(case.verdicts), (0, case.broadcasts))


if __name__ == "__main__":
    if sys.argv[1:2] == ["launch"]:
        sys.exit(launch(sys.argv[2:]))
    if sys.argv[1:2] == ["rank"]:
        sys.exit(pretend(int(sys.argv[2]), *sys.argv[3:]))
    unittest.main()
