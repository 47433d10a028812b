#!/usr/bin/env python3
"""Runs cases in which ranks die, stop or are cut off, and judges what the survivors say.

    harness.py [OPTION...] --program NAME=PATH... [--case NAME...] -- MPIRUN [FLAG...]

What follows `--` starts ranks; `-n RANKS PROGRAM FOLDER ARGUMENT...` is added. Each rank writes what it saw into
FOLDER (tests/fault/record.hpp); mpirun's exit status is not looked at, because it cannot be trusted. Checked in
every run:

  - no hang: at the limit the stacks of all ranks that still run are printed, and they are ended by their ids
  - every survivor has a verdict on every broadcast, the same one, with the same list of failed ranks
  - a verdict of success comes with the right bytes
  - who was to die has no verdict on the broadcast in which it died
  - the last report names exactly the ranks that were lost, and what each report names adds up to it
  - the communicator of the survivors has all of them, and works
  - survivors leave MPI_Finalize, end with status 0, and nothing is left running

Inside a lab (tests/lab/lab run --no-mpi -- harness.py ...) the ranks are dealt out to its hosts, and links can be cut.

Exit status: 0 all runs as expected; 1 some were not; 2 wrong call; 77 something that is needed is missing.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from judging import ANY, Outcome, judge, read_events, verdicts_of

POLL = 0.02  # seconds between two looks at the ranks
GRACE = 10  # seconds that processes have to end when the survivors have said all
SKIPPED = 77
TRIES = 5  # at a case whose fault may come too late


# --- processes --------------------------------------------------------------------------------------------------------


class Ranks:
    """The processes of a run, by the ids that they wrote."""

    def __init__(self, folder, count):
        self.folder, self.count, self.ids = folder, count, {}

    def look(self):
        for rank in range(self.count):
            if rank not in self.ids:
                try:
                    number = int((self.folder / f"pid.{rank}").read_text())
                    self.ids[rank] = (number, self.started(number))
                except (FileNotFoundError, ValueError):
                    pass
        return len(self.ids) == self.count

    @staticmethod
    def started(number):
        """When the process was started: tells it from a later one with the same id. None if it is gone or a zombie."""
        try:
            fields = pathlib.Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in "ZX" else fields[19]

    def alive(self):
        return [rank for rank, (number, start) in sorted(self.ids.items())
                if start is not None and self.started(number) == start]

    def send(self, rank, number):
        if rank in self.alive():
            try:
                os.kill(self.ids[rank][0], number)
            except ProcessLookupError:
                pass  # it ended since

    def end(self, ranks):
        for rank in ranks:
            self.send(rank, signal.SIGKILL)

    def stacks(self):
        """For people: where every rank that still runs is."""
        texts = []
        for rank in self.alive():
            number = self.ids[rank][0]
            text = f"--- rank {rank}, process {number}\n"
            if shutil.which("gdb"):
                done = subprocess.run(
                    # The hosts of a lab have mounts of their own, and still the same libraries.
                    ["timeout", "-k", "5", "40", "gdb", "-iex", "set sysroot /", "-p", str(number), "-batch", "-nx",
                     "-ex", "set pagination off", "-ex", "thread apply all bt 30"],
                    stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
                frames = [line for line in done.stdout.splitlines() if line.startswith(("#", "Thread"))]
                text += "\n".join(frames) if frames else done.stderr
            else:
                text += "(gdb is missing: no stacks)"
            texts.append(text)
        return "\n".join(texts)


def act(outside, ranks):
    if outside.act in ("CUT", "JOIN"):
        lab = pathlib.Path(os.environ["SPLITCAST_LAB"])
        subprocess.run(["nsenter", f"--net={lab}/net/bridge", "ip", "link", "set", f"h{outside.target}",
                        "down" if outside.act == "CUT" else "up"], check=True)
    else:
        ranks.send(outside.target, getattr(signal, "SIG" + outside.act))


def lab_flags():
    lab = os.environ.get("SPLITCAST_LAB")
    if not lab:
        return [], {}
    flags = ["--hostfile", f"{lab}/hostfile", "--prtemca", "plm_ssh_agent", f"{lab}/on",
             "--prtemca", "plm_ssh_no_tree_spawn", "1", "--prtemca", "prte_tmpdir_base", f"{lab}/tmp"]
    return flags, {"OMPI_MCA_btl": "self,sm,tcp", "OMPI_MCA_btl_tcp_if_include": "eth0"}


def lab_hosts():
    lab = os.environ.get("SPLITCAST_LAB")
    return len((pathlib.Path(lab) / "hostfile").read_text().splitlines()) if lab else 0


class Run:
    """One run of a case, from its start to its verdict."""

    def __init__(self, case, launcher, programs, seed, limit_factor=1.0):
        self.case, self.limit = case, case.limit * limit_factor
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="splitcast-fault."))
        flags, environment = lab_flags()
        arguments = [str(a).replace("{seed}", str(seed)) for a in case.arguments]
        self.command = ["timeout", "-k", "5", str(int(self.limit + 60)), *launcher, *flags, "-n", str(case.ranks),
                        programs[case.program], str(self.folder), *arguments]
        root = {f"{family}_ALLOW_RUN_AS_ROOT{end}": "1" for family in ("OMPI", "PRTE") for end in ("", "_CONFIRM")}
        self.environment = {**os.environ, **root, "OMPI_MCA_mpi_yield_when_idle": "1", **environment,
                            **case.environment}
        self.environment.pop("SPLITCAST_FAULT", None)
        if case.fault:
            # mpirun hands on what begins with OMPI_ and what it is told to; ranks on other hosts need it, too.
            self.environment["SPLITCAST_FAULT"] = case.fault
            place = self.command.index(programs[case.program])
            self.command[place:place] = ["-x", "SPLITCAST_FAULT"]
        self.ranks = Ranks(self.folder, case.ranks)
        self.outcome = Outcome()

    def events(self):
        return [read_events(self.folder, rank) for rank in range(self.case.ranks)]

    def due(self, outside, events, there_since):
        """Has the moment come from which `after` counts? When it did, or None."""
        if there_since is None or not outside.when:
            return there_since
        name, rank, broadcast = outside.when
        seen = any(e["event"] == name and e.get("broadcast") == broadcast for e in events[rank])
        return time.monotonic() if seen else None

    def ends(self):
        """How each rank ended, if it told: "status N", or "signal N" and a stack."""
        texts = []
        for rank in range(self.case.ranks):
            try:
                texts.append((self.folder / f"end.{rank}").read_text().strip() or "nothing: gone by _exit")
            except FileNotFoundError:
                texts.append(None)
        return texts

    def survivors_done(self, events):
        return all(rank in self.case.dead or any(e["event"] == "finalized" for e in events[rank])
                   for rank in range(self.case.ranks))

    def watch(self, mpirun):
        """Until mpirun is over, or the limit is."""
        begin = time.monotonic()
        there_since, moments, done_since = None, {}, None
        pending = list(self.case.outside)
        while mpirun.poll() is None:
            now = time.monotonic()
            if now - begin > self.limit:
                self.hang()
                return
            if self.ranks.look() and there_since is None:
                there_since = now
            events = self.events() if pending or done_since is None else None
            for outside in list(pending):
                moments.setdefault(outside, None)
                if moments[outside] is None:
                    moments[outside] = self.due(outside, events, there_since)
                if moments[outside] is not None and now >= moments[outside] + outside.after:
                    act(outside, self.ranks)
                    pending.remove(outside)
            if done_since is None and self.survivors_done(events):
                done_since = now
                self.ranks.end(self.case.dead)  # who was stopped would keep mpirun for ever
            if done_since is not None and now - done_since > GRACE:
                self.outcome.add("left", f"mpirun did not end within {GRACE} s after the last rank was done")
                return
            time.sleep(POLL)

    def hang(self):
        self.ranks.look()
        alive = self.ranks.alive()
        self.outcome.add("hang", f"not over after {self.limit:g} s; ranks {alive} still run\n{self.ranks.stacks()}")

    def tidy(self, mpirun):
        """Ends what is left, by id."""
        self.ranks.look()
        deadline = time.monotonic() + GRACE
        while self.ranks.alive() and time.monotonic() < deadline and not self.outcome.problems:
            time.sleep(POLL)
        if self.ranks.alive() and not self.outcome.problems:
            self.outcome.add("left", f"ranks {self.ranks.alive()} still run after mpirun\n{self.ranks.stacks()}")
        self.ranks.end(range(self.case.ranks))
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            if mpirun.poll() is None:
                mpirun.send_signal(signal_number)
                try:
                    mpirun.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    pass

    def go(self):
        begin = time.monotonic()
        with open(self.folder / "output", "wb") as output:
            mpirun = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                      env=self.environment)
            try:
                self.watch(mpirun)
            finally:
                self.outcome.seconds = time.monotonic() - begin
                self.outcome.mpirun = mpirun.poll()
                self.tidy(mpirun)
        judge(self.case, self.events(), self.outcome, self.ends())
        return self.outcome

    def output(self):
        return (self.folder / "output").read_text(errors="replace")


# --- many runs --------------------------------------------------------------------------------------------------------


def summarize(case, seed, outcomes):
    def count(*kinds):
        return sum(any(o.has(kind) for kind in kinds) for o in outcomes)

    return {"case": case.name, "seed": seed, "runs": len(outcomes), "good": sum(not o.problems for o in outcomes),
            "hangs": count("hang", "left"), "wrong_bytes": count("wrong"), "split_verdicts": count("split"),
            "other": sum(bool(o.problems) and not any(o.has(k) for k in ("hang", "left", "wrong", "split"))
                         for o in outcomes),
            "median_seconds": round(statistics.median(o.seconds for o in outcomes), 3),
            "median_verdict_seconds": round(statistics.median(o.slowest for o in outcomes), 4)}


def without_failures(case):
    """The same broadcasts, and nobody fails: what the extra time of a case is measured against."""
    return dataclasses.replace(case, fault="", outside=(), dead={}, evicted={}, verdicts=(None,) * case.broadcasts,
                               failed=ANY, spoilers=(), says="", silent=False)


def untouched(case, events):
    """Whether all ranks have succeeded and nobody was missed: then the place of the fault was never reached. A rank may
    have sent on all that it relays before it holds the share that a case names."""
    said = [verdicts_of(events[rank]) for rank in range(case.ranks)]
    return all(broadcast in answers and answers[broadcast]["verdict"] == "success" and answers[broadcast]["right"]
               and not answers[broadcast]["failed"] for answers in said for broadcast in range(1, case.broadcasts + 1))


def run_until_it_strikes(case, options, launcher, programs, seed):
    for attempt in range(TRIES):
        run = Run(case, launcher, programs, seed, options.limit_factor)
        outcome = run.go()
        strikes = case.fault or case.outside
        last = attempt == TRIES - 1
        if last or not outcome.problems or not strikes or not untouched(case, run.events()):
            break
        print(f"{case.name}: nothing struck (--seed {seed}), once more")
        shutil.rmtree(run.folder)
    return run, outcome


def run_case(case, options, launcher, programs):
    outcomes = []
    calm = []
    for i in range(options.runs if options.compare and case.program == "subject" else 0):
        run = Run(without_failures(case), launcher, programs, options.seed + i, options.limit_factor)
        calm.append(run.go())
        shutil.rmtree(run.folder)
    for i in range(options.runs):
        run, outcome = run_until_it_strikes(case, options, launcher, programs, options.seed + i)
        outcomes.append(outcome)
        if outcome.problems:
            print(f"{case.name}: run {i + 1} of {options.runs} (--seed {options.seed + i} --runs 1) went wrong:")
            for kind, text in outcome.problems:
                print(f"  {kind}: {text}")
            print(f"  mpirun ended with {outcome.mpirun}; output of it and the ranks:\n" + "".join(f"    {s}\n" for s in run.output().splitlines()[-40:]))
        if options.keep:
            print(f"{case.name}: run {i + 1}: {run.folder}")
        else:
            shutil.rmtree(run.folder)
    summary = summarize(case, options.seed, outcomes)
    if calm:
        extra = summary["median_verdict_seconds"] - statistics.median(o.slowest for o in calm)
        summary["median_extra_seconds"] = round(extra, 3)
    print(" ".join(f"{key}={value}" for key, value in summary.items()), flush=True)
    return summary


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", action="append", default=[], metavar="NAME=PATH", help="a program that cases name")
    parser.add_argument("--case", action="append", metavar="NAME", help="only these cases (all for whose hosts we are)")
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="of each case")
    parser.add_argument("--seed", type=int, help="of the first run, the next has the next; from the clock if not given")
    parser.add_argument("--limit-factor", type=float, default=1.0, help="stretches all limits (sanitizers)")
    parser.add_argument("--compare", action="store_true", help="run each case without its failures as often, and give "
                        "the extra time")
    parser.add_argument("--json", metavar="FILE", help="the summaries as a list of objects")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the runs, and say where")
    parser.add_argument("--list", action="store_true", help="the cases: name, program, ranks, hosts, limit")
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options = parser.parse_args(arguments[:split])
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31)
    return parser, options, arguments[split + 1:]


def main(arguments, table=None):
    if table is None:
        import cases
        table = cases.CASES
    parser, options, launcher = parse(arguments)
    if options.list:
        for case in table:
            print(case.name, case.program, case.ranks, case.hosts, int(case.limit), sep="\t")
        return 0
    programs = dict(pair.split("=", 1) for pair in options.program)
    known = {case.name: case for case in table}
    for name in options.case or ():
        if name not in known:
            parser.error(f"there is no case {name}; --list lists them")
    chosen = [known[name] for name in options.case] if options.case else [
        case for case in table if case.program in programs and bool(case.hosts) == bool(lab_hosts())]
    if not launcher or not chosen:
        parser.error("what starts ranks is to follow --" if chosen else "there is no case to run")
    for case in chosen:
        if case.program not in programs:
            parser.error(f"case {case.name} wants --program {case.program}=PATH")
        if case.hosts > lab_hosts():
            print(f"skipped: case {case.name} wants a lab of {case.hosts} hosts")
            return SKIPPED
    summaries = [run_case(case, options, launcher, programs) for case in chosen]
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(summaries, indent=2) + "\n")
    return 0 if all(summary["good"] == summary["runs"] for summary in summaries) else 1


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    sys.modules["harness"] = sys.modules["__main__"]  # cases.py imports it by its name
    sys.exit(main(sys.argv[1:]))
