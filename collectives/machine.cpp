#include "collectives/machine.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace splitcast::collectives {

// The life of a broadcast. A pair of state and trigger that has no row does not happen; `fire`
// ignores it.
struct Machine::Row {
    State from;
    Trigger on;
    State to;
    void (Machine::*then)();
};

const Machine::Row Machine::table[] = {
    {State::idle, Trigger::start, State::surveying, &Machine::enter},
    {State::surveying, Trigger::views_agree, State::moving, &Machine::begin_moving},
    {State::surveying, Trigger::views_differ, State::withdrawing, &Machine::withdraw},
    {State::moving, Trigger::flows_done, State::done, &Machine::finish_moving},
    {State::withdrawing, Trigger::withdrawn, State::done, &Machine::finish_withdrawing},
};

void Machine::fire(Trigger trigger) {
    for (const Row& row : table) {
        if (row.from != state_ || row.on != trigger) continue;
        state_ = row.to;
        if (row.then != nullptr) (this->*row.then)();
        return;
    }
}

Machine::Machine(Config config) : config_(std::move(config)), held_(config_.held) {
    if (!config_.piecemeal) {
        readable_ = writable_ = held_.segments();
    }
    in_.reserve(config_.plan.in.size());
    for (const Flow& flow : config_.plan.in) {
        in_.push_back(InFlow{.next = Sequence::Cursor(flow.segments)});
    }
    out_.reserve(config_.plan.out.size());
    for (const Flow& flow : config_.plan.out) {
        out_.push_back(
            OutFlow{.next = Sequence::Cursor(flow.segments), .window = Window(config_.window)});
    }
    survey_.rank = config_.self;
    survey_.view = config_.view;
}

std::span<const Action> Machine::step(const Event& event) {
    actions_.clear();
    outgoing_.clear();
    now_ = event.now;
    switch (event.kind) {
        case Event::Kind::start: fire(Trigger::start); break;
        case Event::Kind::received: on_received(event); break;
        case Event::Kind::sent: on_sent(event); break;
        case Event::Kind::control: on_control(event); break;
        case Event::Kind::readable:
            while (readable_ < event.segment) held_.add(readable_++);
            pump_sends();
            break;
        case Event::Kind::writable:
            writable_ = std::max(writable_, event.segment);
            post_receives();
            break;
        case Event::Kind::dropped: on_dropped(event); break;
    }
    check_flows_done();
    check_withdrawn();
    return actions_;
}

void Machine::enter() {
    post_receives();
    for (int round = 0; round < survey_rounds(config_.ranks); ++round) {
        actions_.push_back({.kind = Action::Kind::expect_control,
                            .peer = survey_origin(config_.self, round, config_.ranks)});
    }
    send_survey();
}

void Machine::begin_moving() { pump_sends(); }

// ---- segments
// ------------------------------------------------------------------------------------------------

void Machine::post_receives() {
    for (std::size_t flow = 0; flow < in_.size(); ++flow) post_receives(flow);
}

void Machine::post_receives(std::size_t flow) {
    if (state_ != State::surveying && state_ != State::moving) return;
    InFlow& in = in_[flow];
    while (!in.next.done() && in.posted - in.finished < config_.receive_depth &&
           *in.next < writable_) {
        const Segment segment = *in.next;
        ++in.next;
        ++in.posted;
        in.unfinished.push_back(segment);
        actions_.push_back({.kind = Action::Kind::receive,
                            .flow = static_cast<std::int32_t>(flow),
                            .segment = segment,
                            .peer = config_.plan.in[flow].peer,
                            .channel = config_.plan.in[flow].channel});
    }
}

void Machine::on_received(const Event& event) {
    const auto flow = static_cast<std::size_t>(event.flow);
    InFlow& in = in_[flow];
    std::erase(in.unfinished, event.segment);
    ++in.finished;
    if (event.damaged) {
        damaged_ = true;
    } else {
        held_.add(event.segment);
        ++totals_.segments_received;
    }
    post_receives(flow);
    pump_sends();
}

// One segment of each flow in turn, as long as any flow can send: the first segments of all stripes
// leave before the second of any, and the order of the flows in the plan decides between flows that
// are equally far.
void Machine::pump_sends() {
    if (state_ != State::moving) return;
    for (bool sent = true; sent;) {
        sent = false;
        for (std::size_t flow = 0; flow < out_.size(); ++flow) {
            if (send_one(flow)) sent = true;
        }
    }
}

bool Machine::send_one(std::size_t flow) {
    OutFlow& out = out_[flow];
    if (out.next.done() || out.untaken >= out.window.size()) return false;
    const Segment segment = *out.next;
    if (!held_.has(segment)) return false;
    ++out.next;
    ++out.untaken;
    ++out.incomplete;
    ++out.since_synchronous;
    // Nobody waits for room behind the last segment of a flow, so it needs no sign that it was
    // taken.
    const bool last = out.next.done();
    const bool synchronous =
        !last && (out.since_synchronous >= out.window.stride() || out.untaken >= out.window.size());
    if (synchronous) out.since_synchronous = 0;
    out.in_flight.push_back({.segment = segment, .sent = now_, .synchronous = synchronous});
    actions_.push_back({.kind = Action::Kind::send,
                        .synchronous = synchronous,
                        .flow = static_cast<std::int32_t>(flow),
                        .segment = segment,
                        .peer = config_.plan.out[flow].peer,
                        .channel = config_.plan.out[flow].channel});
    ++totals_.segments_sent;
    return true;
}

void Machine::on_sent(const Event& event) {
    OutFlow& out = out_[static_cast<std::size_t>(event.flow)];
    const auto entry = std::ranges::find(out.in_flight, event.segment, &InFlight::segment);
    if (entry == out.in_flight.end()) return;
    const bool limited =
        out.untaken >= out.window.size() && !out.next.done() && held_.has(*out.next);
    entry->complete = true;
    --out.incomplete;
    if (entry->synchronous) {
        // Messages of a flow are matched in order, so everything sent before has been taken as
        // well.
        for (auto earlier = out.in_flight.begin(); earlier <= entry; ++earlier) {
            if (!earlier->taken) --out.untaken;
            earlier->taken = true;
        }
        if (out.first_taken == 0) out.first_taken = std::max<Ticks>(now_, 1);
        if (entry->sent >= out.first_taken) out.window.taken(entry->sent, now_, limited);
    }
    std::erase_if(out.in_flight, [](const InFlight& f) { return f.complete && f.taken; });
    pump_sends();
}

void Machine::check_flows_done() {
    if (state_ != State::moving) return;
    for (const InFlow& in : in_) {
        if (!in.next.done() || in.finished < in.posted) return;
    }
    for (const OutFlow& out : out_) {
        // A damaged segment is never relayed: what depends on it will not be sent, and the outcome
        // says so.
        if (out.incomplete > 0 || (!out.next.done() && !damaged_)) return;
    }
    if (config_.piecemeal && in_.empty() && readable_ < held_.segments()) return;
    fire(Trigger::flows_done);
}

Segment Machine::low_water() const {
    Segment low = std::numeric_limits<Segment>::max();
    for (const InFlow& in : in_) {
        if (!in.unfinished.empty()) low = std::min(low, in.unfinished.front());
        if (!in.next.done()) low = std::min(low, *in.next);
    }
    for (const OutFlow& out : out_) {
        if (!out.next.done()) low = std::min(low, *out.next);
        for (const InFlight& f : out.in_flight) {
            if (!f.complete) low = std::min(low, f.segment);
        }
    }
    return low;
}

// ---- views
// ---------------------------------------------------------------------------------------------------

void Machine::send_control(Rank to, ControlMessage message) {
    actions_.push_back(
        {.kind = Action::Kind::send_control, .peer = to, .message = outgoing_.size()});
    outgoing_.push_back(std::move(message));
    ++totals_.control_sent;
}

void Machine::send_survey() {
    if (round_ == survey_rounds(config_.ranks)) {
        fire(survey_.differing == no_rank ? Trigger::views_agree : Trigger::views_differ);
        return;
    }
    ControlMessage message;
    message.round = static_cast<std::uint8_t>(round_);
    message.survey = survey_;
    send_control(survey_target(config_.self, round_, config_.ranks), std::move(message));
}

void Machine::on_control(const Event& event) {
    const ControlMessage& message = *event.message;
    // Rounds may come out of order from different ranks: what is heard early is kept for its round.
    early_[message.round] = message.survey;
    while (round_ < survey_rounds(config_.ranks)) {
        const auto heard = early_.find(static_cast<std::uint8_t>(round_));
        if (heard == early_.end()) return;
        survey_.fold(heard->second);
        ++round_;
        send_survey();
    }
}

void Machine::finish_moving() {
    outcome_.success = !damaged_;
    outcome_.damaged = damaged_;
    actions_.push_back({.kind = Action::Kind::finish});
}

void Machine::withdraw() {
    for (std::size_t flow = 0; flow < in_.size(); ++flow) {
        if (in_[flow].unfinished.empty()) continue;
        actions_.push_back({.kind = Action::Kind::cancel, .flow = static_cast<std::int32_t>(flow)});
    }
}

void Machine::on_dropped(const Event& event) {
    InFlow& in = in_[static_cast<std::size_t>(event.flow)];
    std::erase(in.unfinished, event.segment);
    ++in.finished;
}

void Machine::check_withdrawn() {
    if (state_ != State::withdrawing) return;
    for (const InFlow& in : in_) {
        if (in.finished < in.posted) return;
    }
    fire(Trigger::withdrawn);
}

void Machine::finish_withdrawing() {
    outcome_.mismatch = survey_.mismatch();
    actions_.push_back({.kind = Action::Kind::finish});
}

std::string_view name(Machine::State state) {
    switch (state) {
        case Machine::State::idle: return "idle";
        case Machine::State::surveying: return "surveying";
        case Machine::State::moving: return "moving";
        case Machine::State::withdrawing: return "withdrawing";
        case Machine::State::done: return "done";
    }
    return "unknown";
}

}  // namespace splitcast::collectives
