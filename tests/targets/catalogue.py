"""The targets: what each needs to be measured, and what it makes of that.

A target is a class with a name, a title, `needs()` and `judge()`; @target lists it. judge() returns the result: what was
measured and the bound, whether it holds, and the lines of its table with everything that one may want to look up.
"""

import os
import pathlib
import tempfile
from statistics import median
from dataclasses import dataclass, field

from measuring import ALONE, BEST, GIB, KIB, MIB, SHIPPED, Need, Place, Unavailable, available_memory

TARGETS = {}


def target(cls):
    TARGETS[cls.name] = cls
    return cls


@dataclass
class Result:
    measured: object  # a number, or numbers by the case that they are of
    bound: object
    holds: bool
    unit: str
    heading: list  # of the table
    lines: list
    details: dict = field(default_factory=dict)


def size_text(size):
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def series_of(row, name):
    return next((one for one in row["contenders"] if one["name"] == name), None)


def case_of(place, row):
    """What every speed target tells of one size."""
    ours = series_of(row, "splitcast")
    return {
        "hosts": place.hosts,
        "mbit": place.mbit,
        "bytes": row["bytes"],
        "seconds": row["seconds"],
        "min": ours["min"],
        "max": ours["max"],
        "iterations": row["iterations"],
        "limit": place.limit(row["bytes"]),
        "times_limit": row["seconds"] / place.limit(row["bytes"]),
        "rivals": {one["name"]: one["median"] for one in row["contenders"] if one["name"] != "splitcast"},
        "best_rival": row["best_rival"],
        "ratio_to_best": row["ratio_to_best"],
        "ratio_to_shipped": row["ratio_to_shipped"],
        "choice": row["choice"],
        "tcp_congestion_control": row["tcp_congestion_control"],
        "load_before": row["load_before"],
    }


SPEED_HEADING = ["hosts", "Mbit/s", "size", "splitcast s", "min..max", "x limit", "shipped", "best measured", "which is"]


def number(value, form=".3f"):
    return "-" if value is None else format(value, form)


def speed_line(case):
    return [
        case["hosts"],
        case["mbit"],
        size_text(case["bytes"]),
        number(case["seconds"], ".4f"),
        f"{case['min']:.4f}..{case['max']:.4f}",
        number(case["times_limit"]),
        number(case["ratio_to_shipped"]) + " x",
        number(case["ratio_to_best"]) + " x",
        case["best_rival"] or "-",
    ]


class Speed:
    """A target about times at some places and sizes."""

    def __init__(self, quick):
        self.quick = quick

    def needs(self):
        return [Need(place, size, self.rivals) for place, sizes in self.sizes().items() for size in sizes]

    def judge(self, measuring):
        cases = [
            case_of(place, measuring.row(place, size)) for place, sizes in self.sizes().items() for size in sizes
        ]
        measured, bound, holds = self.verdict(cases)
        return Result(
            measured, bound, holds, self.unit, SPEED_HEADING, [speed_line(case) for case in cases], {"cases": cases}
        )


FOUR = Place(4, 100)
EIGHT = Place(8, 100)


def by_hosts(cases, figure):
    """The least figure at each number of hosts."""
    least = {}
    for case in cases:
        key = f"{case['hosts']} hosts"
        least[key] = min(figure(case), least.get(key, float("inf")))
    return least


@target
class S1(Speed):
    name = "S1"
    title = "4 and 8 hosts, 100 Mbit/s, 16-64 MiB: time over the links' payload limit"
    unit = "times the payload limit, at the worst"
    rivals = ALONE
    bound = 1.03

    def sizes(self):
        sizes = [16 * MIB] if self.quick else [16 * MIB, 64 * MIB]
        return {FOUR: sizes, EIGHT: sizes}

    def verdict(self, cases):
        measured = max(case["times_limit"] for case in cases)
        return measured, self.bound, measured <= self.bound


@target
class S2(S1):
    name = "S2"
    title = "the same, against MPI_Bcast as the library is shipped"
    unit = "times as fast, at the least"
    rivals = SHIPPED
    bound = {"4 hosts": 2.8, "8 hosts": 6.5}

    def verdict(self, cases):
        measured = by_hosts(cases, lambda case: case["ratio_to_shipped"])
        return measured, self.bound, all(measured[key] >= self.bound[key] for key in measured)


@target
class S3(Speed):
    name = "S3"
    title = "4 and 8 hosts at 100 Mbit/s and 16 at 50, every size from 64 KiB, against the best rival"
    unit = "times as fast as the best rival, at the least"
    rivals = BEST
    everywhere = 0.98
    bound = {"everywhere": 0.98, "16 hosts, 256 KiB-1 MiB": 1.2}
    many = Place(16, 50)
    small = (256 * KIB, 1 * MIB)  # where many hosts must gain more
    gain = 1.2

    def sizes(self):
        if self.quick:
            return {FOUR: [64 * KIB, 1 * MIB], EIGHT: [64 * KIB, 1 * MIB], self.many: [256 * KIB, 1 * MIB]}
        usual = [64 * KIB << step for step in range(0, 11, 2)]
        return {
            FOUR: usual,
            EIGHT: usual,
            self.many: [64 * KIB, 256 * KIB, 512 * KIB, 1 * MIB, 4 * MIB, 16 * MIB],
        }

    def verdict(self, cases):
        measured = by_hosts(cases, lambda case: case["ratio_to_best"])
        bound = dict.fromkeys(measured, self.everywhere)
        gaining = "16 hosts, 256 KiB-1 MiB"
        bound[gaining] = self.gain
        measured[gaining] = min(
            case["ratio_to_best"]
            for case in cases
            if case["hosts"] == self.many.hosts and self.small[0] <= case["bytes"] <= self.small[1]
        )
        return measured, bound, all(measured[key] >= bound[key] for key in measured)


@target
class S5(Speed):
    name = "S5"
    title = "from 4 to 16 hosts at 50 Mbit/s, 16 MiB: how much the time grows"
    unit = "time with 16 hosts over that with 4"
    rivals = ALONE
    bound = 1.05

    def sizes(self):
        size = 4 * MIB if self.quick else 16 * MIB
        return {Place(4, 50): [size], Place(16, 50): [size]}

    def verdict(self, cases):
        few, many = (case["seconds"] for case in cases)
        return many / few, self.bound, many / few <= self.bound


@target
class S9:
    name = "S9"
    title = "extra memory of a rank, 1 MiB-1 GiB: bounded, and the same whatever the size"
    unit = "bytes, on the rank where it is most"
    bound = 8 * MIB
    flat = 1 * MIB  # what the kernel's count is uncertain about, and more
    ranks = 4
    fast = Place(ranks, 10_000)

    def __init__(self, quick):
        self.quick = quick

    def needs(self):
        return []

    def sizes(self):
        largest = 64 * MIB if self.quick else GIB
        while self.ranks * largest > available_memory() // 2 and largest > 16 * MIB:
            largest //= 2
        sizes = [1 * MIB]
        while sizes[-1] < largest:
            sizes.append(min(sizes[-1] * (4 if sizes[-1] > 16 * MIB else 16), largest))
        return sizes

    def judge(self, measuring):
        sizes = self.sizes()
        arguments = ["-m", ",".join(map(str, sizes)), "-i", "2"]
        runs = {}
        for contender in ("splitcast", "shipped"):
            how = [*arguments, f"--memory={contender}"]
            runs[contender] = {
                f"{self.ranks} ranks here": measuring.bench_here(self.ranks, how)["sizes"],
                f"{self.ranks} hosts": measuring.bench_in_lab(self.fast, how)["sizes"],
            }
        lines = []
        most = 0
        growth = 0
        for where, rows in runs["splitcast"].items():
            most = max(most, *(row["peak_bytes"] for row in rows))
            large = [row["peak_bytes"] for row in rows if row["bytes"] >= 16 * MIB]
            growth = max(growth, large[-1] - large[0])
            for ours, theirs in zip(rows, runs["shipped"][where]):
                lines.append(
                    [where, size_text(ours["bytes"])]
                    + [f"{one[key] / KIB:.0f}" for one in (ours, theirs) for key in ("peak_bytes", "heap_bytes")]
                )
        heading = ["where", "size", "peak KiB", "heap KiB", "shipped: peak KiB", "heap KiB"]
        details = {"growth_from_16_MiB": growth, "growth_bound": self.flat, "runs": runs}
        if sizes[-1] < GIB:
            details["largest"] = f"{size_text(sizes[-1])}: there is no memory for more, or --quick was given"
        return Result(most, self.bound, most <= self.bound and growth <= self.flat, self.unit, heading, lines, details)


@target
class D2:
    name = "D2"
    title = "4 hosts at 1 Gbit/s: a folder of 10,000 files of 4 KiB against one file of the same length"
    unit = "times as long, from the call until all copies have their names"
    bound = 1.5
    place = Place(4, 1000)
    folders = 100
    files = 100  # in each
    size = 4 * KIB

    def __init__(self, quick):
        self.quick = quick

    def needs(self):
        return []

    def make_sources(self, folder):
        """What is one file and what is many, with the same bytes."""
        sources = {"one file": folder / "one", "10,000 files": folder / "many"}
        with open(sources["one file"], "wb") as whole:
            for number in range(self.folders):
                (sources["10,000 files"] / str(number)).mkdir(parents=True)
                for file in range(self.files):
                    content = os.urandom(self.size)
                    whole.write(content)
                    (sources["10,000 files"] / f"{number}/{file}").write_bytes(content)
        return sources

    def judge(self, measuring):
        seconds = {}
        with tempfile.TemporaryDirectory(prefix="splitcast-targets.") as folder:
            sources = self.make_sources(pathlib.Path(folder))
            for _ in range(3 if self.quick else 7):
                for name, source in sources.items():  # in turns
                    seconds.setdefault(name, []).append(measuring.copy_in_lab(self.place, str(source))["seconds"])
        one = median(seconds["one file"])
        ratio = median(seconds["10,000 files"]) / one
        total = self.folders * self.files * self.size
        lines = [
            [
                name,
                size_text(total) if total % MIB == 0 else f"{total / MIB:.1f} MiB",
                number(median(times)),
                f"{min(times):.3f}..{max(times):.3f}",
                number(median(times) / self.place.limit(total)),
                number(median(times) / one) + " x",
            ]
            for name, times in seconds.items()
        ]
        heading = ["source", "size", "median s", "min..max", "x limit", "one file"]
        return Result(ratio, self.bound, ratio <= self.bound, self.unit, heading, lines, {"seconds": seconds})


@target
class D3:
    name = "D3"
    title = "an HDF5 dataset, chunked and compressed: bytes on the wire over bytes in the file"
    unit = "times the stored bytes, handed to broadcasts"
    bound = 1.01
    ranks = 4

    def __init__(self, quick):
        self.quick = quick

    def needs(self):
        return []

    def judge(self, measuring):
        lines = []
        cases = []
        for mebibytes in (64,) if self.quick else (64, 256, 1024):
            told = measuring.extract_here(self.ranks, mebibytes, "/state/temperature")["traffic"]
            ratio = told["wire_bytes"] / told["stored_bytes"]
            cases.append({**told, "ratio": ratio})
            lines.append([told[key] for key in ("logical_bytes", "stored_bytes", "wire_bytes")] + [f"{ratio:.4f}"])
        most = max(case["ratio"] for case in cases)
        heading = ["logical bytes", "stored bytes", "wire bytes", "wire / stored"]
        return Result(most, self.bound, most <= self.bound, self.unit, heading, lines, {"cases": cases})


@target
class D1:
    name = "D1"
    title = "a file to 8 hosts, 100 Mbit/s: splitcast copy against the links, a ring in lock-step, and sbcast"
    unit = "times the payload limit, at most; times as fast as the others, at least"
    bound = {"limit": 1.05, "ring": 1.0, "sbcast": 3.0}
    place = EIGHT

    def __init__(self, quick):
        self.quick = quick

    def needs(self):
        return []

    def judge(self, measuring):
        size = (32 if self.quick else 256) * MIB
        copies = measuring.copies_in_lab(self.place, size, 1 if self.quick else 5)
        ours, ring = least_median(copies, "splitcast copy"), least_median(copies, "ring")
        measured = {"limit": ours / self.place.limit(size), "ring": ring / ours}
        details = {"bytes": size, "seconds": copies}
        lines = self.lines(copies, size, ours)
        try:
            # Commands as a whole; of less than this, starting the processes is a good part.
            whole_size = 64 * MIB
            whole = measuring.copies_in_slurm(self.place, whole_size, 1 if self.quick else 3)
        except Unavailable as reason:
            details["sbcast"] = str(reason)
        else:
            command = least_median(whole, "srun")
            measured["sbcast"] = least_median(whole, "sbcast") / command
            details["whole_commands"] = {"bytes": whole_size, "seconds": whole}
            lines += self.lines(whole, whole_size, command)
        holds = measured["limit"] <= self.bound["limit"] and all(
            measured[rival] >= self.bound[rival] for rival in ("ring", "sbcast") if rival in measured
        )
        heading = ["contender", "hosts", "Mbit/s", "size", "median s", "min..max", "x limit", "splitcast is"]
        return Result(measured, self.bound, holds, self.unit, heading, lines, details)

    def lines(self, seconds, size, ours):
        return [
            [
                name,
                self.place.hosts,
                self.place.mbit,
                size_text(size),
                number(median(times), ".2f"),
                f"{min(times):.2f}..{max(times):.2f}",
                number(median(times) / self.place.limit(size)),
                number(median(times) / ours) + " x",
            ]
            for name, times in seconds.items()
        ]


def least_median(seconds, prefix):
    """Of the contenders whose names begin so, the fastest one's."""
    return min(median(times) for name, times in seconds.items() if name.startswith(prefix))
