#!/usr/bin/env python3
"""Random failures: who, what, where, how large, which root, groups and way of calling; one run each.

    campaign.py [--runs N] [--seed N] --program subject=PATH -- MPIRUN [FLAG...]

Every case follows from its seed, which is printed when it went wrong: --seed N --runs 1 repeats it. What is checked is
what must hold whatever happens (harness.py): no hang, no wrong byte reported as success, one verdict. A root that may
have died makes that verdict chance's.
Exit status: 0 all runs as expected, 1 some were not.
"""

import argparse
import pathlib
import random
import shutil
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import harness
from judging import ANY, Case

POINTS = ("enter", "survey", "receive", "receive:{percent}%", "relay", "relay:{percent}%", "send:{time}",
          "send:{percent}%", "notice", "regroup", "flush", "report", "epoch", "repair", "complete", "commit", "decide",
          "return")
AFTER_A_FAILURE = ("notice", "regroup", "flush", "report", "epoch", "repair")


def place(chance):
    """Where a rank fails."""
    return chance.choice(POINTS).format(percent=chance.randrange(1, 100), time=chance.randrange(1, 40))


def draw(seed):
    """The case that belongs to a seed."""
    chance = random.Random(seed)
    ranks = chance.randrange(2, 9)
    root = chance.randrange(ranks)
    size = chance.choice((0, 1, 100, 5000, 65536, 300_001, 1 << 20, 3_333_333, 8 << 20))
    count = chance.randrange(1, 4)
    settings = [f"group_size={chance.randrange(0, ranks + 1)}", f"children={chance.randrange(0, 3)}",
                f"segment={chance.choice(('0', '8K', '32K', '100000'))}"]
    if chance.random() < 0.2:
        settings.append("integrity=yes")
    if chance.random() < 0.3:
        settings.append("detect=mpi")
    if chance.random() < 0.3:
        settings.append(f"resend={chance.choice(('root', 'survivors'))}")
    mode = chance.choice(("blocking", "blocking", "nonblocking", "persistent", "c"))
    arguments = ["--size", size, "--broadcasts", count, "--root", root, "--mode", mode, "--seed", "{seed}",
                 "--settings", ",".join(settings)]
    if ranks > 2 and chance.random() < 0.3:
        arguments += ["--mirror", chance.choice([rank for rank in range(ranks) if rank != root])]
    victims = chance.sample(range(ranks), chance.randrange(0, ranks))
    if root in victims and chance.random() < 0.7:
        victims.remove(root)  # else most of the runs would be about its data
    rules = [f"kill:rank={rank},at={place(chance)},broadcast={chance.randrange(1, count + 1)}" for rank in victims]
    if victims and all(any(f"at={point}" in rule for point in AFTER_A_FAILURE) for rule in rules):
        rules[0] = f"kill:rank={victims[0]},at=receive"
    return Case(f"seed {seed}", ranks=ranks, arguments=tuple(arguments), broadcasts=count, fault="; ".join(rules),
                dead={rank: None for rank in victims}, failed=ANY, limit=40,
                verdicts=(None,) * count if root in victims else ())


def lenient(case, outcome):
    """A rank whose place was never reached lives, and is no problem."""
    outcome.problems = [(kind, text) for kind, text in outcome.problems if kind not in ("survivors", "failed")]
    return outcome


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, metavar="subject=PATH")
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--limit-factor", type=float, default=1.0)
    split = arguments.index("--")
    options, launcher = parser.parse_args(arguments[:split]), arguments[split + 1:]
    programs = dict([options.program.split("=", 1)])
    print(f"seeds {options.seed} to {options.seed + options.runs - 1}", flush=True)
    outcomes, died = [], 0
    for seed in range(options.seed, options.seed + options.runs):
        case = draw(seed)
        run = harness.Run(case, launcher, programs, seed, options.limit_factor)
        outcome = lenient(case, run.go())
        outcomes.append(outcome)
        died += any(not any(e["event"] == "finalized" for e in events) for events in run.events())
        if outcome.problems:
            print(f"--seed {seed} --runs 1: {case.ranks} ranks, SPLITCAST_FAULT='{case.fault}', {case.arguments}")
            for kind, text in outcome.problems:
                print(f"  {kind}: {text}")
            print(f"  mpirun ended with {outcome.mpirun}\n{run.output()[-2000:]}", flush=True)
        shutil.rmtree(run.folder)

    def count(*kinds):
        return sum(any(o.has(kind) for kind in kinds) for o in outcomes)

    print(f"runs={len(outcomes)} in_which_ranks_died={died} good={sum(not o.problems for o in outcomes)} "
          f"hangs={count('hang', 'left')} wrong_bytes={count('wrong')} split_verdicts={count('split')} "
          f"median_seconds={statistics.median(o.seconds for o in outcomes):.3f}")
    return 1 if any(o.problems for o in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
