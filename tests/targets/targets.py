#!/usr/bin/env python3
"""Measures splitcast against its targets for speed and memory. docs/benchmarks.md says how.

For each target a table, and as the last line one JSON object with "target", "measured", "bound" and "holds".
"""

import argparse
import json
import sys

import failures  # noqa: F401 (adds its targets)
from catalogue import TARGETS
from measuring import SKIPPED, Failed, Measuring, Unavailable

WRONG_CALL = 2


def main():
    options = arguments()
    if options.list:
        for name, cls in TARGETS.items():
            print(f"{name:<4} {cls.title}")
        return 0
    names = options.target or list(TARGETS)
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        print(f"there is no target {', '.join(unknown)}; there are {', '.join(TARGETS)}", file=sys.stderr)
        return WRONG_CALL
    try:
        measuring = Measuring(options.build, options.quick, options.congestion)
    except Failed as problem:
        print(problem, file=sys.stderr)
        return WRONG_CALL
    outcomes = measure(measuring, [TARGETS[name](options.quick) for name in names])
    if not options.check or all(outcome is True for outcome in outcomes):
        return 0
    return 1 if False in outcomes else SKIPPED


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit status: 0; with --check 1 when a target does not hold, and 77 when all do but for those that cannot"
        " be measured here; 2 for a wrong call",
    )
    parser.add_argument("target", nargs="*", help="which to measure [all]")
    parser.add_argument("--build", default="build/release", help="folder of the build [%(default)s]")
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--check", action="store_true", help="fail when a target does not hold")
    parser.add_argument("--quick", action="store_true", help="few sizes and three iterations: a look, not a figure")
    parser.add_argument("--congestion", help="TCP's congestion control on the hosts [the system's]")
    return parser.parse_args()


def measure(measuring, targets):
    """True, False, or None for one that cannot be measured here."""
    # Together, so that targets that look at the same thing share one measurement.
    measuring.measure([need for target in targets for need in target.needs()])
    return [judge(measuring, target) for target in targets]


def judge(measuring, target):
    print(f"\n{target.name}: {target.title}")
    try:
        result = target.judge(measuring)
    except Unavailable as reason:
        print(f"not measured: {reason}")
        tell({"target": target.name, "measured": None, "bound": target.bound, "holds": None, "skipped": str(reason)})
        return None
    except Failed as reason:
        print(f"failed: {reason}")
        tell({"target": target.name, "measured": None, "bound": target.bound, "holds": False, "error": str(reason)})
        return False
    print_table(result.heading, result.lines)
    print(f"{target.name} {'holds' if result.holds else 'DOES NOT HOLD'}: {result.measured} (bound {result.bound})")
    tell(
        {
            "target": target.name,
            "measured": result.measured,
            "bound": result.bound,
            "holds": result.holds,
            "unit": result.unit,
            "quick": measuring.quick,
            **result.details,
        }
    )
    return result.holds


def tell(result):
    print(json.dumps(result), flush=True)


def print_table(heading, lines):
    rows = [[str(cell) for cell in line] for line in [heading, *lines]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heading))]
    for row in rows:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
