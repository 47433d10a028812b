"""The cases of tests/fault, one row each: who fails, where, and what is to come out of it.

A row is a harness.Case. A fault inside is a text for SPLITCAST_FAULT (docs/fault-injection.md), one from outside is an
Outside; `dead` names the ranks that do not survive and the broadcast in which they die. What a row does not say is
expected: success with the right bytes on every survivor, and a last report that names exactly the dead.

    Case("relay dies half way", fault="kill:rank=3,at=relay:50%", dead={3: 1}, broadcasts=2, arguments=sizes("4M", 2))
    Case("outside", outside=(Outside("KILL", 2, when=("enter", 0, 1), after=0.05),), dead={2: None}, ...)
"""

from harness import Case, Outside  # noqa: F401 (rows use it)


def broadcasts(count, size, root=0, mode="blocking"):
    """The arguments of tests/fault/subject.cpp, and how many verdicts it will give."""
    arguments = ("--broadcasts", count, "--size", size, "--root", root, "--mode", mode, "--seed", "{seed}")
    return {"arguments": arguments, "broadcasts": count}


def survival(how, *victims, **more):
    """tests/fault/survival.cpp: MPI alone, without splitcast."""
    return {"program": "survival", "arguments": (how, *victims), "dead": {rank: 1 for rank in victims},
            "verdicts": ("survived",), "limit": 30, **more}


CASES = [
    # What splitcast stands on: does the MPI library, as we start it, let survivors go on and end?
    Case("mpi, one dies", **survival("quiet", 2)),
    Case("mpi, one dies after traffic", **survival("busy", 2)),
    Case("mpi, two die", **survival("quiet", 1, 4)),
    Case("mpi, rank 0 dies", **survival("busy", 0)),
    Case("mpi, one dies, others in a collective", **survival("inside", 3)),
    Case("mpi, one dies, hosts", **survival("quiet", 3), ranks=8, hosts=4),
    Case("mpi, a host's ranks die, hosts", **survival("busy", 4, 5), ranks=8, hosts=4),
    Case("mpi, a host's unknown ranks die, hosts", **survival("quiet", 4, 5), ranks=8, hosts=4),
    Case("mpi, rank 0 dies, hosts", **survival("quiet", 0), ranks=8, hosts=4),
    Case("mpi, one dies, others in a collective, hosts", **survival("inside", 3), ranks=8, hosts=4),
    # Nobody fails.
    Case("nobody, blocking", **broadcasts(3, "3M")),
    Case("nobody, nonblocking", **broadcasts(3, "3M", root=2, mode="nonblocking")),
    Case("nobody, small", **broadcasts(5, "10", root=5)),
    Case("nobody, hosts", **broadcasts(2, "1M"), ranks=4, hosts=4),
]
