#pragma once

#include "collectives/events.hpp"
#include "collectives/flow.hpp"
#include "collectives/holdings.hpp"
#include "collectives/types.hpp"
#include "collectives/window.hpp"

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace splitcast::collectives {

/// Moves the segments of one epoch along the flows of one rank's plan: posts receives ahead, sends
/// on what is held as soon as the flow's window has room, whatever else is still missing (relay).
///
/// An epoch that ends before its time is drained: every sender says how many segments of a flow it
/// has sent (`flush`), its receiver takes those and withdraws the receives of the rest. Nothing is
/// under way then between ranks that are left, and every synchronous send has been taken. What was
/// under way from or to a rank that is lost, is forsaken.
class Mover {
public:
    struct Limits {
        int receive_depth = 8;  ///< receives posted ahead per in-flow
        WindowLimits window;    ///< of every out-flow
    };

    /// `base`: the number of the first flow; in-flows are base, base + 1, ..., and out-flows
    /// likewise (the two have numbers of their own). `readable` and `writable` as in Event.
    Mover(RankPlan plan, Limits limits, std::int32_t base, const Holdings& held, Segment readable,
          Segment writable);
    Mover(const Mover&) = delete;  // its cursors point into its own plan
    Mover& operator=(const Mover&) = delete;

    [[nodiscard]] const RankPlan& plan() const { return plan_; }
    /// Where the numbers of a next epoch's flows may begin.
    [[nodiscard]] std::int32_t end() const;
    /// The flow is one of this epoch's and not forsaken: events of others mean nothing any more.
    [[nodiscard]] bool knows_in(std::int32_t flow) const;
    [[nodiscard]] bool knows_out(std::int32_t flow) const;
    [[nodiscard]] Rank sender(std::int32_t flow) const { return plan_.in[index(flow)].peer; }
    [[nodiscard]] Rank receiver(std::int32_t flow) const { return plan_.out[index(flow)].peer; }

    void post_receives(std::vector<Action>& actions);
    void pump_sends(const Holdings& held, Ticks now, std::vector<Action>& actions);

    void received(std::int32_t flow, Segment segment);
    void sent(std::int32_t flow, Segment segment, const Holdings& held, Ticks now);
    void dropped(std::int32_t flow, Segment segment);
    void set_readable(Segment below) { readable_ = std::max(readable_, below); }
    void set_writable(Segment below) { writable_ = std::max(writable_, below); }

    /// Everything received and everything sent; `but_for_damage`: or never to be sent, because what
    /// came damaged is not relayed.
    [[nodiscard]] bool complete(bool but_for_damage = false) const;

    /// Takes back all receives: nobody has sent anything.
    void withdraw(std::vector<Action>& actions);
    /// Nothing is posted any more.
    [[nodiscard]] bool withdrawn() const;

    /// No segment is sent from now on.
    void stop();
    /// Segments that were sent to `peer`.
    [[nodiscard]] std::vector<FlowCount> sent_to(Rank peer) const;
    /// `peer` has stopped; what it had sent (nothing on flows that are not named).
    void flush(Rank peer, std::span<const FlowCount> counts, std::vector<Action>& actions);
    void forsake(Rank peer);
    /// All senders that are left have stopped, and nothing is under way.
    [[nodiscard]] bool drained() const;
    /// Ranks that this one receives from or sends to, ascending.
    [[nodiscard]] std::vector<Rank> partners() const;

    /// Every segment below this one has been received and, where this rank relays it, sent: a
    /// bounded buffer may reuse its place once the sink has taken it too.
    [[nodiscard]] Segment low_water() const;

    /// Window of an out-flow of this epoch, for reports and tests.
    [[nodiscard]] const Window& window(std::size_t out) const { return out_[out].window; }

private:
    static constexpr Segment all = std::numeric_limits<Segment>::max();

    struct Posted {
        Segment segment = -1;
        Segment position = 0;  ///< in the flow
    };
    struct InFlow {
        Sequence::Cursor next;  ///< next segment to post a receive for
        Segment posted = 0;     ///< receives posted so far
        Segment limit = all;    ///< how many the sender sends; known exactly once it has stopped
        bool forsaken = false;
        std::vector<Posted> unfinished{};  ///< ascending; at most receive_depth
        [[nodiscard]] bool done() const { return next.done() || posted >= limit; }
    };
    struct InFlight {
        Segment segment = -1;
        Ticks sent = 0;
        bool synchronous = false;
        bool complete = false;  ///< the memory may be used again
        bool taken = false;     ///< the receiver is known to have matched it
    };
    struct OutFlow {
        Sequence::Cursor next;
        std::vector<InFlight>
            in_flight{};  ///< in the order of sending: all that is not both complete and taken
        Segment sent = 0;
        int untaken = 0;
        int incomplete = 0;
        int since_synchronous = 0;
        Ticks first_taken =
            0;  ///< before it, delays tell when the receiver entered, not how far away it is
        bool closed = false;  ///< nothing more is sent: stopped, or forsaken
        bool forsaken = false;
        Window window;
    };

    [[nodiscard]] std::size_t index(std::int32_t flow) const {
        return static_cast<std::size_t>(flow - base_);
    }
    void post_receives(std::size_t flow, std::vector<Action>& actions);
    bool send_one(std::size_t flow, const Holdings& held, Ticks now, std::vector<Action>& actions);
    [[nodiscard]] bool in_memory(Segment segment, const Holdings& held) const;

    RankPlan plan_;
    Limits limits_;
    std::int32_t base_ = 0;
    Holdings initial_;  ///< what was held when the epoch began
    Segment readable_ = 0;
    Segment writable_ = 0;
    bool stopped_ = false;
    std::vector<InFlow> in_;
    std::vector<OutFlow> out_;
};

}  // namespace splitcast::collectives
