"""The targets for runs in which ranks fail, F1 to F6, and S10: what being able to survive costs when nobody fails.

A run is one job of tests/fault/subject.cpp on hosts of our own: two broadcasts in which nobody fails, then one with the
fault; so both are from the same ranks, one after the other. What the survivors say of themselves is what counts; the
slowest of them is the time. Detection is the least of what they report as silence: the time from the last sign of life of
the first rank that was lost to the moment in which its loss was noticed, on the rank that had heard of it last. It cannot be
shorter than the real one.
"""

import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile

from catalogue import EIGHT, MIB, Result, number, target
from measuring import SKIPPED, Failed, Place, Unavailable, environment, load_average, say

HEADING = ["without s", "with s", "detection s", "regroup s", "repair s"]
WITH_FAULT = 3  # the number of the broadcast in which somebody fails


def ranks_of(folder):
    """What every rank wrote, by rank: {broadcast: verdict}."""
    said = {}
    for path in pathlib.Path(folder).glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        verdicts = {line["broadcast"]: line for line in lines if line.get("event") == "verdict"}
        said[path.stem] = verdicts
    return said


class Failing:
    """A target about one fault; what is judged is the median over the runs."""

    unit = "times the time without failure, after detection"
    place = EIGHT
    size = 16 * MIB
    settings = ""
    mirrors = []
    root = 0
    runs = 10

    def __init__(self, quick):
        self.quick = quick

    def needs(self):
        return []

    def lost(self):
        """Ranks that have no verdict on the broadcast with the fault."""
        raise NotImplementedError

    def one_run(self, measuring):
        folder = tempfile.mkdtemp(prefix="splitcast-target.")
        try:
            said = self.job(measuring, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        clean = max(v[2]["seconds"] for v in said.values() if 2 in v)
        after = [v[WITH_FAULT] for v in said.values() if WITH_FAULT in v and v[WITH_FAULT]["verdict"] == "success"]
        if len(after) != self.place.hosts - len(self.lost()) or not all(one["right"] for one in after):
            raise Failed(f"{len(after)} survivors have succeeded; the others say "
                         f"{[v[WITH_FAULT] for v in said.values() if WITH_FAULT in v and v[WITH_FAULT]['verdict'] != 'success']}")
        reports = [one["report"] for one in after]
        receivers = [report for report in reports if report["bytes_received"] > 0]
        return {
            "clean": clean,
            "seconds": max(one["seconds"] for one in after),
            "detection": min(report["silence_seconds"] for report in reports),
            "regroup": max(report["regroup_seconds"] for report in reports),
            "repair": max(report["repair_seconds"] for report in reports),
            "received": sum(report["bytes_received"] for report in receivers),
            "needed": sum(report["bytes"] for report in receivers),
        }

    def job(self, measuring, folder):
        subject = measuring.fault_subject()
        line = [str(measuring.lab), "run", "--hosts", str(self.place.hosts), "--rate", f"{self.place.mbit}mbit"]
        line += ["--burst", "64k", "--timeout", "300", "--ft", "--env", f"SPLITCAST_FAULT={self.fault()}", "--"]
        line += [str(subject), folder, "--size", str(self.size), "--broadcasts", str(WITH_FAULT)]
        line += ["--root", str(self.root)]
        if self.settings:
            line += ["--settings", self.settings]
        for mirror in self.mirrors:
            line += ["--mirror", str(mirror)]
        run = subprocess.run(line, stdout=subprocess.DEVNULL, env=environment(), check=False)
        if run.returncode == SKIPPED:
            raise Unavailable("hosts of our own cannot be made here; the line above says why")
        said = ranks_of(folder)
        if len(said) < self.place.hosts:
            raise Failed(f"{len(said)} ranks have written something, of {self.place.hosts}")
        return said

    def series(self, measuring):
        """The median figure, and the table's lines and details."""
        runs = []
        for index in range(3 if self.quick else self.runs):
            say(f"--- {self.name}, run {index + 1}: {self.fault()} (load {load_average():.1f})")
            runs.append(self.one_run(measuring))
        figures = [self.figure(run) for run in runs]
        lines = [
            [number(run[key], ".4f") for key in ("clean", "seconds", "detection", "regroup", "repair")]
            + [number(figure)]
            for run, figure in zip(runs, figures)
        ]
        return statistics.median(figures), lines, runs

    def judge(self, measuring):
        measured, lines, runs = self.series(measuring)
        heading = [*HEADING, self.column]
        return Result(measured, self.bound, measured <= self.bound, self.unit, heading, lines, {"runs": runs})

    column = "x without"

    def figure(self, run):
        return (run["seconds"] - run["detection"]) / run["clean"]

    def fault(self):
        ranks = "+".join(map(str, self.lost()))
        return f"kill:rank={ranks},at={self.point},broadcast={WITH_FAULT}"

    point = "receive:50%"


@target
class F1(Failing):
    name = "F1"
    title = "one relay of 8 killed at 50%: time after detection over that without failure"
    bound = 1.10

    def lost(self):
        return [3]


@target
class F2(F1):
    name = "F2"
    title = "the same: bytes received over bytes that were needed"
    unit = "bytes received by survivors over the bytes they lacked"
    column = "received / needed"
    bound = 1.02

    def figure(self, run):
        return run["received"] / run["needed"]


@target
class F3(Failing):
    name = "F3"
    title = "the root killed at 50%, one mirror: time after detection over that without failure"
    bound = 1.20
    mirrors = [7]
    point = "send:512"  # of about 1,000 segments that the root sends

    def lost(self):
        return [0]


@target
class F4(Failing):
    name = "F4"
    title = "how long a killed rank stays unnoticed, and a stopped one in units of the timeout"
    unit = "seconds; timeouts"
    bound = {"killed": 0.2, "stopped": 2.0}
    timeout = 0.8
    column = "detection s"

    def lost(self):
        return [3]

    def figure(self, run):
        return run["detection"]

    def judge(self, measuring):
        killed, lines, killed_runs = self.series(measuring)
        self.fault = lambda: f"stop:rank=3,at=receive:50%,broadcast={WITH_FAULT},for=4000"
        stopped, more_lines, stopped_runs = self.series(measuring)
        measured = {"killed": killed, "stopped": stopped / self.timeout}
        holds = all(measured[what] <= self.bound[what] for what in measured)
        details = {"runs": {"killed": killed_runs, "stopped": stopped_runs}}
        return Result(measured, self.bound, holds, self.unit, [*HEADING, self.column], lines + more_lines, details)


@target
class F5(Failing):
    name = "F5"
    title = "half of 8 ranks killed at once: time after detection over that without failure"
    bound = 1.5

    def lost(self):
        return [2, 4, 5, 7]


@target
class S10(Failing):
    name = "S10"
    title = "able to survive, nobody fails: time over that with it off"
    unit = "times as slow"
    place = Place(4, 100)
    bound = 1.03
    column = "on / off"

    def judge(self, measuring):
        ratios = []
        lines = []
        for _ in range(3 if self.quick else 5):
            seconds = {}
            for survive in ("off", "on"):
                self.settings = f"survive={survive}"
                folder = tempfile.mkdtemp(prefix="splitcast-target.")
                try:
                    said = self.job(measuring, folder)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                seconds[survive] = min(
                    max(verdicts[broadcast]["seconds"] for verdicts in said.values()) for broadcast in (2, 3)
                )
            ratios.append(seconds["on"] / seconds["off"])
            lines.append([number(seconds["off"], ".4f"), number(seconds["on"], ".4f"), number(ratios[-1])])
        measured = statistics.median(ratios)
        heading = ["off s", "on s", self.column]
        return Result(measured, self.bound, measured <= self.bound, self.unit, heading, lines, {"ratios": ratios})

    def fault(self):
        return ""

    def lost(self):
        return []
