#!/usr/bin/env python3
"""check_output.py KIND COMMAND...: runs `splitcast bench --json` and looks at what it prints."""

import json
import subprocess
import sys

SKIPPED = 77


def main():
    kind, command = sys.argv[1], sys.argv[2:]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    sys.stderr.write(run.stderr)
    if run.returncode == SKIPPED:
        return SKIPPED
    assert run.returncode == 0, f"exit status {run.returncode}"
    document = json.loads(run.stdout)
    if kind == "memory":
        check_memory(document)
        return 0
    assert document["validated"]
    assert "# Size" in run.stderr, "the table is not on stderr"
    for row in document["sizes"]:
        check_row(row)
        # Once for each size, and always.
        assert run.stderr.count(row["choice"]) == 1, f"the choice is not told once: {row['choice']}"
    CHECKS[kind](document, run.stderr)
    return 0


def check_row(row):
    first = row["contenders"][0]
    assert first["name"] == "splitcast" and row["seconds"] == first["median"] > 0
    for one in row["contenders"]:
        assert len(one["seconds"]) == row["iterations"] == 3
        order = [one[key] for key in ("min", "lower_quartile", "median", "upper_quartile", "max")]
        assert order == sorted(order) and order[0] == min(one["seconds"]) and order[-1] == max(one["seconds"])


def check_ratios(row):
    medians = {one["name"]: one["median"] for one in row["contenders"]}
    ours = medians.pop("splitcast")
    assert "shipped" in medians, "shipped is always among them"
    assert medians[row["best_rival"]] == min(medians.values())
    assert abs(row["ratio_to_best"] - min(medians.values()) / ours) < 1e-9
    assert abs(row["ratio_to_shipped"] - medians["shipped"] / ours) < 1e-9


def check_best(document, _):
    assert document["root"] == "rotate" and document["ranks"] == 3 and document["nodes"] == 1
    assert [row["bytes"] for row in document["sizes"]] == [0, 1000, 65536]
    for row in document["sizes"]:
        check_ratios(row)


def check_named(document, text):
    assert "left out: nobody" in text
    assert [row["bytes"] for row in document["sizes"]] == [4096, 8192, 16384]
    for row in document["sizes"]:
        check_ratios(row)
        assert [one["name"] for one in row["contenders"]] == ["splitcast", "shipped", "tuned:pipeline:1k"]


def check_none(document, _):
    (row,) = document["sizes"]
    assert row["bytes"] == 102400 and len(row["contenders"]) == 1
    assert row["ratio_to_best"] is None and row["best_rival"] is None
    assert "4 KiB" in row["choice"], f"the setting did not arrive: {row['choice']}"


def check_lab(document, _):
    assert document["ranks"] == document["nodes"] == 4
    for row in document["sizes"]:
        check_ratios(row)


def check_memory(document):
    assert document["contender"] == "splitcast"
    assert [row["bytes"] for row in document["sizes"]] == [65536, 1 << 20]
    for row in document["sizes"]:
        assert 0 < row["peak_bytes"] < 64 << 20


CHECKS = {"best": check_best, "named": check_named, "none": check_none, "lab": check_lab}

if __name__ == "__main__":
    sys.exit(main())
