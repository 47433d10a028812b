"""Runs `splitcast bench` on this machine, or across hosts of our own, and keeps what it told."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass

SKIPPED = 77  # the lab's exit status where it lacks the rights
LONGEST_RUN = 7200  # seconds

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

# What a measurement is compared with; a stronger one holds everything that a weaker one does.
ALONE = 0  # a well-known rival that is at the limit, to show that the machine could do it
SHIPPED = 1  # MPI_Bcast as the library does it
BEST = 2  # that, and the best of all rivals
RIVALS = {ALONE: "tuned:pipeline:16k", SHIPPED: "tuned:pipeline:16k,shipped", BEST: "best"}


# A link that was idle lets a burst through at once, as no real link does: of small broadcasts that would be a good
# part. Small bursts cost CPU time, though, of which large broadcasts need all.
SMALL = MIB
BURSTS = {True: "16k", False: "64k"}  # by whether it is small


class Unavailable(Exception):
    """This machine cannot do it; the text says why."""


class Failed(Exception):
    """The run went wrong; the text says how."""


@dataclass(frozen=True)
class Place:
    """Hosts of our own, one rank on each, behind links of this many Mbit/s."""

    hosts: int
    mbit: int

    def __str__(self):
        return f"{self.hosts} hosts, {self.mbit} Mbit/s"

    def limit(self, size):
        """Seconds below which nobody can be: 1448 of 1514 bytes on the wire are payload."""
        return size * 8 * (1514 / 1448) / (self.mbit * 1e6)


@dataclass(frozen=True)
class Need:
    """One size at one place, against rivals of that strength."""

    place: Place
    size: int
    rivals: int


def load_average():
    return float(pathlib.Path("/proc/loadavg").read_text().split()[0])


def available_memory():
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * KIB
    return 0


def say(text):
    print(text, file=sys.stderr, flush=True)


class Measuring:
    def __init__(self, build, quick=False, congestion=None):
        self.command = find_command(pathlib.Path(build))
        self.lab = pathlib.Path(__file__).resolve().parents[1] / "lab" / "lab"
        self.quick = quick
        self.congestion = congestion
        self.rows = {}  # by place and size; or why there is none

    def fault_subject(self):
        """The program whose ranks fail (tests/fault/subject.cpp)."""
        subject = self.command.parents[2] / "tests" / "fault" / "fault_subject"
        if not subject.exists():
            raise Unavailable(f"there is no {subject}: the MPI library has no ULFM, or tests were not built")
        return subject

    def measure(self, needs):
        """Measures what is needed and not yet there: each size once, for whoever has the strongest need."""
        strongest = {}
        for need in needs:
            key = (need.place, need.size)
            strongest[key] = max(strongest.get(key, ALONE), need.rivals)
        runs = {}
        for (place, size), rivals in strongest.items():
            if (place, size) not in self.rows:
                runs.setdefault((place, rivals, size < SMALL), []).append(size)
        for (place, rivals, small), sizes in runs.items():
            try:
                self._compare(place, rivals, sorted(sizes), BURSTS[small])
            except (Unavailable, Failed) as problem:
                self.rows.update({(place, size): problem for size in sizes})

    def row(self, place, size):
        row = self.rows[place, size]
        if isinstance(row, Exception):
            raise row
        return row

    def _compare(self, place, rivals, sizes, burst):
        arguments = ["-c", "--rivals", RIVALS[rivals], "-m", ",".join(map(str, sizes))]
        if self.quick:
            arguments += ["-i", "3", "-x", "1"]
        load = load_average()
        document = self.bench_in_lab(place, arguments, burst)
        for row in document["sizes"]:
            row["load_before"] = load
            row["tcp_congestion_control"] = self.congestion or document["tcp_congestion_control"]
            self.rows[place, row["bytes"]] = row

    def bench_in_lab(self, place, arguments, burst=BURSTS[False]):
        """`splitcast bench` with one rank on each host. Its JSON."""
        say(f"--- {place}: splitcast bench {' '.join(arguments)} (load {load_average():.1f})")
        line = [str(self.lab), "run", "--hosts", str(place.hosts), "--rate", f"{place.mbit}mbit"]
        line += ["--burst", burst, "--timeout", str(LONGEST_RUN)]
        if self.congestion:
            line += ["--congestion", self.congestion]
        return self._json([*line, "--", str(self.command), "bench", "--json", *arguments])

    def bench_here(self, ranks, arguments):
        """The same with all ranks on this machine."""
        say(f"--- {ranks} ranks here: splitcast bench {' '.join(arguments)} (load {load_average():.1f})")
        line = ["timeout", "-k", "10", str(LONGEST_RUN), "mpirun", "-n", str(ranks), "--bind-to", "none"]
        line += ["--oversubscribe", "--mca", "btl", "self,sm", "--mca", "mpi_yield_when_idle", "1"]
        return self._json([*line, str(self.command), "bench", "--json", *arguments])

    def extract_here(self, ranks, mebibytes, path):
        """`splitcast h5 extract` of a dataset in a file of the example's, for every rank. Its JSON."""
        make = self.command.parents[2] / "examples" / "make_dataset"
        if not make.exists():
            raise Unavailable("it was built without HDF5")
        with tempfile.TemporaryDirectory(prefix="splitcast-targets.") as folder:
            say(f"--- {ranks} ranks here: splitcast h5 extract of {path}, file of {mebibytes} MiB")
            subprocess.run([make, f"{folder}/data.h5", str(mebibytes)], check=True)
            line = ["timeout", "-k", "10", str(LONGEST_RUN), "mpirun", "-n", str(ranks), "--bind-to", "none"]
            line += ["--oversubscribe", "--mca", "btl", "self,sm", "--mca", "mpi_yield_when_idle", "1"]
            line += [str(self.command), "h5", "extract", "--json", "-q"]
            return self._json([*line, f"{folder}/data.h5:{path}", f"{folder}/copy-%r.h5"])

    def copy_in_lab(self, place, source):
        """`splitcast copy` to a folder that each host has for itself. Its JSON."""
        line = [str(self.lab), "run", "--hosts", str(place.hosts), "--rate", f"{place.mbit}mbit", "--burst", BURSTS[False]]
        line += ["--timeout", str(LONGEST_RUN), "--", str(self.command), "copy", "--json", "-q", source, "/dev/shm/copy"]
        return self._json(line)

    def copies_in_slurm(self, place, size, repeats):
        """Seconds of `splitcast copy` and of sbcast, by contender, under a Slurm of our own."""
        say(f"--- {place}: splitcast copy and sbcast, {size} bytes, in turns (load {load_average():.1f})")
        folder = self.lab.parents[1] / "slurm"
        line = [str(folder / "cluster"), "run", "--nodes", str(place.hosts), "--rate", f"{place.mbit}mbit"]
        line += ["--timeout", str(LONGEST_RUN), "--", str(folder / "against_sbcast.sh"), str(self.command)]
        return self._json([*line, str(size), str(repeats)])

    def copies_in_lab(self, place, size, repeats):
        """Seconds of `splitcast copy` and of a ring in lock-step, without the start of their processes, by contender.

        The source and the copies are in memory (page cache); every copy is compared with the source.
        """
        ring = self.command.parents[2] / "tests" / "bench" / "ring_copy"
        if not ring.exists():
            raise Unavailable(f"there is no {ring}: tests were not built")
        contenders = {
            "splitcast copy": lambda *names: [str(self.command), "copy", "--json", "-q", *names],
            "ring, 1 MiB": lambda *names: [str(ring), *names],
            "ring, 128 KiB": lambda *names: [str(ring), *names, str(128 * KIB)],
        }
        say(f"--- {place}: splitcast copy and a ring, {size} bytes, in turns (load {load_average():.1f})")
        seconds = {name: [] for name in contenders}
        with tempfile.TemporaryDirectory(prefix="splitcast-targets.") as folder:
            source = pathlib.Path(folder, "source")
            with source.open("wb") as file:
                for _ in range(size // MIB):
                    file.write(os.urandom(MIB))
            for _ in range(repeats):
                for name, command in contenders.items():
                    run = self._copy_in_lab(place, command(str(source), "/dev/shm/copy"), source)
                    seconds[name].append(run["seconds"])
        return seconds

    def _copy_in_lab(self, place, command, source):
        line = [str(self.lab), "run", "--hosts", str(place.hosts), "--rate", f"{place.mbit}mbit"]
        line += ["--timeout", str(LONGEST_RUN)]
        if self.congestion:
            line += ["--congestion", self.congestion]
        check = 'source=$1; shift; "$@" && cmp "$source" /dev/shm/copy'
        return self._json([*line, "--", "sh", "-c", check, "sh", str(source), *command])

    def _json(self, line):
        try:
            run = subprocess.run(line, stdout=subprocess.PIPE, text=True, env=environment(), check=False)
        except FileNotFoundError as error:
            raise Unavailable(f"there is no {error.filename} here") from error
        if run.returncode == SKIPPED:
            raise Unavailable("hosts of our own cannot be made here; the line above says why")
        if run.returncode != 0:
            raise Failed(f"the measurement ended with status {run.returncode}")
        try:
            return json.loads(run.stdout)
        except json.JSONDecodeError as error:
            raise Failed(f"the measurement printed no JSON: {error}") from error


def environment():
    """Ranks may be root here: it is how namespaces are made."""
    allowed = {f"{who}_ALLOW_RUN_AS_ROOT{what}": "1" for who in ("OMPI", "PRTE") for what in ("", "_CONFIRM")}
    return {**os.environ, **allowed}


def find_command(build):
    command = build.resolve() / "src" / "cli" / "splitcast"
    if not os.access(command, os.X_OK):
        raise Failed(f"there is no {command}; build it first, or name another folder with --build")
    return command
