#!/usr/bin/env python3
"""Many small broadcasts on one team, in which ranks die now and then; nothing may grow.

    soak.py [--broadcasts N] [--deaths N] [--ranks N] --program PATH -- MPIRUN [FLAG...]

Prints for every survivor what it had after the first quarter and at the end: memory, descriptors, communicators.
Exit status: 0 nothing grew, 1 something did or a run went wrong.
"""

import argparse
import pathlib
import random
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import harness
import judging

GROWTH = 1024  # KiB that a rank's memory may grow by from the first quarter on: lists of the dead, the library's caches


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--broadcasts", type=int, default=10000)
    parser.add_argument("--deaths", type=int, default=4)
    parser.add_argument("--ranks", type=int, default=8)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--limit", type=float, default=600)
    split = arguments.index("--")
    options, launcher = parser.parse_args(arguments[:split]), arguments[split + 1:]
    print(f"seed {options.seed}")
    every = -(-options.broadcasts // (options.deaths + 1))
    dead = {options.ranks - 1 - i: 1 for i in range(options.deaths)}
    case = judging.Case("soak", ranks=options.ranks, program="soak", dead=dead, limit=options.limit, arguments=(
        "--broadcasts", options.broadcasts, "--size", options.size, "--every", every, "--seed", "{seed}"))
    run = harness.Run(case, launcher, {"soak": options.program}, options.seed)
    outcome = run.go()
    for rank in case.survivors():
        judge(rank, [e for e in run.events()[rank] if e["event"] == "sample"], outcome)
    for kind, text in outcome.problems:
        print(f"{kind}: {text}")
    if outcome.problems:
        print(run.output())
    shutil.rmtree(run.folder)
    print(f"broadcasts={options.broadcasts} ranks={options.ranks} deaths={options.deaths} "
          f"seconds={outcome.seconds:.1f} problems={len(outcome.problems)}")
    return 1 if outcome.problems else 0


def judge(rank, samples, outcome):
    if len(samples) < 8:
        outcome.add("missing", f"rank {rank} gave {len(samples)} samples")
        return
    early, late = samples[len(samples) // 4], samples[-1]
    print(f"rank {rank}: after {early['broadcast']} and {late['broadcast']} broadcasts: "
          + ", ".join(f"{name} {early[name]} and {late[name]}" for name in ("resident", "descriptors", "communicators")))
    if late["resident"] > early["resident"] + GROWTH:
        outcome.add("grows", f"rank {rank}: memory from {early['resident']} to {late['resident']} KiB")
    for name in ("descriptors", "communicators"):
        if late[name] > early[name]:
            outcome.add("grows", f"rank {rank}: {name} from {early[name]} to {late[name]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
