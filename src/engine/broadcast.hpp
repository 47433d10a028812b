#pragma once

#include "collectives/machine.hpp"
#include "engine/buffer.hpp"
#include "engine/sabotage.hpp"
#include "engine/transport.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace splitcast::engine {

/// One broadcast on one rank: a machine, the memory it works on, and the transport that carries its
/// messages. Carries out the machine's actions and tells it what happened. Never blocks.
class Broadcast {
public:
    struct Options {
        bool checksums = false;                   ///< of every segment, checked on arrival
        std::unique_ptr<Saboteur> saboteur = {};  ///< none: nothing goes wrong on purpose
    };
    Broadcast(collectives::Machine::Config config, Buffer buffer,
              std::unique_ptr<Transport> transport, Clock& clock, Options options);
    Broadcast(collectives::Machine::Config config, Buffer buffer,
              std::unique_ptr<Transport> transport, Clock& clock)
        : Broadcast(std::move(config), std::move(buffer), std::move(transport), clock, Options()) {}

    /// Enters the call: the first segments leave here.
    void start();

    /// The caller goes on with something else, and is back. Only for whoever waits for this rank.
    void leave();
    void come_back();

    /// The caller knows of ranks that are lost, be it that another broadcast has lost them. After
    /// `start`.
    void hear_of(const std::vector<collectives::Loss>& losses);

    /// The ballot that was pending (Machine::Config). After `start`.
    void bring(collectives::Ballot ballot);

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
    void send(const collectives::Action& action);
    [[nodiscard]] std::uint64_t* checksum(collectives::Segment segment);
    [[nodiscard]] bool arrived_whole(const Completion& completion);
    std::optional<std::int64_t> pass(collectives::FaultPoint point,
                                     collectives::Rank receiver = collectives::no_rank);
    void pass_points_of_control(const collectives::ControlMessage& message);
    void pass_points_of_state();
    bool advance_buffer(collectives::Ticks now);
    void renew_buffer();
    [[nodiscard]] bool over();

    collectives::Ticks tick_every_ = 0;  ///< 0: never
    collectives::Rank self_ = 0;
    collectives::Machine machine_;
    Buffer buffer_;
    std::unique_ptr<Transport> transport_;
    Clock& clock_;
    Options options_;
    std::vector<Completion> completions_;
    std::vector<std::uint64_t> checksums_;  ///< by segment, as the root made them
    std::vector<bool> checksum_known_;
    std::deque<std::vector<std::byte>> spoilt_;  ///< segments with a bit turned on purpose
    collectives::Machine::State passed_state_ = collectives::Machine::State::idle;
    collectives::Attempt passed_epoch_ = 0;
    bool passed_notice_ = false;
    Buffer::Bounds bounds_;
    collectives::Segment prefix_ = 0;  ///< every segment below it is held
    collectives::Ticks ticked_ = 0;
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
