#include "sim/witness.hpp"

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

Witness::Witness(const Scenario& scenario, const std::vector<RankPlan>& plans)
    : scenario_(scenario), plans_(plans), mismatch_(scenario.mismatch()), books_(plans.size()) {
    for (Rank rank = 0; rank < scenario.ranks(); ++rank) {
        Books& books = of(rank);
        const Segment segments = scenario.call(rank).segmentation().count();
        books.received = Holdings(segments);
        books.held = scenario.held_by(rank);
        for (const Flow& flow : plans[at(rank)].in) {
            books.in.push_back({.next = Sequence::Cursor(flow.segments)});
        }
        for (const Flow& flow : plans[at(rank)].out) {
            books.out.push_back(
                {.next = Sequence::Cursor(flow.segments), .complete = Holdings(segments)});
        }
    }
}

void Witness::accuse(Rank rank, const std::string& of_what) {
    throw Violation("rank " + std::to_string(rank) + " " + of_what);
}

void Witness::posts_receive(Rank rank, std::int32_t flow, Rank from, int channel, Segment segment) {
    const Flow& planned = plans_[at(rank)].in[at(flow)];
    if (from != planned.peer || channel != planned.channel)
        accuse(rank, "receives along no flow of its plan");
    Books& books = of(rank);
    if (books.held.has(segment))
        accuse(rank, "wants to receive " + the(segment) + ", which it holds");
    InFlow& in = books.in[at(flow)];
    if (in.next.done() || *in.next != segment)
        accuse(rank, "posts the receive of " + the(segment) + " out of turn");
    ++in.next;
    if (++in.posted > scenario_.receive_depth) accuse(rank, "posts more receives than it may");
}

void Witness::sends(Rank rank, std::int32_t flow, Rank to, int channel, Segment segment,
                    int under_way) {
    const Flow& planned = plans_[at(rank)].out[at(flow)];
    if (to != planned.peer || channel != planned.channel)
        accuse(rank, "sends along no flow of its plan");
    Books& books = of(rank);
    if (!books.held.has(segment))
        accuse(rank, "sends " + the(segment) + ", which it does not hold");
    if (mismatch_) accuse(rank, "sends " + the(segment) + " although the calls differ");
    OutFlow& out = books.out[at(flow)];
    if (out.next.done() || *out.next != segment)
        accuse(rank, "sends " + the(segment) + " out of turn");
    ++out.next;
    const int window = books.machine->window(at(flow)).size();
    if (window < scenario_.window.smallest || window > scenario_.window.largest) {
        accuse(rank, "has a window of " + std::to_string(window));
    }
    if (under_way >= window) accuse(rank, "sends " + the(segment) + " although its window is full");
}

void Witness::received(Rank rank, std::int32_t flow, Segment segment, Segment carried,
                       bool damaged) {
    Books& books = of(rank);
    --books.in[at(flow)].posted;
    if (damaged) accuse(rank, "has received " + the(segment) + " in another length");
    if (segment != carried) accuse(rank, "has received " + the(carried) + " for " + the(segment));
    if (!books.received.add(segment)) accuse(rank, "has received " + the(segment) + " twice");
    books.held.add(segment);
}

void Witness::sent(Rank rank, std::int32_t flow, Segment segment) {
    of(rank).out[at(flow)].complete.add(segment);
}

// The definition: the first segment of any in-flow that has not been received, or of any out-flow
// whose send is not complete.
Segment Witness::low_water(Rank rank) const {
    const RankPlan& plan = plans_[at(rank)];
    const Books& books = books_[at(rank)];
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
    if (machine.state() < books.state)
        accuse(rank, "went back to being " + std::string(name(machine.state())));
    books.state = machine.state();
    if (books.state == Machine::State::withdrawing && !mismatch_)
        accuse(rank, "gives up although all calls agree");
    // Not every time, being linear in the segments; and not with damaged ones, when it means
    // nothing.
    if (++steps_ % 16 == 0 && !mismatch_ && !machine.done())
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

void Witness::check_return(Rank rank) {
    const Books& books = of(rank);
    const Machine::Outcome& outcome = books.machine->outcome();
    if (outcome.mismatch != mismatch_) {
        accuse(rank, outcome.mismatch ? "reports another mismatch: " + outcome.mismatch->text()
                                      : std::string("does not report the mismatch"));
    }
    if (mismatch_) {
        if (outcome.success) accuse(rank, "reports success and a mismatch");
        return;
    }
    if (!outcome.success) accuse(rank, "does not report success");
    if (!books.held.complete())
        accuse(rank, "reports success and lacks " + books.held.missing().text());
    for (const OutFlow& out : books.out) {
        if (!out.next.done()) accuse(rank, "has returned without sending " + the(*out.next));
    }
    if (!(books.machine->holdings() == books.held))
        accuse(rank, "does not say truly what it holds");
}

}  // namespace splitcast::sim
