#pragma once

#include "sim/random.hpp"
#include "sim/scenario.hpp"
#include "sim/timeline.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace splitcast::sim {

/// What a rank hears of.
struct Completion {
    enum class Kind : std::uint8_t { received, sent, dropped, control, failed };
    Kind kind = Kind::received;
    std::int32_t flow = -1;
    Segment segment = -1;
    Rank peer = no_rank;
    bool damaged = false;
    std::vector<std::byte> message{};  ///< control
    Segment carried = -1;              ///< received: which segment the sender had sent
};

/// Messages between ranks as MPI moves them.
///
///  - Messages between the same ranks on the same channel do not overtake each other; others do as
///  they like.
///  - A message is matched with the receive that was posted first, or waits until one is posted.
///  - Both ends hear of it some time later, in any order, also within a flow: a synchronous send
///  after the match,
///    an ordinary one after the match or earlier, as the system pleases.
///  - Control messages need no receive.
///  - The sender's memory is read as late as possible, and the receiver's is filled with rubbish
///  when the receive
///    is posted: whoever touches memory that belongs to a message will be found out.
class Network {
public:
    Network(Timeline& timeline, Random& random, const Delays& delays, Rank ranks);

    /// Segments: `bytes` of them at `into` and `from`, or nowhere, when only their number is
    /// simulated.
    void receive(Rank self, std::int32_t flow, Rank from, int channel, Segment segment,
                 std::size_t bytes, std::byte* into);
    void send(Rank self, std::int32_t flow, Rank to, int channel, Segment segment,
              std::size_t bytes, const std::byte* from, bool synchronous, bool damaged = false);
    void send_control(Rank self, Rank to, std::vector<std::byte> message);
    /// Takes back the receives of a flow that wait for a message, from `first` on.
    void cancel(Rank self, std::int32_t flow, Segment first);
    /// `self` hears no more of what is under way from and to `peer`.
    void forsake(Rank self, Rank peer);

    /// What a rank hears of.
    struct Report {
        Rank to = no_rank;
        std::optional<Completion> completion;
    };

    struct Ends {
        Rank from = no_rank;
        Rank to = no_rank;
    };
    /// Of message `index`.
    [[nodiscard]] Ends ends(std::size_t index) const {
        return {messages_[index].from, messages_[index].to};
    }
    /// The end of the way of message `index` (`Timeline::Kind::arrive`). A control message is heard
    /// at once.
    Report arrive(std::size_t index);
    /// A message that never arrives.
    void lose(std::size_t index) { messages_[index].matched = true; }

    /// What comes of operation `index` (`Timeline::Kind::report`); nothing when it was forsaken.
    Report report(std::size_t index);

    /// Operations of a rank that it has not heard of.
    [[nodiscard]] int outstanding(Rank rank) const {
        return ends_[static_cast<std::size_t>(rank)].outstanding;
    }

    /// Whether a rank that has returned still waits for the end of something, as it would for ever:
    /// the peer, or no_rank.
    [[nodiscard]] Rank waits_for(Rank rank) const;

    /// Messages of a flow that are sent and not matched.
    [[nodiscard]] int under_way(Rank rank, std::int32_t flow) const;

    [[nodiscard]] std::int64_t messages() const {
        return static_cast<std::int64_t>(messages_.size());
    }

    /// Throws a Violation if any message was not received or any receive is posted.
    void check_empty() const;

private:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    static constexpr int control_channel = -1;

    struct Message {
        Rank from = no_rank;
        Rank to = no_rank;
        int channel = 0;
        std::size_t queue = 0;
        std::int32_t flow = -1;
        Segment segment = -1;
        std::size_t bytes = 0;
        const std::byte* memory = nullptr;  ///< the sender's
        std::vector<std::byte> copy{};      ///< once the sender has its memory back
        bool eager = false;
        bool matched = false;
        bool damaged = false;
    };
    struct Operation {
        enum class Kind : std::uint8_t { send, receive };
        Kind kind = Kind::send;
        Rank rank = no_rank;
        std::int32_t flow = -1;
        Segment segment = -1;
        Rank peer = no_rank;
        int channel = 0;
        std::size_t queue = 0;
        std::size_t bytes = 0;  ///< room of a receive
        std::byte* into = nullptr;
        std::size_t message = none;  ///< sent, or matched
        bool cancelled = false;
        bool forsaken = false;
        bool reported = false;
    };
    struct Queue {                        // both are short: windows and receive depths bound them
        std::vector<std::size_t> posted;  ///< receives that wait for a message
        std::vector<std::size_t> unexpected;  ///< messages that wait for a receive
        Ticks last_arrival = 0;
    };
    struct End {
        int outstanding = 0;
        std::vector<int> under_way;  ///< by flow
    };

    std::size_t queue(Rank from, Rank to, int channel);
    std::size_t add(Operation operation);
    std::size_t dispatch(Message message);
    void post(Operation operation);
    void match(std::size_t message, std::size_t operation);
    void report_later(std::size_t operation);
    void deliver(const Operation& receive, Completion& completion);
    [[nodiscard]] Ticks way(Rank from, Rank to);
    [[nodiscard]] Ticks delay(Ticks longest);
    End& end(Rank rank) { return ends_[static_cast<std::size_t>(rank)]; }

    Timeline& timeline_;
    Random& random_;
    const Delays& delays_;
    std::vector<End> ends_;
    std::vector<Message> messages_;
    std::vector<std::size_t> sender_operation_;  ///< of every message
    std::vector<Operation> operations_;
    std::unordered_map<std::uint64_t, std::size_t> queue_of_;  ///< from, to and channel
    std::vector<Queue> queues_;
};

}  // namespace splitcast::sim
