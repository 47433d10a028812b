#include "sim/witness.hpp"

#include "collectives/check.hpp"
#include "sim/violation.hpp"

#include <algorithm>
#include <limits>

namespace splitcast::sim {

namespace {

std::size_t at(std::int32_t i) { return static_cast<std::size_t>(i); }

Segment first_missing(const Sequence& sequence, const Holdings& holdings) {
    for (Sequence::Cursor cursor(sequence); !cursor.done(); ++cursor) {
        if (!holdings.has(*cursor)) return *cursor;
    }
    return std::numeric_limits<Segment>::max();
}

std::string the(Segment segment) { return "segment " + std::to_string(segment); }

}  // namespace

Witness::Witness(const Scenario& scenario, const std::vector<RankPlan>& plans, const Lives& lives)
    : scenario_(scenario), lives_(lives), mismatch_(scenario.mismatch()), books_(plans.size()) {
    for (Rank rank = 0; rank < scenario.ranks(); ++rank) {
        Books& books = of(rank);
        books.received = Holdings(scenario.call(rank).segmentation().count());
        books.held = scenario.held_by(rank);
        books.forsaken.assign(plans.size(), false);
        books.plan = plans[at(rank)];
        open_flows(books);
    }
}

void Witness::open_flows(Books& books) {
    books.in.clear();
    books.out.clear();
    for (const Flow& flow : books.plan.in)
        books.in.push_back({.next = Sequence::Cursor(flow.segments)});
    for (const Flow& flow : books.plan.out) {
        books.out.push_back(
            {.next = Sequence::Cursor(flow.segments), .complete = Holdings(books.held.segments())});
    }
}

void Witness::accuse(Rank rank, const std::string& of_what) {
    throw Violation("rank " + std::to_string(rank) + " " + of_what);
}

void Witness::posts_receive(Rank rank, std::int32_t flow, Rank from, int channel, Segment segment) {
    Books& books = of(rank);
    const std::int32_t index = flow - books.base;
    if (index < 0 || index >= static_cast<std::int32_t>(books.in.size()))
        accuse(rank, "receives along a flow of another epoch");
    const Flow& planned = books.plan.in[at(index)];
    if (from != planned.peer || channel != planned.channel)
        accuse(rank, "receives along no flow of its plan");
    if (books.forsaken[at(from)]) accuse(rank, "receives from a rank that it has forsaken");
    if (books.held.has(segment))
        accuse(rank, "wants to receive " + the(segment) + ", which it holds");
    InFlow& in = books.in[at(index)];
    if (in.next.done() || *in.next != segment)
        accuse(rank, "posts the receive of " + the(segment) + " out of turn");
    ++in.next;
    if (++in.posted > scenario_.receive_depth) accuse(rank, "posts more receives than it may");
}

void Witness::sends(Rank rank, std::int32_t flow, Rank to, int channel, Segment segment,
                    int under_way) {
    Books& books = of(rank);
    const std::int32_t index = flow - books.base;
    if (index < 0 || index >= static_cast<std::int32_t>(books.out.size()))
        accuse(rank, "sends along a flow of another epoch");
    const Flow& planned = books.plan.out[at(index)];
    if (to != planned.peer || channel != planned.channel)
        accuse(rank, "sends along no flow of its plan");
    if (!books.held.has(segment))
        accuse(rank, "sends " + the(segment) + ", which it does not hold");
    if (mismatch_ && books.epoch == 0)
        accuse(rank, "sends " + the(segment) + " although the calls differ");
    OutFlow& out = books.out[at(index)];
    if (out.next.done() || *out.next != segment)
        accuse(rank, "sends " + the(segment) + " out of turn");
    ++out.next;
    const int window = books.machine->window(at(index)).size();
    if (window < scenario_.window.smallest || window > scenario_.window.largest) {
        accuse(rank, "has a window of " + std::to_string(window));
    }
    if (under_way >= window) accuse(rank, "sends " + the(segment) + " although its window is full");
    if (books.epoch > 0 && !scenario_.resume) ++tally_.resent;
    check_receiver(rank, to, segment);
}

void Witness::check_receiver(Rank rank, Rank to, Segment segment) {
    const Books& receiver = of(to);
    if (lives_.of(to).dead || receiver.forsaken[at(rank)] || receiver.outcome) return;
    if (receiver.held.has(segment))
        accuse(rank,
               "sends " + the(segment) + " to rank " + std::to_string(to) + ", which holds it");
    if (receiver.epoch != of(rank).epoch)
        accuse(rank, "sends to rank " + std::to_string(to) + ", which is in another epoch");
}

void Witness::tells(Rank rank, Rank /*to*/, std::span<const std::byte> message) {
    constexpr std::size_t kind = 1;
    if (message[kind] != static_cast<std::byte>(ControlMessage::Kind::report)) return;
    const auto report = decode(message);
    if (!report || report->holdings.size() != 1 || !(report->holdings[0] == of(rank).held))
        accuse(rank, "does not report truly what it holds");
}

void Witness::forsakes(Rank rank, Rank peer) { of(rank).forsaken[at(peer)] = true; }

void Witness::renews(Rank rank, int outstanding) {
    Books& books = of(rank);
    const Machine& machine = *books.machine;
    if (outstanding != 0)
        accuse(rank, "begins an epoch and " + std::to_string(outstanding) +
                         " operations of the last are under way");
    if (machine.epoch() <= books.epoch) accuse(rank, "goes back to an earlier epoch");
    books.epoch = machine.epoch();
    books.plan = machine.plan();
    books.base = machine.mover().end() -
                 static_cast<std::int32_t>(std::max(books.plan.in.size(), books.plan.out.size()));
    open_flows(books);

    const auto [known, first] = epochs_.try_emplace(books.epoch);
    Epoch& epoch = known->second;
    if (first) {
        ++tally_.epochs;
        epoch.members = machine.membership().members();
        epoch.plans.resize(books_.size());
        epoch.holdings.resize(books_.size());
    } else if (epoch.members != machine.membership().members()) {
        accuse(rank, "begins an epoch with other members than another rank");
    }
    epoch.plans[at(rank)] = books.plan;
    epoch.holdings[at(rank)] = books.held;
    if (++epoch.adopted == epoch.members.size()) check_epoch(rank, epoch);
}

// All have adopted it: what they are about to do must fit together.
void Witness::check_epoch(Rank rank, const Epoch& epoch) {
    const bool moves = std::ranges::any_of(
        epoch.plans, [](const RankPlan& plan) { return !plan.in.empty() || !plan.out.empty(); });
    if (!moves) return;
    const auto violations = check(epoch.plans, epoch.holdings, epoch.members);
    if (!violations.empty()) accuse(rank, "has part in a wrong plan: " + violations[0].text);
}

void Witness::received(Rank rank, std::int32_t flow, Rank from, Segment segment, Segment carried,
                       bool damaged) {
    Books& books = of(rank);
    if (books.forsaken[at(from)] || books.outcome)
        return;  // it had happened before, and is not wanted
    const std::int32_t index = flow - books.base;
    if (index < 0 || index >= static_cast<std::int32_t>(books.in.size()))
        accuse(rank, "hears of a flow of an epoch that is over");
    --books.in[at(index)].posted;
    const bool may_be_damaged = std::ranges::find(scenario_.blows, Blow::Kind::corrupt,
                                                  &Blow::kind) != scenario_.blows.end();
    if (damaged && !may_be_damaged)
        accuse(rank, "has received " + the(segment) + " in another length");
    if (segment != carried) accuse(rank, "has received " + the(carried) + " for " + the(segment));
    if (damaged) return;
    if (!books.received.add(segment)) accuse(rank, "has received " + the(segment) + " twice");
    books.held.add(segment);
    if (books.epoch > 0 && !scenario_.resume) ++tally_.repaired;
}

void Witness::sent(Rank rank, std::int32_t flow, Segment segment) {
    Books& books = of(rank);
    const std::int32_t index = flow - books.base;
    if (index < 0 || index >= static_cast<std::int32_t>(books.out.size())) return;
    books.out[at(index)].complete.add(segment);
}

// The definition: the first segment of any in-flow that has not been received, or of any out-flow
// whose send is not complete.
Segment Witness::low_water(Rank rank) const {
    const Books& books = of(rank);
    const RankPlan& plan = books.plan;
    Segment low = std::numeric_limits<Segment>::max();
    for (const Flow& flow : plan.in)
        low = std::min(low, first_missing(flow.segments, books.received));
    for (std::size_t flow = 0; flow < plan.out.size(); ++flow) {
        low = std::min(low, first_missing(plan.out[flow].segments, books.out[flow].complete));
    }
    return low;
}

void Witness::check_step(Rank rank) {
    Books& books = of(rank);
    const Machine& machine = *books.machine;
    if (machine.state() < books.state && !scenario_.recovery && !scenario_.resume)
        accuse(rank, "went back to being " + std::string(name(machine.state())));
    books.state = machine.state();
    using State = Machine::State;
    if (books.state == State::moving || books.state == State::withdrawing ||
        books.state == State::completing || books.state == State::committing) {
        books.passed = true;
    }
    // Where holdings are collected first, it knows before it moves; nothing else tells.
    if (scenario_.resume && machine.knows_all_entered()) books.passed = true;
    if (books.state == Machine::State::withdrawing && !mismatch_)
        accuse(rank, "gives up although all calls agree");
    // Not every time, being linear in the segments; and not with damaged ones or between two
    // epochs, when it means nothing.
    if (++steps_ % 16 == 0 && !mismatch_ && !machine.done() && !scenario_.recovery &&
        books.state != State::regrouping)
        check_low_water(rank, machine.low_water());
}

void Witness::check_low_water(Rank rank, Segment claimed) {
    const Segment low = low_water(rank);
    // An engine may not have looked yet at all that has happened.
    const bool late = scenario_.level == Scenario::Level::engine && claimed < low;
    if (claimed == low || late) return;
    accuse(rank, "says that its low water is " + std::to_string(claimed) + ", not " +
                     std::to_string(low));
}

void Witness::check_plain_return(Rank rank) {
    const Books& books = of(rank);
    const Machine::Outcome& outcome = books.machine->outcome();
    if (outcome.mismatch != mismatch_) {
        accuse(rank, outcome.mismatch ? "reports another mismatch: " + outcome.mismatch->text()
                                      : std::string("does not report the mismatch"));
    }
    if (mismatch_) {
        if (outcome.success()) accuse(rank, "reports success and a mismatch");
        return;
    }
    if (!outcome.success()) accuse(rank, "does not report success");
    if (!books.held.complete())
        accuse(rank, "reports success and lacks " + books.held.missing().text());
    for (const OutFlow& out : books.out) {
        if (!out.next.done()) accuse(rank, "has returned without sending " + the(*out.next));
    }
    if (!(books.machine->holdings() == books.held))
        accuse(rank, "does not say truly what it holds");
}

}  // namespace splitcast::sim
