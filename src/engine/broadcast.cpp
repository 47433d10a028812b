#include "engine/broadcast.hpp"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace splitcast::engine {

using collectives::Action;
using collectives::Event;
using collectives::FaultPoint;
using collectives::Machine;

namespace {

constexpr collectives::Ticks ticks_a_period = 4;  // of the heartbeats

// A ring has nothing from the start: its rank is sent everything, like one that is new.
Machine::Config fitting(Machine::Config config, const Buffer& buffer) {
    if (config.resumes && !buffer.has_place_for_all()) {
        config.resumes = false;
        config.held = collectives::Holdings(config.held.segments());
    }
    return config;
}

}  // namespace

Broadcast::Broadcast(collectives::Machine::Config config, Buffer buffer,
                     std::unique_ptr<Transport> transport, Clock& clock, Options options)
    : tick_every_(config.recovery.enabled ? std::max<collectives::Ticks>(
                                                config.recovery.pulse.period / ticks_a_period, 1)
                                          : 0),
      self_(config.self),
      machine_(fitting(std::move(config), buffer)),
      buffer_(std::move(buffer)),
      transport_(std::move(transport)),
      clock_(clock),
      options_(std::move(options)) {
    if (!options_.checksums) return;
    const auto segments = static_cast<std::size_t>(buffer_.segmentation().count());
    checksums_.resize(segments);
    checksum_known_.resize(segments);
}

void Broadcast::start() {
    pass(FaultPoint::enter);
    started_ = ticked_ = clock_.now();
    step({.kind = Event::Kind::start, .now = started_});
    progress();
}

void Broadcast::leave() {
    if (tick_every_ > 0 && !done_) step({.kind = Event::Kind::leaving, .now = clock_.now()});
}

void Broadcast::come_back() {
    if (tick_every_ > 0 && !done_) step({.kind = Event::Kind::returning, .now = clock_.now()});
}

bool Broadcast::progress() {
    if (done_) return false;
    completions_.clear();
    const bool listen = machine_.listens() && machine_.state() != Machine::State::moving;
    if (machine_done_) {
        transport_->drain();
    } else if (!failure_) {
        failure_ = transport_->poll(listen, completions_);
    }
    bool moved = false;
    if (!failure_) {
        moved = !completions_.empty();
        const bool timed = moved || buffer_.piecemeal() || tick_every_ > 0;
        const collectives::Ticks now = timed ? clock_.now() : 0;
        for (const Completion& completion : completions_) {
            take(completion, now);
            if (failure_ || machine_done_) break;
        }
        if (buffer_.piecemeal() && advance_buffer(now)) moved = true;
        if (tick_every_ > 0 && now - ticked_ >= tick_every_) {
            ticked_ = now;
            step({.kind = Event::Kind::tick, .now = now});
        }
    }
    if (over()) {
        pass(FaultPoint::leave);
        finished_ = clock_.now();
        done_ = true;
    }
    return moved || done_;
}

// Whatever became of the broadcast, the source or the sink may still be at work on this memory.
bool Broadcast::over() {
    if (failure_) return buffer_.at_rest();
    if (!machine_done_ || !transport_->idle()) return false;
    return machine_.outcome().success() ? buffer_.settled() : buffer_.at_rest();
}

void Broadcast::take(const Completion& completion, collectives::Ticks now) {
    Event event{.now = now,
                .flow = completion.flow,
                .segment = completion.segment,
                .peer = completion.peer};
    switch (completion.kind) {
        case Completion::Kind::received:
            event.kind = Event::Kind::received;
            event.damaged = completion.damaged || !arrived_whole(completion);
            pass(FaultPoint::receive);
            bytes_received_ += buffer_.segmentation().size(completion.segment);
            break;
        case Completion::Kind::sent:
            event.kind = Event::Kind::sent;
            bytes_sent_ += buffer_.segmentation().size(completion.segment);
            break;
        case Completion::Kind::dropped: event.kind = Event::Kind::dropped; break;
        case Completion::Kind::failed: event.kind = Event::Kind::failed; break;
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
    const std::span<const Action> actions = machine_.step(event);
    if (options_.saboteur) pass_points_of_state();
    for (const Action& action : actions) carry_out(action);
}

void Broadcast::carry_out(const Action& action) {
    switch (action.kind) {
        case Action::Kind::receive:
            transport_->receive(action.flow, action.peer, action.channel, action.segment,
                                buffer_.place(action.segment), checksum(action.segment));
            break;
        case Action::Kind::send: send(action); break;
        case Action::Kind::send_control: {
            const collectives::ControlMessage& message = machine_.outgoing()[action.message];
            if (options_.saboteur) pass_points_of_control(message);
            transport_->send_control(action.peer, encode(message));
            break;
        }
        case Action::Kind::cancel: transport_->cancel(action.flow, action.segment); break;
        case Action::Kind::forsake: transport_->forsake(action.peer); break;
        case Action::Kind::renew: renew_buffer(); break;
        case Action::Kind::finish: machine_done_ = true; break;
    }
}

void Broadcast::send(const Action& action) {
    std::span<const std::byte> bytes = buffer_.place(action.segment);
    std::uint64_t* const sum = checksum(action.segment);
    if (sum != nullptr && !checksum_known_[static_cast<std::size_t>(action.segment)]) {
        // Here, when its bytes are about to be read anyway.
        *sum = XXH3_64bits(bytes.data(), bytes.size());
        checksum_known_[static_cast<std::size_t>(action.segment)] = true;
    }
    if (options_.saboteur && !bytes.empty()) {
        const bool relays = machine_.totals().segments_received > 0;
        auto bit = relays ? pass(FaultPoint::relay, action.peer) : std::nullopt;
        if (!bit) bit = pass(FaultPoint::send, action.peer);
        if (bit) {
            std::vector<std::byte>& wrong = spoilt_.emplace_back(bytes.begin(), bytes.end());
            const auto turned = static_cast<std::size_t>(*bit) % (8 * wrong.size());
            wrong[turned / 8] ^= std::byte{1} << (turned % 8);
            bytes = wrong;
        }
    }
    transport_->send(action.flow, action.peer, action.channel, action.segment, bytes, sum,
                     action.synchronous);
}

std::uint64_t* Broadcast::checksum(collectives::Segment segment) {
    return checksums_.empty() ? nullptr : &checksums_[static_cast<std::size_t>(segment)];
}

bool Broadcast::arrived_whole(const Completion& completion) {
    const std::uint64_t* sum = checksum(completion.segment);
    if (sum == nullptr) return true;
    const std::span<const std::byte> bytes = buffer_.place(completion.segment);
    const bool whole = XXH3_64bits(bytes.data(), bytes.size()) == *sum;
    if (whole) checksum_known_[static_cast<std::size_t>(completion.segment)] = true;
    return whole;
}

// ---- faults on purpose
// ------------------------------------------------------------------------------------------

std::optional<std::int64_t> Broadcast::pass(FaultPoint point, collectives::Rank receiver) {
    if (!options_.saboteur) return std::nullopt;
    const collectives::Holdings& held = machine_.holdings();
    const auto percent = held.segments() == 0 ? 100 : 100 * held.held() / held.segments();
    return options_.saboteur->at(point, static_cast<int>(percent), receiver);
}

void Broadcast::pass_points_of_control(const collectives::ControlMessage& message) {
    using Kind = collectives::ControlMessage::Kind;
    switch (message.kind) {
        case Kind::survey:
            if (message.stage == 0 && message.epoch == 0) pass(FaultPoint::survey);
            break;
        case Kind::flush: pass(FaultPoint::flush); break;
        case Kind::report: pass(FaultPoint::report); break;
        case Kind::epoch: pass(FaultPoint::epoch); break;
        default: break;
    }
}

void Broadcast::pass_points_of_state() {
    if (!passed_notice_ && machine_.totals().noticed > 0) {
        passed_notice_ = true;
        pass(FaultPoint::notice);
    }
    if (machine_.epoch() != passed_epoch_) {
        passed_epoch_ = machine_.epoch();
        pass(FaultPoint::repair);
    }
    if (machine_.state() == passed_state_) return;
    const Machine::State before = std::exchange(passed_state_, machine_.state());
    // Where all others were waiting for this rank only, it takes several in one step.
    const bool commits = passed_state_ == Machine::State::committing ||
                         (passed_state_ == Machine::State::done &&
                          machine_.outcome().verdict == collectives::Verdict::success);
    if (commits && before < Machine::State::completing) pass(FaultPoint::complete);
    if (commits && before < Machine::State::committing) pass(FaultPoint::commit);
    switch (passed_state_) {
        case Machine::State::regrouping: pass(FaultPoint::regroup); break;
        case Machine::State::completing: pass(FaultPoint::complete); break;
        case Machine::State::done: pass(FaultPoint::decide); break;
        default: break;
    }
}

void Broadcast::renew_buffer() {
    if (!buffer_.piecemeal()) return;
    collectives::Holdings wanted(buffer_.segmentation().count());
    for (const collectives::Flow& flow : machine_.plan().out) {
        for (collectives::Sequence::Cursor c(flow.segments); !c.done(); ++c) wanted.add(*c);
    }
    buffer_.renew(wanted);
    bounds_ = {};
}

void Broadcast::hear_of(const std::vector<collectives::Loss>& losses) {
    if (losses.empty() || done_) return;
    const collectives::ControlMessage notice{.kind = collectives::ControlMessage::Kind::notice,
                                             .losses = losses};
    step({.kind = Event::Kind::control, .now = clock_.now(), .peer = self_, .message = &notice});
}

void Broadcast::bring(collectives::Ballot ballot) {
    if (done_) return;
    step({.kind = Event::Kind::ballot, .now = clock_.now(), .ballot = ballot});
}

// Between the machine, which knows what has arrived and was sent on, and the ring, which knows what
// fits.
bool Broadcast::advance_buffer(collectives::Ticks now) {
    const collectives::Segment count = buffer_.segmentation().count();
    while (prefix_ < count && machine_.holdings().has(prefix_)) ++prefix_;
    if (machine_.state() == Machine::State::regrouping) buffer_.open_up();
    const Buffer::Bounds before = bounds_;
    bounds_ = buffer_.advance(prefix_, machine_.low_water());
    const Buffer::Bounds bounds = bounds_;  // a new epoch, which begins in a step, resets them
    bool moved = false;
    if (bounds.readable > before.readable) {
        step({.kind = Event::Kind::readable, .now = now, .segment = bounds.readable});
        moved = true;
    }
    if (bounds.writable > before.writable) {
        step({.kind = Event::Kind::writable, .now = now, .segment = bounds.writable});
        moved = true;
    }
    return moved;
}

}  // namespace splitcast::engine
