#include "sim/machine_node.hpp"

#include "sim/violation.hpp"

#include <utility>

namespace splitcast::sim {

using engine::Completion;

Machine::Config configuration(const Stage& stage, Rank rank) {
    Machine::Config config;
    config.self = rank;
    config.ranks = stage.scenario.ranks();
    config.view = stage.scenario.call(rank).view();
    config.plan = stage.plans[static_cast<std::size_t>(rank)];
    config.held = stage.scenario.held_by(rank);
    config.receive_depth = stage.scenario.receive_depth;
    config.window = stage.scenario.window;
    if (stage.hooks.mutant != nullptr) stage.hooks.mutant->configure(rank, config);
    return config;
}

MachineNode::MachineNode(Port port)
    : port_(port),
      segmentation_(port.stage().scenario.call(port.self()).segmentation()),
      machine_(configuration(port.stage(), port.self())) {
    port_.stage().witness.watch(port_.self(), machine_);
}

void MachineNode::enter() {
    step({.kind = Event::Kind::start, .now = port_.stage().timeline.now()});
}

void MachineNode::hear(std::optional<Completion> reported) {
    if (!reported) return;
    const Completion& completion = *reported;
    if (returned_)
        throw Violation("rank " + std::to_string(port_.self()) +
                        " has returned with work under way");
    Event event{.now = port_.stage().timeline.now(),
                .flow = completion.flow,
                .segment = completion.segment,
                .peer = completion.peer,
                .damaged = completion.damaged};
    switch (completion.kind) {
        case Completion::Kind::received: event.kind = Event::Kind::received; break;
        case Completion::Kind::sent: event.kind = Event::Kind::sent; break;
        case Completion::Kind::dropped: event.kind = Event::Kind::dropped; break;
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

void MachineNode::step(const Event& event) {
    std::span<const Action> actions = machine_.step(event);
    if (Mutant* mutant = port_.stage().hooks.mutant; mutant != nullptr) {
        altered_.assign(actions.begin(), actions.end());
        mutant->act(machine_, event, altered_);
        actions = altered_;
    }
    for (const Action& action : actions) carry_out(action);
    Witness& witness = port_.stage().witness;
    witness.check_step(port_.self());
    if (returned_) witness.check_return(port_.self());
}

void MachineNode::carry_out(const Action& action) {
    switch (action.kind) {
        case Action::Kind::receive:
            port_.receive(action.flow, action.peer, action.channel, action.segment,
                          bytes(action.segment), nullptr);
            break;
        case Action::Kind::send:
            port_.send(action.flow, action.peer, action.channel, action.segment,
                       bytes(action.segment), nullptr, action.synchronous);
            break;
        case Action::Kind::send_control:
            port_.send_control(action.peer, encode(machine_.outgoing()[action.message]));
            break;
        case Action::Kind::expect_control: port_.expect_control(action.peer, encoded_bytes); break;
        case Action::Kind::cancel: port_.cancel(action.flow); break;
        case Action::Kind::finish:
            port_.note([] { return std::string("finish"); }, true);
            returned_ = true;
            break;
    }
}

}  // namespace splitcast::sim
