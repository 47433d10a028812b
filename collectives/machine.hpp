#pragma once

#include "collectives/control.hpp"
#include "collectives/flow.hpp"
#include "collectives/holdings.hpp"
#include "collectives/types.hpp"
#include "collectives/window.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace splitcast::collectives {

/// Something that happened in the world. The driver reports events in the order in which it saw
/// them.
struct Event {
    enum class Kind : std::uint8_t {
        start,     ///< the rank has entered the call
        received,  ///< `segment` of in-flow `flow` has arrived; `damaged` if it did not arrive
                   ///< whole
        sent,      ///< the send of `segment` on out-flow `flow` is complete
        control,   ///< `message` came from rank `peer`
        readable,  ///< a source that is read piecemeal: segments below `segment` are in memory now
        writable,  ///< a bounded buffer: segments below `segment` may be received now
        dropped,   ///< after a mismatch: the receive of `segment` on in-flow `flow` was cancelled
    };
    Kind kind = Kind::start;
    Ticks now = 0;
    std::int32_t flow = -1;
    Segment segment = -1;
    Rank peer = no_rank;
    bool damaged = false;
    const ControlMessage* message = nullptr;
};

/// Something the driver must do. Actions are to be carried out in the order in which they are
/// given.
struct Action {
    enum class Kind : std::uint8_t {
        receive,  ///< post a receive for `segment` on in-flow `flow`, straight into its place
        send,  ///< send `segment` on out-flow `flow`; if `synchronous`, report it when the receiver
               ///< took it
        send_control,    ///< send `outgoing()[message]` to rank `peer`
        expect_control,  ///< post a receive for one control message from rank `peer`
        cancel,  ///< cancel all receives posted on in-flow `flow`; each is answered by `dropped`
        finish,  ///< the broadcast is over on this rank, see `outcome()`; no further event is
                 ///< wanted
    };
    Kind kind = Kind::finish;
    bool synchronous = false;
    std::int32_t flow = -1;
    Segment segment = -1;
    Rank peer = no_rank;
    std::int32_t channel = 0;
    std::size_t message = 0;
};

/// The broadcast protocol of one rank, without any input or output of its own: events in, actions
/// out.
///
/// Life of a broadcast (the transition table is in machine.cpp, `State` names its rows):
///  - `start`: receives are posted, and the ranks tell each other, in ceil(log2 P) rounds, with
///  which view they
///    were called (control.hpp). Nothing else moves before a rank knows that all views agree: an
///    MPI library may write past the end of a receive that is too short for the message it matches,
///    and a rank with another view has other receives (docs/decisions). A rank that arrives late is
///    waited for.
///  - All agree: segments move along the flows of the rank's plan. A segment is sent on as soon as
///  it is held and
///    the flow's window has room, whatever else is still missing (relay). The rank is finished when
///    its own flows are: everything received, everything sent.
///  - Views differ: every rank finds the same pair, takes its receives back and finishes. Nothing
///  was sent.
///
/// Not thread-safe; one object per broadcast and rank.
class Machine {
public:
    struct Config {
        Rank self = 0;
        Rank ranks = 1;
        View view;
        RankPlan plan;
        Holdings held;          ///< what this rank has from the start
        int receive_depth = 8;  ///< receives posted ahead per in-flow
        WindowLimits window;    ///< of every out-flow
        bool piecemeal =
            false;  ///< `held` comes by `readable` events, receives wait for `writable` ones
    };

    enum class State : std::uint8_t {
        idle,         ///< not started
        surveying,    ///< the views are not compared yet
        moving,       ///< all agree: segments move
        withdrawing,  ///< views differ: receives are being cancelled
        done,
    };

    struct Outcome {
        bool success = false;
        std::optional<Mismatch> mismatch;
        bool damaged = false;  ///< a segment did not arrive whole although the views agree
    };

    struct Totals {
        std::int64_t segments_sent = 0;
        std::int64_t segments_received = 0;
        std::int64_t control_sent = 0;
    };

    explicit Machine(Config config);
    Machine(const Machine&) = delete;  // its cursors point into its own plan
    Machine& operator=(const Machine&) = delete;

    /// Takes one event; the actions stay valid until the next call.
    std::span<const Action> step(const Event& event);

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] bool done() const { return state_ == State::done; }
    [[nodiscard]] const Outcome& outcome() const { return outcome_; }
    [[nodiscard]] const Holdings& holdings() const { return held_; }
    [[nodiscard]] const RankPlan& plan() const { return config_.plan; }
    [[nodiscard]] const Totals& totals() const { return totals_; }
    [[nodiscard]] const std::vector<ControlMessage>& outgoing() const { return outgoing_; }

    /// Every segment below this one has been received and, where this rank relays it, sent: a
    /// bounded buffer may reuse its place once the sink has taken it too.
    [[nodiscard]] Segment low_water() const;

    /// Window of an out-flow, for reports and tests.
    [[nodiscard]] const Window& window(std::size_t out_flow) const { return out_[out_flow].window; }

private:
    enum class Trigger : std::uint8_t { start, views_agree, views_differ, flows_done, withdrawn };
    struct Row;
    static const Row table[];

    struct InFlow {
        Sequence::Cursor next;  ///< next segment to post a receive for
        Segment posted = 0;     ///< receives posted so far
        Segment finished = 0;   ///< of those, received or dropped
        std::vector<Segment>
            unfinished{};  ///< posted and not finished, ascending; at most receive_depth
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
        int untaken = 0;
        int incomplete = 0;
        int since_synchronous = 0;
        Ticks first_taken =
            0;  ///< before it, delays tell when the receiver entered, not how far away it is
        Window window;
    };

    void fire(Trigger trigger);
    void enter();
    void begin_moving();
    void finish_moving();
    void withdraw();
    void finish_withdrawing();

    void on_received(const Event& event);
    void on_sent(const Event& event);
    void on_control(const Event& event);
    void on_dropped(const Event& event);

    void post_receives();
    void post_receives(std::size_t flow);
    void pump_sends();
    bool send_one(std::size_t flow);
    void send_survey();
    void send_control(Rank to, ControlMessage message);
    void check_flows_done();
    void check_withdrawn();

    Config config_;
    State state_ = State::idle;
    Ticks now_ = 0;
    Holdings held_;
    Segment readable_ = 0;
    Segment writable_ = 0;
    std::vector<InFlow> in_;
    std::vector<OutFlow> out_;
    std::vector<Action> actions_;
    std::vector<ControlMessage> outgoing_;
    Survey survey_;
    int round_ = 0;  ///< of the survey: the one that is being waited for
    std::map<std::uint8_t, Survey> early_;
    bool damaged_ = false;
    Outcome outcome_;
    Totals totals_;
};

[[nodiscard]] std::string_view name(Machine::State state);

}  // namespace splitcast::collectives
