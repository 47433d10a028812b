#include "sim/machine_node.hpp"

#include "sim/violation.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace splitcast::sim {

Machine::Config configuration(const Stage& stage, Rank rank) {
    const Scenario& scenario = stage.scenario;
    Machine::Config config;
    config.self = rank;
    config.ranks = scenario.ranks();
    config.view = scenario.call(rank).view();
    config.plan = stage.plans[static_cast<std::size_t>(rank)];
    config.held = scenario.held_by(rank);
    config.receive_depth = scenario.receive_depth;
    config.window = scenario.window;
    config.agree = scenario.agree;
    if (!scenario.ballots.empty()) config.ballot = scenario.ballots[static_cast<std::size_t>(rank)];
    if (scenario.late_ballot(rank) > 0) {
        config.ballot = no_ballot;
        config.ballot_pending = true;
    }
    config.all_here = scenario.all_here;
    config.resumes = scenario.resumes(rank);
    config.recovery.enabled = scenario.recovery;
    if (scenario.recovery || scenario.resume) {
        config.recovery.mirrors = scenario.mirrors;
        config.recovery.placement = scenario.placement;
        config.recovery.shape = scenario.call(rank).shape;
        config.recovery.resend = scenario.resend;
    }
    if (scenario.recovery) {
        config.recovery.pulse = scenario.pulse;
        config.recovery.peer_beats = scenario.peer_beats;
        config.recovery.root_beats = scenario.root_beats;
        if (scenario.level == Scenario::Level::machine)
            config.piecemeal = scenario.memory[static_cast<std::size_t>(rank)].ring > 0;
    }
    if (stage.hooks.mutant != nullptr) stage.hooks.mutant->configure(rank, config);
    return config;
}

MachineNode::MachineNode(Port port)
    : port_(port),
      segmentation_(port.stage().scenario.call(port.self()).segmentation()),
      machine_(configuration(port.stage(), port.self())) {
    const Scenario& scenario = port_.stage().scenario;
    if (scenario.recovery) ring_ = scenario.memory[static_cast<std::size_t>(port_.self())].ring;
    port_.stage().witness.watch(port_.self(), machine_);
}

void MachineNode::enter() {
    step({.kind = Event::Kind::start, .now = now()});
    stream_later();
}

void MachineNode::tick() {
    if (!port_.survives(Moment::Kind::tick)) return;
    port_.note([] { return std::string("look"); });
    step({.kind = Event::Kind::tick, .now = now()});
}

void MachineNode::bring_ballot() {
    const std::vector<Ballot>& ballots = port_.stage().scenario.ballots;
    port_.note([] { return std::string("has its ballot"); });
    step({.kind = Event::Kind::ballot,
          .now = now(),
          .ballot = ballots[static_cast<std::size_t>(port_.self())]});
}

void MachineNode::leave() { step({.kind = Event::Kind::leaving, .now = now()}); }
void MachineNode::come_back() { step({.kind = Event::Kind::returning, .now = now()}); }
void MachineNode::resume() { act(); }

void MachineNode::hear(Completion completion) {
    // Work may be under way when the others' decision ends it: nobody waits for that.
    if (returned_ && !port_.stage().scenario.recovery)
        throw Violation("rank " + std::to_string(port_.self()) +
                        " has returned with work under way");
    if (returned_) return;
    Event event{.now = now(),
                .flow = completion.flow,
                .segment = completion.segment,
                .peer = completion.peer,
                .damaged = completion.damaged};
    switch (completion.kind) {
        case Completion::Kind::received: event.kind = Event::Kind::received; break;
        case Completion::Kind::sent: event.kind = Event::Kind::sent; break;
        case Completion::Kind::dropped: event.kind = Event::Kind::dropped; break;
        case Completion::Kind::failed: event.kind = Event::Kind::failed; break;
        case Completion::Kind::control: {
            const auto message = decode(completion.message);
            if (!message)
                throw Violation("rank " + std::to_string(port_.self()) + " cannot read a message");
            event.kind = Event::Kind::control;
            event.message = &*message;
            step(event);
            return;
        }
    }
    step(event);
}

void MachineNode::answer(const Completion& message) {
    if (!port_.survives(Moment::Kind::answer, message.peer)) return;
    const auto decoded = decode(message.message);
    if (!decoded) return;
    if (auto reply = machine_.answer(message.peer, *decoded)) {
        port_.note([&] { return "answers " + std::to_string(message.peer); });
        port_.send_control(message.peer, encode(*reply));
    }
}

void MachineNode::step(const Event& event) {
    if (returned_) return;
    take(event);
    if (Mutant* mutant = port_.stage().hooks.mutant; mutant != nullptr) {
        for (Mutant::Fancy& fancy : mutant->imagine(port_.self(), machine_, event)) {
            if (machine_.done()) break;
            fancy.event.now = now();
            if (fancy.event.kind == Event::Kind::control) fancy.event.message = &fancy.message;
            take(fancy.event);
        }
    }
    act();
    if (ring_ > 0) stream_later();
}

void MachineNode::take(const Event& event) {
    std::span<const Action> actions = machine_.step(event);
    std::vector<Action> altered;
    if (Mutant* mutant = port_.stage().hooks.mutant; mutant != nullptr) {
        altered.assign(actions.begin(), actions.end());
        mutant->act(machine_, event, altered);
        actions = altered;
    }
    for (const Action& action : actions) {
        duties_.push_back({.action = action});
        if (action.kind == Action::Kind::send_control)
            duties_.back().message = machine_.outgoing()[action.message];
    }
    using State = Machine::State;
    port_.recovering(machine_.epoch() > 0 || machine_.state() == State::regrouping ||
                     machine_.state() == State::completing ||
                     machine_.state() == State::committing);
}

// A rank may be stopped, or die, between any two.
void MachineNode::act() {
    while (!duties_.empty()) {
        if (port_.stopped() || port_.stage().is_dead(port_.self())) return;
        Duty duty = std::move(duties_.front());
        duties_.pop_front();
        carry_out(duty);
    }
    if (port_.stage().is_dead(port_.self())) return;
    Witness& witness = port_.stage().witness;
    if (port_.stage().lives.of(port_.self()).returned) return;
    witness.check_step(port_.self());
    if (!returned_) return;
    witness.check_return(port_.self());
    port_.stage().lives.of(port_.self()).returned = true;
}

void MachineNode::carry_out(Duty& duty) {
    const Action& action = duty.action;
    switch (action.kind) {
        case Action::Kind::receive:
            port_.receive(action.flow, action.peer, action.channel, action.segment,
                          bytes(action.segment), nullptr);
            break;
        case Action::Kind::send:
            port_.send(action.flow, action.peer, action.channel, action.segment,
                       bytes(action.segment), nullptr, action.synchronous);
            break;
        case Action::Kind::send_control: {
            Mutant* mutant = port_.stage().hooks.mutant;
            if (mutant != nullptr && !mutant->tell(port_.self(), action.peer, duty.message)) break;
            port_.send_control(action.peer, encode(duty.message));
            break;
        }
        case Action::Kind::cancel: port_.cancel(action.flow, action.segment); break;
        case Action::Kind::forsake: port_.forsake(action.peer); break;
        case Action::Kind::renew:
            port_.renew();
            bound_ = 0;
            break;
        case Action::Kind::finish:
            if (!port_.survives(Moment::Kind::finish)) break;
            port_.note(
                [this] {
                    const Machine::Outcome& outcome = machine_.outcome();
                    if (!port_.stage().scenario.recovery) return std::string("finish");
                    return "finish: " + std::string(name(outcome.verdict)) +
                           (outcome.losses.empty() ? "" : "; " + text(outcome.losses)) +
                           (outcome.missing.empty() ? "" : "; lost " + outcome.missing.text());
                },
                true);
            returned_ = true;
            break;
    }
}

// ---- a ring
// ------------------------------------------------------------------------------------------------------

// What has come may be overwritten when it was sent on, and what is to be sent is read when there
// is room.
void MachineNode::stream_later() {
    if (ring_ == 0 || will_stream_ || returned_) return;
    will_stream_ = true;
    Stage& stage = port_.stage();
    stage.timeline.add(stage.report_delay(), Timeline::Kind::stream,
                       static_cast<std::size_t>(port_.self()));
}

void MachineNode::stream() {
    will_stream_ = false;
    if (returned_ || machine_.done()) return;
    const Segment low = std::min(machine_.low_water(), segmentation_.count());
    const Segment bound = std::min(segmentation_.count(), low + ring_);
    if (bound <= bound_) return;
    bound_ = bound;
    step({.kind = Event::Kind::writable, .now = now(), .segment = bound});
    if (returned_ || machine_.done() || bound_ != bound) return;
    step({.kind = Event::Kind::readable, .now = now(), .segment = bound});
}

}  // namespace splitcast::sim
