#include "engine/broadcast.hpp"

#include <utility>

namespace splitcast::engine {

using collectives::Action;
using collectives::Event;

Broadcast::Broadcast(collectives::Machine::Config config, Buffer buffer,
                     std::unique_ptr<Transport> transport, Clock& clock)
    : machine_(std::move(config)),
      buffer_(std::move(buffer)),
      transport_(std::move(transport)),
      clock_(clock) {}

void Broadcast::start() {
    started_ = clock_.now();
    step({.kind = Event::Kind::start, .now = started_});
    progress();
}

bool Broadcast::progress() {
    if (done_) return false;
    completions_.clear();
    if (!failure_) failure_ = transport_->poll(completions_);
    bool moved = false;
    if (!failure_) {
        moved = !completions_.empty();
        const collectives::Ticks now = moved || buffer_.piecemeal() ? clock_.now() : 0;
        for (const Completion& completion : completions_) {
            take(completion, now);
            if (failure_) break;
        }
        if (buffer_.piecemeal() && advance_buffer(now)) moved = true;
    }
    if (over()) {
        finished_ = clock_.now();
        done_ = true;
    }
    return moved || done_;
}

// Whatever became of the broadcast, the source or the sink may still be at work on this memory.
bool Broadcast::over() {
    if (failure_) return buffer_.at_rest();
    if (!machine_done_ || !transport_->idle()) return false;
    return machine_.outcome().success ? buffer_.settled() : buffer_.at_rest();
}

void Broadcast::take(const Completion& completion, collectives::Ticks now) {
    Event event{.now = now,
                .flow = completion.flow,
                .segment = completion.segment,
                .peer = completion.peer};
    switch (completion.kind) {
        case Completion::Kind::received:
            event.kind = Event::Kind::received;
            event.damaged = completion.damaged;
            bytes_received_ += buffer_.segmentation().size(completion.segment);
            break;
        case Completion::Kind::sent:
            event.kind = Event::Kind::sent;
            bytes_sent_ += buffer_.segmentation().size(completion.segment);
            break;
        case Completion::Kind::dropped: event.kind = Event::Kind::dropped; break;
        case Completion::Kind::control: {
            const auto message = collectives::decode(completion.message);
            if (!message) {
                failure_ =
                    Error{Status::internal, "rank " + std::to_string(completion.peer) +
                                                " sent a message that is not of this version of "
                                                "splitcast; use the same version on every rank"};
                return;
            }
            event.kind = Event::Kind::control;
            event.message = &*message;
            step(event);
            return;
        }
    }
    step(event);
}

void Broadcast::step(const Event& event) {
    for (const Action& action : machine_.step(event)) carry_out(action);
}

void Broadcast::carry_out(const Action& action) {
    switch (action.kind) {
        case Action::Kind::receive:
            transport_->receive(action.flow, action.peer, action.channel, action.segment,
                                buffer_.place(action.segment));
            break;
        case Action::Kind::send:
            transport_->send(action.flow, action.peer, action.channel, action.segment,
                             buffer_.place(action.segment), action.synchronous);
            break;
        case Action::Kind::send_control:
            transport_->send_control(action.peer, encode(machine_.outgoing()[action.message]));
            break;
        case Action::Kind::expect_control:
            transport_->expect_control(action.peer, collectives::encoded_limit);
            break;
        case Action::Kind::cancel: transport_->cancel(action.flow); break;
        case Action::Kind::finish: machine_done_ = true; break;
    }
}

// Between the machine, which knows what has arrived and was sent on, and the ring, which knows what
// fits.
bool Broadcast::advance_buffer(collectives::Ticks now) {
    const collectives::Segment count = buffer_.segmentation().count();
    while (prefix_ < count && machine_.holdings().has(prefix_)) ++prefix_;
    const Buffer::Bounds bounds = buffer_.advance(prefix_, machine_.low_water());
    bool moved = false;
    if (bounds.readable > bounds_.readable) {
        step({.kind = Event::Kind::readable, .now = now, .segment = bounds.readable});
        moved = true;
    }
    if (bounds.writable > bounds_.writable) {
        step({.kind = Event::Kind::writable, .now = now, .segment = bounds.writable});
        moved = true;
    }
    bounds_ = bounds;
    return moved;
}

}  // namespace splitcast::engine
