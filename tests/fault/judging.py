"""What a case of tests/fault promises, what its ranks wrote, and whether that is the same."""

import dataclasses
import json

ANY = "any"  # of the ranks that are lost: where it depends on who was faster
EVICTED = "this rank did not answer, and the others went on without it"
LOST = "ranks were lost, and with them the only copy of some bytes"
MISMATCH = "ranks were called with different roots, lengths or settings"


@dataclasses.dataclass(frozen=True)
class Outside:
    """Something that is done to a rank, or to a host of the lab, from outside.

    `act` is KILL, STOP or CONT for `target`, a rank; CUT or JOIN for `target`, a host. It happens `after` seconds
    after all ranks are there, or after the event `when` = (name, rank, broadcast) was seen.
    """

    act: str
    target: int
    after: float = 0.0
    when: tuple = ()


@dataclasses.dataclass(frozen=True)
class Case:
    """One situation and what is to come out of it; tests/fault/cases.py is the table."""

    name: str
    ranks: int = 6
    program: str = "subject"
    arguments: tuple = ()
    broadcasts: int = 1
    fault: str = ""  # SPLITCAST_FAULT
    outside: tuple = ()
    dead: dict = dataclasses.field(default_factory=dict)  # rank -> broadcast in which it dies, None where chance decides
    evicted: dict = dataclasses.field(default_factory=dict)  # the same for ranks that live on and are left out
    verdicts: tuple = ()  # one for each broadcast; "success" for all if empty; None for any, if only it is the same
    failed: object = None  # the ranks that the last report names; the dead and evicted if None; () for none; ANY of them
    silent: bool = False  # the dead are noticed by their silence alone, and reported as evicted
    spoilers: tuple = ()  # the ranks whose bytes came wrong
    quiet: object = None  # broadcasts in which nothing may be sent again and no epoch may be lost
    says: str = ""  # is part of every survivor's last error text
    environment: dict = dataclasses.field(default_factory=dict)
    limit: float = 60.0
    hosts: int = 0  # needs a lab of at least as many hosts

    def lost(self):
        return sorted({*self.dead, *self.evicted})

    def survivors(self):
        return [rank for rank in range(self.ranks) if rank not in self.dead and rank not in self.evicted]

    def verdict(self, broadcast):
        return self.verdicts[broadcast - 1] if self.verdicts else "success"


@dataclasses.dataclass
class Outcome:
    """What one run came to. A run without problems went as the case says."""

    problems: list = dataclasses.field(default_factory=list)  # (kind, text)
    seconds: float = 0.0
    slowest: float = 0.0  # verdict, as the ranks measured it
    mpirun: object = None  # its exit status, for people; None if it had not ended by itself

    def add(self, kind, text):
        self.problems.append((kind, text))

    def has(self, kind):
        return any(found == kind for found, _ in self.problems)


# --- what ranks wrote -------------------------------------------------------------------------------------------------


def read_events(folder, rank):
    """A rank's events so far. A last line without its end is not there yet."""
    try:
        text = (folder / f"rank.{rank}.jsonl").read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def verdicts_of(events):
    return {event["broadcast"]: event for event in events if event["event"] == "verdict"}


def judge(case, events, outcome, ends=None):
    """Compares what the ranks wrote with what the case promises. `events` is a list per rank; `ends` says how each
    rank ended, where it tells."""
    said = {rank: verdicts_of(events[rank]) for rank in range(case.ranks)}
    for broadcast in range(1, case.broadcasts + 1):
        missing = [rank for rank in case.survivors() if broadcast not in said[rank]]
        if missing:
            outcome.add("missing", f"broadcast {broadcast}: no verdict from ranks {missing}")
        for rank, fate in case.dead.items():
            if fate is not None and broadcast >= fate and broadcast in said[rank]:
                outcome.add("undead", f"broadcast {broadcast}: rank {rank}, which was to die, has a verdict")
        judge_evicted(case, broadcast, said, outcome)
        outside = [rank for rank, fate in case.evicted.items() if fate is None or broadcast >= fate]
        here = {rank: said[rank][broadcast] for rank in range(case.ranks)
                if broadcast in said[rank] and rank not in outside}
        judge_broadcast(case, broadcast, here, outcome)
    for rank in case.survivors():
        judge_reports(case, rank, said[rank], outcome)
    judge_meeting(case, events, outcome)
    for rank in range(case.ranks):
        if rank in case.dead:
            continue
        if not any(event["event"] == "finalized" for event in events[rank]):
            outcome.add("unfinished", f"rank {rank} did not get through MPI_Finalize")
        if ends and ends[rank] is not None and ends[rank] != "status 0":
            outcome.add("end", f"rank {rank} ended with {ends[rank]}")


def judge_evicted(case, broadcast, said, outcome):
    for rank, fate in case.evicted.items():
        answer = said[rank].get(broadcast)
        if answer is None:
            outcome.add("missing", f"broadcast {broadcast}: no verdict from rank {rank}, which was to be evicted")
        elif fate is not None and broadcast >= fate and answer["verdict"] != EVICTED:
            outcome.add("verdict", f"broadcast {broadcast}: rank {rank}, which was to be evicted, says "
                                   f"{answer['verdict']} {answer['text']}")


def judge_broadcast(case, broadcast, said, outcome):
    by_answer = {}
    for rank, event in said.items():
        by_answer.setdefault((event["verdict"], tuple(event["failed"])), []).append(rank)
        if event["verdict"] in ("success", "survived") and not event["right"]:
            outcome.add("wrong", f"broadcast {broadcast}: rank {rank} says {event['verdict']} and has wrong bytes")
        if rank in case.survivors():
            outcome.slowest = max(outcome.slowest, event.get("seconds", 0.0))
    if len(by_answer) > 1:
        answers = "; ".join(f"ranks {ranks}: {verdict}, failed {list(failed)}"
                            for (verdict, failed), ranks in by_answer.items())
        outcome.add("split", f"broadcast {broadcast}: {answers}")
    expected = case.verdict(broadcast)
    for (verdict, failed), ranks in by_answer.items():
        texts = {said[rank].get("text", "") for rank in ranks}
        if expected is not None and verdict != expected:
            outcome.add("verdict", f"broadcast {broadcast}: ranks {ranks} say {verdict}, not {expected}: {texts}")
        if verdict == LOST and len(texts) > 1:
            outcome.add("split", f"broadcast {broadcast}: ranks {ranks} say {verdict} in different words: {texts}")
        if broadcast < case.broadcasts:
            continue
        if case.says and not all(case.says in text for text in texts):
            outcome.add("verdict", f"broadcast {broadcast}: {texts} do not contain {case.says}")
        if case.failed == ANY:
            fits = set(failed) <= set(case.lost())
        else:
            fits = list(failed) == sorted(case.lost() if case.failed is None else case.failed)
        if not fits:
            outcome.add("failed", f"broadcast {broadcast}: ranks {ranks} name {list(failed)} as failed, "
                                  f"not {case.lost() if case.failed is None else case.failed}")


def judge_reports(case, rank, said, outcome):
    """What a survivor's reports say besides the verdict, where it has them all."""
    reports = [(broadcast, event.get("report")) for broadcast, event in sorted(said.items())]
    if not reports or not all(report and "spoilers" in report for _, report in reports):
        return
    named, evicted, spoilers = set(), set(), set()
    for broadcast, report in reports:
        named.update(report["failed"])
        evicted.update(report["evicted"])
        spoilers.update(report["spoilers"])
        if case.quiet and broadcast in case.quiet and (report["epochs"] > 1 or report["bytes_repaired"]):
            outcome.add("report", f"broadcast {broadcast}: rank {rank} reports {report['epochs']} epochs")
    if sorted(named) != list(said[max(said)]["failed"]) and case.program == "subject":
        outcome.add("report", f"rank {rank}: the reports name {sorted(named)}, the team {said[max(said)]['failed']}")
    if case.silent and not set(named) <= evicted:
        outcome.add("report", f"rank {rank} reports {sorted(evicted)} as evicted, and nobody could know of deaths")
    if evicted - set(case.dead) != set(case.evicted) & named:
        outcome.add("report", f"rank {rank} reports {sorted(evicted)} as evicted, not {sorted(case.evicted)}")
    if sorted(spoilers) != sorted(case.spoilers):
        outcome.add("report", f"rank {rank} reports {sorted(spoilers)} as spoilers, not {sorted(case.spoilers)}")


def judge_meeting(case, events, outcome):
    """All that are left, and only they, are to have met at the end. Whoever dies on the way there may be missing."""
    met = {}
    for rank in case.survivors():
        for event in events[rank]:
            if event["event"] == "survivors":
                met[rank] = event.get("ranks", event.get("text"))
    if met and any(answer != case.survivors() for answer in met.values()):
        outcome.add("survivors", f"should have met: {case.survivors()}; met: {met}")
    for rank in case.evicted:
        if any(event["event"] == "survivors" and "ranks" in event for event in events[rank]):
            outcome.add("survivors", f"rank {rank} was evicted and is on the communicator of the survivors")
