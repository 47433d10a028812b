// What the witness says of how a broadcast ended: the same on everybody, and true.

#include "sim/violation.hpp"
#include "sim/witness.hpp"

#include <algorithm>
#include <iterator>

namespace splitcast::sim {

namespace {

std::size_t at(std::int32_t i) { return static_cast<std::size_t>(i); }

bool names(const std::vector<Loss>& losses, Rank rank) {
    return std::ranges::find(losses, rank, &Loss::rank) != losses.end();
}

}  // namespace

Tally& Tally::operator+=(const Tally& other) {
    epochs += other.epochs;
    resent += other.resent;
    repaired += other.repaired;
    for (std::size_t i = 0; i < std::size(verdicts); ++i) verdicts[i] += other.verdicts[i];
    return *this;
}

std::string Tally::text() const {
    std::string out = std::to_string(epochs) + " new epochs, " + std::to_string(resent) +
                      " segments sent again and " + std::to_string(repaired) + " repaired by it";
    for (std::size_t i = 1; i < std::size(verdicts); ++i) {
        out +=
            ", " + std::to_string(verdicts[i]) + " " + std::string(name(static_cast<Verdict>(i)));
    }
    return out;
}

void Witness::check_return(Rank rank) {
    const Machine::Outcome& outcome = of(rank).machine->outcome();
    if (!scenario_.recovery || scenario_.blows.empty()) check_plain_return(rank);
    of(rank).outcome = outcome;
    ++tally_.verdicts[static_cast<std::size_t>(outcome.verdict)];
    if (!scenario_.recovery) return;
    check_verdict(rank, outcome);
    if (outcome.verdict == Verdict::evicted) return;
    check_losses(rank, outcome);
    check_ballot(rank, outcome);
    for (Rank other = 0; other < scenario_.ranks(); ++other) {
        if (other != rank && of(other).outcome) check_alike(rank, other);
    }
}

void Witness::check_verdict(Rank rank, const Machine::Outcome& outcome) {
    const Books& books = of(rank);
    if (!(books.machine->holdings() == books.held))
        accuse(rank, "does not say truly what it holds");
    switch (outcome.verdict) {
        case Verdict::none: accuse(rank, "has returned without a verdict");
        case Verdict::success:
            if (!books.held.complete())
                accuse(rank, "reports success and lacks " + books.held.missing().text());
            return;
        case Verdict::mismatch: {
            if (!outcome.mismatch) accuse(rank, "does not report the mismatch");
            const Mismatch& said = *outcome.mismatch;
            if (said.first_view == said.second_view ||
                said.first_view != scenario_.call(said.first).view() ||
                said.second_view != scenario_.call(said.second).view())
                accuse(rank, "reports another mismatch: " + said.text());
            return;
        }
        case Verdict::lost: check_missing(rank, outcome); return;
        case Verdict::damaged:
            if (std::ranges::find(scenario_.blows, Blow::Kind::corrupt, &Blow::kind) ==
                scenario_.blows.end())
                accuse(rank, "speaks of damage, and nobody did any");
            return;
        case Verdict::evicted:
            if (!was_absent(rank) && !few_are_left() && !somebody_came_back())
                accuse(rank, "says that it was evicted, and had no reason to be");
            return;
    }
}

// No member that is left had the segments, and any of the others had some member.
void Witness::check_missing(Rank rank, const Machine::Outcome& outcome) {
    Holdings left(of(rank).held.segments());
    for (Rank other = 0; other < scenario_.ranks(); ++other) {
        if (!names(outcome.losses, other)) left.unite(of(other).held);
    }
    if (left.missing() != outcome.missing || outcome.missing.empty())
        accuse(rank, "says that segments " + outcome.missing.text() +
                         " are lost, and those that nobody has are " + left.missing().text());
}

void Witness::check_losses(Rank rank, const Machine::Outcome& outcome) {
    for (const Loss& loss : outcome.losses) {
        const std::string whom = "rank " + std::to_string(loss.rank);
        if (loss.rank == rank) accuse(rank, "says that it is lost itself");
        if (loss.dead && !lives_.of(loss.rank).dead) accuse(rank, "says that " + whom + " is dead");
        const bool excused = lives_.of(loss.rank).dead || was_absent(loss.rank) || few_are_left() ||
                             somebody_came_back();
        if (!loss.dead && !excused)
            accuse(rank, "has evicted " + whom + ", which was there all the time");
    }
}

// The lowest of the ballots of all members, some of which may have been lost later.
void Witness::check_ballot(Rank rank, const Machine::Outcome& outcome) {
    if (scenario_.ballots.empty()) return;
    // A late one is not waited for where it would be of no use.
    if (!scenario_.late_ballots.empty() && !outcome.success()) return;
    Ballot lowest = no_ballot;
    Ballot lowest_left = no_ballot;
    for (Rank other = 0; other < scenario_.ranks(); ++other) {
        const Ballot ballot = scenario_.ballots[at(other)];
        lowest = std::min(lowest, ballot);
        if (!names(outcome.losses, other)) lowest_left = std::min(lowest_left, ballot);
    }
    const bool right =
        std::ranges::find(scenario_.ballots, outcome.ballot) != scenario_.ballots.end() &&
        outcome.ballot <= lowest_left && outcome.ballot >= lowest;
    if (!right) accuse(rank, "has the ballot " + std::to_string(outcome.ballot));
}

// Also with ranks that died after they had returned, as far as they can have known.
void Witness::check_alike(Rank a, Rank b) {
    const Machine::Outcome& one = *of(a).outcome;
    const Machine::Outcome& other = *of(b).outcome;
    const std::string and_rank = " and rank " + std::to_string(b);
    if (one.verdict == Verdict::evicted || other.verdict == Verdict::evicted) return;
    // Woken after all who had gone on without it have returned and died: alone, it knows nothing.
    if ((lives_.of(b).dead && names(other.losses, a) && was_absent(a)) ||
        (lives_.of(a).dead && names(one.losses, b) && was_absent(b)))
        return;
    const bool success = one.success() || other.success();
    const bool lost = one.verdict == Verdict::lost || other.verdict == Verdict::lost;
    if (success && lost) accuse(a, and_rank + " return success and loss");
    if (lives_.of(a).dead || lives_.of(b).dead) return;
    if (names(one.losses, b) && names(other.losses, a))
        accuse(a, and_rank + " have both gone on without the other");
    // One was about to return when it was cut off, and cannot know that the others go on without
    // it.
    const bool unknowing = (names(one.losses, b) && (was_absent(b) || few_are_left())) ||
                           (names(other.losses, a) && (was_absent(a) || few_are_left()));
    if (unknowing) return;
    if (one.verdict != other.verdict) accuse(a, and_rank + " return different verdicts");
    if (one.losses != other.losses) accuse(a, and_rank + " report different losses");
    if (one.ballot != other.ballot) accuse(a, and_rank + " return different ballots");
    if (one.missing != other.missing || one.mismatch != other.mismatch ||
        one.spoilers != other.spoilers)
        accuse(a, and_rank + " report different things");
}

bool Witness::has_passed(Rank rank) const { return of(rank).passed || of(rank).epoch > 0; }

bool Witness::is_evicted(Rank rank) const {
    return of(rank).outcome && of(rank).outcome->verdict == Verdict::evicted;
}

/// Long enough that others can have noticed.
bool Witness::was_absent(Rank rank) const {
    return lives_.of(rank).absence >= 3 * scenario_.pulse.period;
}

/// A rank that was stopped and goes on is no longer answered by those who have noticed, and if the
/// next epoch is long in coming (somebody has not entered), it takes them for silent.
bool Witness::somebody_came_back() const {
    return std::ranges::any_of(scenario_.blows, [this](const Blow& blow) {
        return blow.kind == Blow::Kind::stop && blow.lasts >= 3 * scenario_.pulse.period;
    });
}

/// So few that are certain to be there that they cannot know whether they are most. Where all that
/// are missing are known to be dead, those who are left do know.
bool Witness::few_are_left() const {
    Rank silent = 0;
    Rank missing = 0;
    for (Rank rank = 0; rank < scenario_.ranks(); ++rank) {
        const Lives::Life& life = lives_.of(rank);
        if (!life.dead && !was_absent(rank)) continue;
        ++missing;
        if (!life.dead || life.silent || was_absent(rank)) ++silent;
    }
    return silent > 0 && 2 * missing >= scenario_.ranks();
}

}  // namespace splitcast::sim
