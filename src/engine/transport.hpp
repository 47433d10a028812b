#pragma once

#include "collectives/types.hpp"
#include "splitcast/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace splitcast::engine {

/// A finished piece of communication, or the death of a rank (`peer`).
struct Completion {
    enum class Kind : std::uint8_t { received, sent, control, dropped, failed };
    Kind kind = Kind::received;
    std::int32_t flow = -1;
    collectives::Segment segment = -1;
    collectives::Rank peer = collectives::no_rank;
    bool damaged = false;              ///< received: not as it was sent
    std::vector<std::byte> message{};  ///< control: the bytes
};

/// Moves the messages of one broadcast between the ranks of a team. Nothing blocks; messages
/// between the same ranks on the same channel stay in order. The engine is its only user.
class Transport {
public:
    virtual ~Transport() = default;

    /// A number that travels with a segment, received and sent from its own place; null for none.
    using Trailer = std::uint64_t;

    virtual void receive(std::int32_t flow, collectives::Rank from, int channel,
                         collectives::Segment segment, std::span<std::byte> into,
                         Trailer* trailer) = 0;
    /// `synchronous`: completes when the receiver has matched it, else when `bytes` may be changed
    /// again.
    virtual void send(std::int32_t flow, collectives::Rank to, int channel,
                      collectives::Segment segment, std::span<const std::byte> bytes,
                      const Trailer* trailer, bool synchronous) = 0;
    virtual void send_control(collectives::Rank to, std::vector<std::byte> message) = 0;

    /// Cancels the receives posted on `flow` for `from` and all later segments; each completes as
    /// dropped.
    virtual void cancel(std::int32_t flow, collectives::Segment from) = 0;

    /// Nothing more is reported of what is under way from and to `peer`, and receives from it are
    /// cancelled.
    virtual void forsake(collectives::Rank peer) = 0;

    /// Appends what has completed since the last call to `completions`. An error means that the
    /// communicator can no longer be used.
    /// `listen`: whether control messages are waited for; they come late otherwise.
    virtual std::optional<Error> poll(bool listen, std::vector<Completion>& completions) = 0;

    /// Lets what is under way end; nobody wants to hear of it.
    virtual void drain() = 0;

    /// Nothing is under way any more; all memory handed in may be reused.
    [[nodiscard]] virtual bool idle() = 0;
};

/// Time, so that tests can make it up.
class Clock {
public:
    virtual ~Clock() = default;
    virtual collectives::Ticks now() = 0;
};

}  // namespace splitcast::engine
