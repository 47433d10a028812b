#pragma once

#include "collectives/types.hpp"
#include "splitcast/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace splitcast::engine {

/// A finished piece of communication. `tag` is what the caller gave when it asked for it.
struct Completion {
    enum class Kind : std::uint8_t { received, sent, control, dropped };
    Kind kind = Kind::received;
    std::int32_t flow = -1;
    collectives::Segment segment = -1;
    collectives::Rank peer = collectives::no_rank;
    bool damaged = false;              ///< received: not as long as asked for
    std::vector<std::byte> message{};  ///< control: the bytes
};

/// Moves the messages of one broadcast between the ranks of a team. Nothing blocks; messages
/// between the same ranks on the same channel stay in order. The engine is its only user.
class Transport {
public:
    virtual ~Transport() = default;

    virtual void receive(std::int32_t flow, collectives::Rank from, int channel,
                         collectives::Segment segment, std::span<std::byte> into) = 0;
    /// `synchronous`: completes when the receiver has matched it, else when `bytes` may be changed
    /// again.
    virtual void send(std::int32_t flow, collectives::Rank to, int channel,
                      collectives::Segment segment, std::span<const std::byte> bytes,
                      bool synchronous) = 0;
    virtual void send_control(collectives::Rank to, std::vector<std::byte> message) = 0;
    virtual void expect_control(collectives::Rank from, std::size_t capacity) = 0;

    /// Cancels the receives posted on `flow`; each completes as dropped.
    virtual void cancel(std::int32_t flow) = 0;

    /// Appends what has completed since the last call to `completions`. An error means that the
    /// communicator can no longer be used.
    virtual std::optional<Error> poll(std::vector<Completion>& completions) = 0;

    /// Nothing is under way any more; all memory handed in may be reused.
    [[nodiscard]] virtual bool idle() const = 0;
};

/// Time, so that tests can make it up.
class Clock {
public:
    virtual ~Clock() = default;
    virtual collectives::Ticks now() = 0;
};

}  // namespace splitcast::engine
