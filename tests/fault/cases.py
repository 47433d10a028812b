"""The cases of tests/fault, one row each: who fails, where, and what is to come out of it.

A row is a judging.Case. A fault inside is a text for SPLITCAST_FAULT (docs/fault-injection.md), one from outside is an
Outside; `dead` names the ranks that do not survive and the broadcast in which they die, `evicted` those that live on
without the others. What a row does not say is expected: success with the right bytes on every survivor, and reports
that name exactly the lost.

    Case("relay dies half way", fault="kill:rank=3,at=relay:50%", dead={3: 1}, **broadcasts(2, "4M"))
    Case("outside", outside=(Outside("KILL", 2, when=("enter", 0, 1), after=0.05),), dead={2: None}, ...)

Names begin with the number of the row of docs/fault-tolerance.md that they belong to.
"""

from judging import ANY, EVICTED, LOST, MISMATCH, Case, Outside  # noqa: F401 (rows use it)

# Ranks that are left out are left out soon, so that a test takes no longer than it has to. No shorter: two cores and
# many ranks make pauses of their own.
SOON = {"SPLITCAST_TIMEOUT": "0.8", "SPLITCAST_HEARTBEAT": "0.03"}
# Which ranks relay depends on the groups: the cost model's choice could be another tomorrow.
GROUPS_OF_3 = "group_size=3,children=1,segment=32K"
GROUPS_OF_2 = "group_size=2,children=1,segment=32K"
INTEGRITY = GROUPS_OF_3 + ",integrity=yes"


def broadcasts(count, size, root=0, mode="blocking", settings=GROUPS_OF_3, **more):
    """The arguments of tests/fault/subject.cpp, and how many verdicts it will give."""
    arguments = ("--broadcasts", count, "--size", size, "--root", root, "--mode", mode, "--seed", "{seed}",
                 "--settings", settings)
    for name, value in more.items():
        for each in value if isinstance(value, tuple) else (value,):
            arguments += (f"--{name}", each)
    return {"arguments": arguments, "broadcasts": count}


def survival(how, *victims, **more):
    """tests/fault/survival.cpp: MPI alone, without splitcast."""
    return {"program": "survival", "arguments": (how, *victims), "dead": {rank: 1 for rank in victims},
            "verdicts": ("survived",), "limit": 30, **more}


def one(name, rank, at, size="1M", ranks=6, count=2, failing=1, more=None, **fields):
    """A rank kills itself in the first broadcast of two."""
    return Case(name, fault=f"kill:rank={rank},at={at},broadcast={failing}", dead={rank: failing}, ranks=ranks,
                **broadcasts(count, size, **(more or {})), **fields)


def stopped(name, rank, at, size="1M", count=2, **fields):
    """A rank stands still in the first broadcast, and goes on when the others are through both."""
    wake = Outside("CONT", rank, when=("verdict", (rank + 1) % 6, count), after=0.2)
    return Case(name, fault=f"stop:rank={rank},at={at},broadcast=1", evicted={rank: 1}, outside=(wake,),
                environment=SOON, **broadcasts(count, size), **fields)


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
    Case("nobody, blocking", quiet=(1, 2, 3), **broadcasts(3, "3M", settings="")),
    Case("nobody, nonblocking", quiet=(1, 2, 3), **broadcasts(3, "3M", root=2, mode="nonblocking", settings="")),
    Case("nobody, small", quiet=(1, 2, 3, 4, 5), **broadcasts(5, "10", root=5, settings="")),
    Case("nobody, hosts", quiet=(1, 2), **broadcasts(2, "1M"), ranks=4, hosts=4),

    # 1: a recipient of group 0, before or while it receives its stripe.
    one("1 before it receives", 1, "survey", size="3M"),
    one("1 first segment", 1, "receive", size="3M"),
    one("1 while it receives", 2, "receive:40%", size="8M"),
    one("1 small", 3, "survey", size="100"),
    one("1 the root sends again", 2, "receive:30%", size="4M", more={"settings": GROUPS_OF_3 + ",resend=root"}),
    one("1 a mirror sends again", 2, "receive:30%", size="4M", more={"settings": GROUPS_OF_3 + ",resend=mirror", "mirror": 5}),
    one("1 while it receives, hosts", 2, "receive:30%", size="1M", ranks=4, hosts=4),

    # 2: while it relays.
    one("2 first relay", 1, "relay", size="3M"),
    one("2 half way", 3, "relay:50%", size="8M"),
    one("2 near its end", 2, "relay:70%", size="4M"),
    one("2 other root", 0, "relay:30%", size="4M", more={"root": 3}),
    one("2 half way, hosts", 1, "relay:50%", size="1M", ranks=4, hosts=4),

    # 3: a member of a group that feeds another group: eight ranks, groups 1+2, 3+4, 5+6, 7.
    one("3 group 0 of 4", 1, "relay:30%", size="4M", ranks=8, more={"settings": GROUPS_OF_2}),
    one("3 group 1 of 4", 3, "relay:30%", size="4M", ranks=8, more={"settings": GROUPS_OF_2}),
    one("3 group 2 of 4", 6, "relay:30%", size="4M", ranks=8, more={"settings": GROUPS_OF_2}),
    one("3 last group", 7, "receive:30%", size="4M", ranks=8, more={"settings": GROUPS_OF_2}),
    Case("3 one of each group", ranks=8, fault="kill:rank=1+4+5,at=relay:40%,broadcast=1", dead={1: 1, 4: 1, 5: 1},
         **broadcasts(2, "4M", settings=GROUPS_OF_2)),
    one("3 a tree of groups", 2, "relay:20%", size="4M", ranks=8,
        more={"settings": "group_size=2,children=2,segment=32K"}),
    one("3 groups, hosts", 3, "relay:30%", size="512K", ranks=6, hosts=6, more={"settings": GROUPS_OF_2}),

    # 4 and 5: noticed by heartbeats alone, of peers or to the root; or by what MPI says alone.
    one("4 peers notice", 3, "relay:40%", size="4M", silent=True, environment={"SPLITCAST_DETECT": "peers", **SOON}),
    one("4 peers notice, first segment", 4, "receive", silent=True, environment={"SPLITCAST_DETECT": "peers", **SOON}),
    one("5 the root notices", 3, "relay:40%", size="4M", silent=True, environment={"SPLITCAST_DETECT": "root", **SOON}),
    one("5 the root is the silent one", 0, "complete", size="1M", count=1, silent=True,
        environment={"SPLITCAST_DETECT": "root", **SOON}),
    one("4 MPI notices", 3, "relay:40%", size="4M", environment={"SPLITCAST_DETECT": "mpi"}),

    # 6: a rank stops, or its link is cut.
    stopped("6 stops at its first segment", 2, "receive"),
    stopped("6 stops in the middle", 3, "receive:50%", size="4M"),
    stopped("6 stops as a relay", 1, "relay:30%", size="4M"),
    stopped("6 stops at the end", 4, "complete"),
    Case("6 wakes by itself", fault="stop:rank=2,at=relay:30%,for=1500", evicted={2: 1}, environment=SOON,
         **broadcasts(2, "4M", pause=100)),
    Case("6 stops for a moment", fault="stop:rank=2,at=relay:30%,for=150", quiet=(1, 2), **broadcasts(2, "4M")),
    Case("6 slow is not gone", fault="delay:rank=2,at=relay:20%,ms=250; delay:rank=4,at=survey,ms=250", quiet=(1, 2),
         **broadcasts(2, "4M")),
    Case("6 link cut, hosts", ranks=4, hosts=4, outside=(Outside("CUT", 2, when=("enter", 0, 1), after=0.05),
                                                        Outside("JOIN", 2, when=("verdict", 0, 2), after=0.1)),
         evicted={2: 1}, environment=SOON, **broadcasts(2, "8M")),

    # 7: several at once.
    Case("7 two at once", fault="kill:rank=2+3,at=receive:40%,broadcast=1", dead={2: 1, 3: 1}, **broadcasts(2, "4M")),
    Case("7 two in a row", fault="kill:rank=1,at=relay:20%,broadcast=1; kill:rank=4,at=relay:60%,broadcast=1",
         dead={1: 1, 4: None}, **broadcasts(2, "4M")),
    Case("7 half", fault="kill:rank=1+3+5,at=receive:30%,broadcast=1", dead={1: 1, 3: 1, 5: 1},
         **broadcasts(2, "4M")),
    Case("7 all but the root", fault="kill:rank=1+2+3+4+5,at=receive:30%,broadcast=1",
         dead={1: 1, 2: 1, 3: 1, 4: 1, 5: 1}, **broadcasts(2, "4M")),
    Case("7 all but one", fault="kill:rank=0+1+2+3+4,at=complete,broadcast=1",
         dead={0: None, 1: None, 2: None, 3: None, 4: None}, **broadcasts(1, "1M")),
    Case("7 two of different hosts, hosts", ranks=4, hosts=4, fault="kill:rank=1+3,at=receive:30%,broadcast=1",
         dead={1: 1, 3: 1}, **broadcasts(2, "1M")),

    # 8: another one during recovery.
    *(Case(f"8 second death in {point}",
           fault=f"kill:rank=2,at=relay:15%,broadcast=1; kill:rank=4,at={point},broadcast=1",
           dead={2: 1, 4: 1 if point not in ("decide", "return") else None},
           failed=ANY if point in ("commit", "decide", "return") else None, **broadcasts(2, "4M"))
      for point in ("notice", "regroup", "flush", "report", "repair", "complete", "commit", "decide", "return")),
    *(Case(f"8 the leader dies in {point}",
           fault=f"kill:rank=5,at=relay:15%,broadcast=1; kill:rank=0,at={point},broadcast=1",
           dead={5: 1, 0: 1}, **broadcasts(2, "4M", root=2))
      for point in ("notice", "regroup", "epoch", "repair")),
    Case("8 one after the other", fault="kill:rank=1,at=relay:20%,broadcast=1; kill:rank=2,at=regroup,broadcast=1; "
                                        "kill:rank=3,at=repair,broadcast=1; kill:rank=4,at=report:2,broadcast=1",
         dead={1: 1, 2: 1, 3: None, 4: None}, failed=ANY, **broadcasts(2, "4M")),

    # 9: the root, with a mirror.
    one("9 the root at once", 0, "survey", count=1, size="4M", more={"mirror": 5}),
    one("9 the root half way", 0, "send:20", count=1, size="8M", more={"mirror": 5}),
    one("9 the root at its end", 0, "complete", count=1, size="1M", more={"mirror": 3}),
    one("9 the root, two mirrors", 0, "send:10", count=1, size="4M", more={"mirror": (2, 5)}),

    # 10 and 11: the root, without one.
    one("10 union whole", 0, "complete", count=1, size="4M"),
    one("10 union whole, groups", 0, "complete", count=1, size="2M", ranks=8, more={"settings": GROUPS_OF_2}),
    one("11 nothing sent", 0, "survey", count=1, size="4M", verdicts=(LOST,), says="has the bytes 0..4194303"),
    one("11 a part sent", 0, "send:20", count=1, size="16M", verdicts=(LOST,), says="rank 0 is dead"),
    one("11 a part sent, hosts", 0, "send:10", count=1, size="2M", ranks=4, hosts=4, verdicts=(LOST,)),

    # 12: a mirror; the root after every mirror.
    one("12 a mirror", 5, "send:5", size="4M", more={"mirror": 5}),
    Case("12 the mirror, then the root", fault="kill:rank=5,at=survey,broadcast=1; kill:rank=0,at=notice,broadcast=1",
         dead={5: 1, 0: 1}, verdicts=(LOST,), **broadcasts(1, "4M", mirror=5)),
    Case("12 the root, then the mirror", fault="kill:rank=0,at=survey,broadcast=1; kill:rank=5,at=repair,broadcast=1",
         dead={5: 1, 0: 1}, verdicts=(LOST,), **broadcasts(1, "8M", mirror=5)),

    # 13: a node with all its ranks.
    Case("13 a host's ranks, hosts", ranks=8, hosts=4, fault="kill:rank=2+3,at=receive:30%,broadcast=1",
         dead={2: 1, 3: 1}, **broadcasts(2, "1M")),
    Case("13 a host's ranks from outside, hosts", ranks=8, hosts=4,
         outside=tuple(Outside("KILL", rank, when=("enter", rank, 2), after=0.05) for rank in (4, 5)),
         dead={4: None, 5: None}, failed=ANY, **broadcasts(3, "2M")),
    Case("13 the root's host, hosts", ranks=8, hosts=4, fault="kill:rank=0+1,at=receive:10%,broadcast=1; "
                                                             "kill:rank=0,at=send:20,broadcast=1",
         dead={0: 1, 1: 1}, **broadcasts(1, "1M", mirror=7)),

    # 14: before it enters, after it has returned.
    one("14 before it enters", 3, "enter", size="1M"),
    one("14 before it enters the second", 3, "enter", size="1M", count=3, failing=2),
    one("14 the root before it enters", 0, "enter", size="1M", count=1, verdicts=(LOST,)),
    Case("14 after it has returned", outside=(Outside("KILL", 4, when=("verdict", 4, 1)),), dead={4: 2},
         **broadcasts(3, "1M", pause=300)),
    one("14 as it returns", 2, "return", size="1M", failed=ANY),
    one("14 as it returns from the last", 2, "return", size="1M", failing=2, failed=ANY),
    one("14 knowing the verdict", 1, "decide", size="1M", failed=ANY),
    one("14 in the last agreement", 1, "commit", size="1M", failed=ANY),

    # 15: bad bytes on the way.
    Case("15 a relay, once", fault="corrupt:rank=1,at=relay:3,bit=5,broadcast=1", spoilers=(1,),
         **broadcasts(2, "4M", settings=INTEGRITY)),
    Case("15 the root, once", fault="corrupt:rank=0,at=send:7,broadcast=1", spoilers=(0,),
         **broadcasts(2, "4M", settings=INTEGRITY)),
    Case("15 two relays", fault="corrupt:rank=2,at=relay:3; corrupt:rank=4,at=relay:2,bit=77", spoilers=(2, 4),
         **broadcasts(1, "4M", settings=INTEGRITY)),
    Case("15 a relay, always", fault="; ".join(["corrupt:rank=1,at=relay"] * 300), spoilers=(1,),
         **broadcasts(1, "4M", settings=INTEGRITY)),
    Case("15 a relay spoils, another dies", fault="corrupt:rank=1,at=relay; kill:rank=3,at=relay:60%,broadcast=1",
         dead={3: 1}, spoilers=(1,), **broadcasts(1, "4M", settings=INTEGRITY)),
    Case("15 mirrors that differ", verdicts=(MISMATCH,), failed=(),
         **broadcasts(1, "4M", mirror=3, differ=3, settings=INTEGRITY)),
    Case("15 integrity, nobody", quiet=(1, 2), **broadcasts(2, "4M", settings=INTEGRITY)),

    # The ways to call it.
    one("call nonblocking", 3, "relay:40%", size="4M", more={"mode": "nonblocking"}),
    Case("call late for its wait", quiet=(1, 2), environment=SOON, **broadcasts(2, "1M", mode="late", compute=900)),
    one("call late for its wait, a death", 3, "receive", size="1M", more={"mode": "late", "compute": 900},
        environment=SOON),
    one("call persistent", 3, "relay:40%", size="2M", count=4, failing=2, more={"mode": "persistent"}),
    one("call derived datatypes", 3, "relay:40%", size="3M", more={"mode": "strided"}),
    one("call derived datatypes, one of theirs", 2, "receive:60%", size="3M", more={"mode": "strided", "root": 1}),
    Case("call two teams, two each", fault="kill:rank=2,at=relay:30%,broadcast=1", dead={2: 1},
         **broadcasts(8, "2M", mode="teams")),
    one("call large", 1, "receive:20%", size="2200M", ranks=3, count=1, more={"mode": "large", "settings": ""}),
    one("call in C", 3, "relay:40%", size="4M", more={"mode": "c"}),
    one("call in C, lost", 0, "survey", size="4M", count=1, more={"mode": "c"}, verdicts=(LOST,)),
]
