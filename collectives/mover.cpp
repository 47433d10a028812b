#include "collectives/mover.hpp"

#include <algorithm>
#include <utility>

namespace splitcast::collectives {

Mover::Mover(RankPlan plan, Limits limits, std::int32_t base, const Holdings& held,
             Segment readable, Segment writable)
    : plan_(std::move(plan)),
      limits_(limits),
      base_(base),
      initial_(readable < held.segments() ? held : Holdings()),
      readable_(readable),
      writable_(writable) {
    in_.reserve(plan_.in.size());
    for (const Flow& flow : plan_.in) {
        in_.push_back(InFlow{.next = Sequence::Cursor(flow.segments)});
    }
    out_.reserve(plan_.out.size());
    for (const Flow& flow : plan_.out) {
        out_.push_back(
            OutFlow{.next = Sequence::Cursor(flow.segments), .window = Window(limits.window)});
    }
}

std::int32_t Mover::end() const {
    return base_ + static_cast<std::int32_t>(std::max(in_.size(), out_.size()));
}

bool Mover::knows_in(std::int32_t flow) const {
    return flow >= base_ && index(flow) < in_.size() && !in_[index(flow)].forsaken;
}

bool Mover::knows_out(std::int32_t flow) const {
    return flow >= base_ && index(flow) < out_.size() && !out_[index(flow)].forsaken;
}

// ---- receiving
// -----------------------------------------------------------------------------------------------

void Mover::post_receives(std::vector<Action>& actions) {
    for (std::size_t flow = 0; flow < in_.size(); ++flow) post_receives(flow, actions);
}

void Mover::post_receives(std::size_t flow, std::vector<Action>& actions) {
    InFlow& in = in_[flow];
    if (in.forsaken) return;
    while (!in.done() && std::ssize(in.unfinished) < limits_.receive_depth &&
           *in.next < writable_) {
        const Segment segment = *in.next;
        ++in.next;
        in.unfinished.push_back({.segment = segment, .position = in.posted++});
        actions.push_back({.kind = Action::Kind::receive,
                           .flow = base_ + static_cast<std::int32_t>(flow),
                           .segment = segment,
                           .peer = plan_.in[flow].peer,
                           .channel = plan_.in[flow].channel});
    }
}

void Mover::received(std::int32_t flow, Segment segment) {
    std::erase_if(in_[index(flow)].unfinished,
                  [segment](const Posted& posted) { return posted.segment == segment; });
}

void Mover::dropped(std::int32_t flow, Segment segment) { received(flow, segment); }

void Mover::withdraw(std::vector<Action>& actions) {
    for (std::size_t flow = 0; flow < in_.size(); ++flow) {
        in_[flow].limit = in_[flow].posted;
        if (in_[flow].forsaken || in_[flow].unfinished.empty()) continue;
        actions.push_back({.kind = Action::Kind::cancel,
                           .flow = base_ + static_cast<std::int32_t>(flow),
                           .segment = in_[flow].unfinished.front().segment});
    }
}

bool Mover::withdrawn() const {
    return std::ranges::all_of(
        in_, [](const InFlow& in) { return in.forsaken || in.unfinished.empty(); });
}

// ---- sending
// -------------------------------------------------------------------------------------------------

// What has come in this epoch is in memory until it was sent on; what was held before may have to
// be read again.
bool Mover::in_memory(Segment segment, const Holdings& held) const {
    if (!held.has(segment)) return false;
    return segment < readable_ || !initial_.has(segment);
}

// One segment of each flow in turn, as long as any flow can send: the first segments of all stripes
// leave before the second of any, and the order of the flows in the plan decides between flows that
// are equally far.
void Mover::pump_sends(const Holdings& held, Ticks now, std::vector<Action>& actions) {
    for (bool sent = true; sent;) {
        sent = false;
        for (std::size_t flow = 0; flow < out_.size(); ++flow) {
            if (send_one(flow, held, now, actions)) sent = true;
        }
    }
}

bool Mover::send_one(std::size_t flow, const Holdings& held, Ticks now,
                     std::vector<Action>& actions) {
    OutFlow& out = out_[flow];
    if (out.closed || out.next.done() || out.untaken >= out.window.size()) return false;
    const Segment segment = *out.next;
    if (!in_memory(segment, held)) return false;
    ++out.next;
    ++out.sent;
    ++out.untaken;
    ++out.incomplete;
    ++out.since_synchronous;
    // Nobody waits for room behind the last segment of a flow, so it needs no sign that it was
    // taken.
    const bool last = out.next.done();
    const bool synchronous =
        !last && (out.since_synchronous >= out.window.stride() || out.untaken >= out.window.size());
    if (synchronous) out.since_synchronous = 0;
    out.in_flight.push_back({.segment = segment, .sent = now, .synchronous = synchronous});
    actions.push_back({.kind = Action::Kind::send,
                       .synchronous = synchronous,
                       .flow = base_ + static_cast<std::int32_t>(flow),
                       .segment = segment,
                       .peer = plan_.out[flow].peer,
                       .channel = plan_.out[flow].channel});
    return true;
}

void Mover::sent(std::int32_t flow, Segment segment, const Holdings& held, Ticks now) {
    OutFlow& out = out_[index(flow)];
    const auto entry = std::ranges::find(out.in_flight, segment, &InFlight::segment);
    if (entry == out.in_flight.end()) return;
    const bool limited =
        out.untaken >= out.window.size() && !out.next.done() && in_memory(*out.next, held);
    entry->complete = true;
    --out.incomplete;
    if (entry->synchronous) {
        // Messages of a flow are matched in order, so everything sent before has been taken as
        // well.
        for (auto earlier = out.in_flight.begin(); earlier <= entry; ++earlier) {
            if (!earlier->taken) --out.untaken;
            earlier->taken = true;
        }
        if (out.first_taken == 0) out.first_taken = std::max<Ticks>(now, 1);
        if (entry->sent >= out.first_taken) out.window.taken(entry->sent, now, limited);
    }
    std::erase_if(out.in_flight, [](const InFlight& f) { return f.complete && f.taken; });
}

bool Mover::complete(bool but_for_damage) const {
    return std::ranges::all_of(in_,
                               [](const InFlow& in) {
                                   return !in.forsaken && in.next.done() && in.unfinished.empty();
                               }) &&
           std::ranges::all_of(out_, [but_for_damage](const OutFlow& out) {
               return !out.closed && (out.next.done() || but_for_damage) && out.incomplete == 0;
           });
}

// ---- the end of an epoch
// -------------------------------------------------------------------------------------

void Mover::stop() {
    stopped_ = true;
    for (OutFlow& out : out_) out.closed = true;
}

std::vector<FlowCount> Mover::sent_to(Rank peer) const {
    std::vector<FlowCount> counts;
    for (std::size_t flow = 0; flow < out_.size(); ++flow) {
        if (plan_.out[flow].peer == peer)
            counts.push_back({.channel = plan_.out[flow].channel, .sent = out_[flow].sent});
    }
    return counts;
}

void Mover::flush(Rank peer, std::span<const FlowCount> counts, std::vector<Action>& actions) {
    for (std::size_t flow = 0; flow < in_.size(); ++flow) {
        InFlow& in = in_[flow];
        if (plan_.in[flow].peer != peer || in.forsaken || in.limit != all) continue;
        const auto told = std::ranges::find(counts, plan_.in[flow].channel, &FlowCount::channel);
        in.limit = told == counts.end() ? 0 : told->sent;
        const auto beyond = std::ranges::find_if(
            in.unfinished, [&in](const Posted& posted) { return posted.position >= in.limit; });
        if (beyond == in.unfinished.end()) continue;
        actions.push_back({.kind = Action::Kind::cancel,
                           .flow = base_ + static_cast<std::int32_t>(flow),
                           .segment = beyond->segment});
    }
}

void Mover::forsake(Rank peer) {
    for (std::size_t flow = 0; flow < in_.size(); ++flow) {
        if (plan_.in[flow].peer == peer) in_[flow].forsaken = true;
    }
    for (std::size_t flow = 0; flow < out_.size(); ++flow) {
        if (plan_.out[flow].peer == peer) out_[flow].closed = out_[flow].forsaken = true;
    }
}

bool Mover::drained() const {
    return stopped_ &&
           std::ranges::all_of(in_,
                               [](const InFlow& in) {
                                   return in.forsaken ||
                                          (in.limit != all && in.done() && in.unfinished.empty());
                               }) &&
           std::ranges::all_of(
               out_, [](const OutFlow& out) { return out.forsaken || out.incomplete == 0; });
}

std::vector<Rank> Mover::partners() const {
    std::vector<Rank> ranks;
    ranks.reserve(plan_.in.size() + plan_.out.size());
    for (const Flow& flow : plan_.in) ranks.push_back(flow.peer);
    for (const Flow& flow : plan_.out) ranks.push_back(flow.peer);
    std::ranges::sort(ranks);
    ranks.erase(std::ranges::unique(ranks).begin(), ranks.end());
    return ranks;
}

Segment Mover::low_water() const {
    Segment low = all;
    for (const InFlow& in : in_) {
        if (in.forsaken) continue;
        if (!in.unfinished.empty()) low = std::min(low, in.unfinished.front().segment);
        if (!in.done()) low = std::min(low, *in.next);
    }
    for (const OutFlow& out : out_) {
        if (!out.closed && !out.next.done()) low = std::min(low, *out.next);
        if (out.forsaken) continue;
        for (const InFlight& f : out.in_flight) {
            if (!f.complete) low = std::min(low, f.segment);
        }
    }
    return low;
}

}  // namespace splitcast::collectives
