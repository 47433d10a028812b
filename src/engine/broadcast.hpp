#pragma once

#include "collectives/machine.hpp"
#include "engine/buffer.hpp"
#include "engine/transport.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

namespace splitcast::engine {

/// One broadcast on one rank: a machine, the memory it works on, and the transport that carries its
/// messages. Carries out the machine's actions and tells it what happened. Never blocks.
class Broadcast {
public:
    Broadcast(collectives::Machine::Config config, Buffer buffer,
              std::unique_ptr<Transport> transport, Clock& clock);

    /// Enters the call: the first segments leave here.
    void start();

    /// Lets things move as far as they can without waiting. True if anything happened.
    bool progress();

    /// Over on this rank; the memory belongs to the caller again.
    [[nodiscard]] bool done() const { return done_; }

    /// Failure of the transport, after which nothing more happens.
    [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

    [[nodiscard]] const collectives::Machine& machine() const { return machine_; }
    [[nodiscard]] const Buffer& buffer() const { return buffer_; }
    [[nodiscard]] collectives::Ticks elapsed() const { return finished_ - started_; }
    [[nodiscard]] std::int64_t bytes_sent() const { return bytes_sent_; }
    [[nodiscard]] std::int64_t bytes_received() const { return bytes_received_; }

private:
    void step(const collectives::Event& event);
    void carry_out(const collectives::Action& action);
    void take(const Completion& completion, collectives::Ticks now);
    bool advance_buffer(collectives::Ticks now);
    [[nodiscard]] bool over();

    collectives::Machine machine_;
    Buffer buffer_;
    std::unique_ptr<Transport> transport_;
    Clock& clock_;
    std::vector<Completion> completions_;
    Buffer::Bounds bounds_;
    collectives::Segment prefix_ = 0;  ///< every segment below it is held
    collectives::Ticks started_ = 0;
    collectives::Ticks finished_ = 0;
    std::int64_t bytes_sent_ = 0;
    std::int64_t bytes_received_ = 0;
    bool machine_done_ = false;
    std::atomic<bool> done_ =
        false;  ///< read by the thread that waits while another one has its turn
    std::optional<Error> failure_;
};

}  // namespace splitcast::engine
