#pragma once

#include "collectives/control.hpp"
#include "collectives/dissemination.hpp"
#include "collectives/events.hpp"
#include "collectives/flow.hpp"
#include "collectives/holdings.hpp"
#include "collectives/membership.hpp"
#include "collectives/mover.hpp"
#include "collectives/placement.hpp"
#include "collectives/pulse.hpp"
#include "collectives/ranges.hpp"
#include "collectives/repair.hpp"
#include "collectives/types.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

namespace splitcast::collectives {

/// How a broadcast goes on when ranks are lost or bytes come wrong.
struct Recovery {
    bool enabled = false;       ///< else nobody may fail, and the end is not agreed on
    std::vector<Rank> mirrors;  ///< hold everything from the start, besides the root
    Placement placement;        ///< of all ranks of the team
    Shape shape;                ///< of the repair
    Resend resend = Resend::survivors;
    PulseTimes pulse;
    bool deaths_are_told = true;  ///< by the MPI library; else only silence tells
    bool peer_beats = true;       ///< heartbeats between ranks that exchange segments
    bool root_beats = true;       ///< heartbeats along a tree, from all ranks to the root
    int damage_limit = 5;  ///< epochs that bad bytes may cost before the broadcast is given up
};

/// What is left of a broadcast that is over on a rank: answers to those who are still at it.
struct Epilogue {
    bool answers = false;
    ControlMessage decision;

    [[nodiscard]] std::optional<ControlMessage> answer(Rank from,
                                                       const ControlMessage& message) const;
};

/// The broadcast protocol of one rank, without any input or output of its own: events in, actions
/// out.
///
/// Life of a broadcast (the transition table is in machine.cpp, `State` names its rows):
///  - `start`: receives are posted, and the ranks tell each other (dissemination.hpp) with which
///  view they were called. Nothing else moves before a rank knows that all views agree: an MPI
///  library may write past the end of a receive that is too short for the message it matches, and
///  a rank with another view has other receives (docs/decisions). A rank that arrives late is
///  waited for.
///  - All agree: segments move along the flows of the rank's plan (mover.hpp), until its own flows
///  are complete.
///  - Views differ: every rank finds the same pair and takes its receives back. Nothing was sent.
///  - Somebody resumes, that is, holds more than the others can know: nothing moves by the plan of
///  the first epoch. The coordinator asks everybody what it holds, as after a loss (below), and
///  only what somebody lacks moves, from whoever holds it.
///
/// Without recovery that is the end. With it, the end is agreed on in two more rounds: after the
/// first a rank knows that every member of the epoch has what it has to have, after the second that
/// every member knows this. Only then it returns.
///
/// When a member is lost (its death is reported, or it is silent too long), or has sent bad bytes:
///  - Whoever notices tells the coordinator, the lowest rank that is left, who calls all members
///  that are left to report. They stop sending, drain what is under way between them (mover.hpp)
///  and report what they hold. The coordinator tells all of them what all hold, and that is a new
///  epoch: all compute the same plan from it (planner.hpp), agree that they have, and only what
///  somebody lacks moves. More losses at any step make a new attempt; what was received is kept.
///  - Whoever knows already that all members have everything does not begin again. It tells
///  everybody the verdict, and returns: so does everybody who is told. No verdict can contradict
///  it, since holdings never shrink and sources that are lost never come back.
///  - A rank that was left out and is alive after all learns it from the first message that it
///  sends, or from the part of the team that it can reach being too small (Membership::quorum).
///
/// Not thread-safe; one object per broadcast and rank.
class Machine {
public:
    struct Config {
        Rank self = 0;
        Rank ranks = 1;
        std::vector<Rank> members;  ///< of the first epoch, ascending; none given: all ranks
        View view;
        /// Of the whole buffer, on ranks that have it from the start: those must be equal.
        std::optional<std::uint64_t> digest;
        Ballot ballot = no_ballot;
        /// The ballot comes later, by an event of its own. Until then this rank takes part in
        /// everything, and the others wait at the end for it as for one that lacks segments.
        bool ballot_pending = false;
        bool agree = false;  ///< wait for everybody's ballot, also without recovery
        /// Whoever calls promises that all members make progress from now on and will enter: their
        /// silence means something from the start. Needs somebody who answers the beats that come
        /// before a rank has entered (`answer_before_entry`).
        bool all_here = false;
        RankPlan plan;  ///< of the first epoch
        Holdings held;  ///< what this rank has from the start
        /// `held` is more than the plans of the others count on, for instance what an interrupted
        /// copy has left. Everybody's holdings are then collected before anything moves
        /// (`placement`, `shape`, `mirrors` and `resend` of `recovery` are needed for that on all
        /// ranks, also where it is not enabled). `plan` does not matter.
        bool resumes = false;
        int receive_depth = 8;   ///< receives posted ahead per in-flow
        WindowLimits window;     ///< of every out-flow
        bool piecemeal = false;  ///< segments in memory are told by `readable` and `writable`
        Recovery recovery;
    };

    enum class State : std::uint8_t {
        idle,         ///< not started
        surveying,    ///< the views are not compared yet, or not all have the epoch's plan
        moving,       ///< all agree: segments move
        withdrawing,  ///< views differ: receives are being cancelled
        regrouping,   ///< between two epochs
        completing,   ///< this rank is ready; are all?
        committing,   ///< all are ready; do all know?
        done,
    };

    struct Outcome {
        Verdict verdict = Verdict::none;
        std::optional<Mismatch> mismatch;
        Ranges missing;              ///< lost: segments that nobody has
        std::vector<Loss> losses;    ///< agreed on by all that are left
        std::vector<Rank> spoilers;  ///< have sent bad bytes
        Ballot ballot = no_ballot;
        [[nodiscard]] bool success() const { return verdict == Verdict::success; }
    };

    struct Totals {
        std::int64_t segments_sent = 0;
        std::int64_t segments_received = 0;
        std::int64_t segments_repaired = 0;  ///< received after something was lost or spoilt
        std::int64_t control_sent = 0;
        int epochs = 1;
        Ticks silence = 0;    ///< of the first rank that was lost, when that was noticed
        Ticks noticed = 0;    ///< when a loss was first noticed; 0: never
        Ticks regrouped = 0;  ///< when the last epoch began
        Ticks complete = 0;   ///< when this rank had everything
    };

    explicit Machine(Config config);
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    /// Takes one event; the actions stay valid until the next call.
    std::span<const Action> step(const Event& event);

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] bool done() const { return state_ == State::done; }
    [[nodiscard]] Attempt epoch() const { return epoch_; }
    [[nodiscard]] const Outcome& outcome() const { return outcome_; }
    [[nodiscard]] const Holdings& holdings() const { return held_; }
    [[nodiscard]] const Membership& membership() const { return membership_; }
    /// The flows of this epoch.
    [[nodiscard]] const Mover& mover() const { return *mover_; }
    [[nodiscard]] const RankPlan& plan() const { return mover_->plan(); }
    [[nodiscard]] const Totals& totals() const { return totals_; }
    [[nodiscard]] const std::vector<ControlMessage>& outgoing() const { return outgoing_; }
    /// All members have entered the call, and this rank knows it: silence means something now.
    [[nodiscard]] bool knows_all_entered() const { return entered_; }
    /// Messages from other ranks are awaited.
    [[nodiscard]] bool listens() const;

    /// Once it is done.
    [[nodiscard]] Epilogue epilogue() const;
    [[nodiscard]] std::optional<ControlMessage> answer(Rank from,
                                                       const ControlMessage& message) const {
        return epilogue().answer(from, message);
    }

    [[nodiscard]] Segment low_water() const { return mover_->low_water(); }
    [[nodiscard]] const Window& window(std::size_t out_flow) const {
        return mover_->window(out_flow);
    }

private:
    enum class Trigger : std::uint8_t {
        start,
        views_agree,
        views_differ,
        views_resume,
        flows_done,
        withdrawn,
        called,
        formed,
        settled,
        awaits_ballot,
        all_complete,
        all_committed,
        decided,
    };
    enum Stage : std::uint8_t { views, complete, commit };
    struct Row;
    static const Row table[];

    bool fire(Trigger trigger);
    // What the rows do.
    void enter();
    void begin_moving();
    void finish_moving();
    void withdraw();
    void collect();
    void give_up();
    void stop_moving();
    void begin_epoch();
    void settle();
    void keep_waiting();
    void all_are_complete();
    void finish();

    void on_received(const Event& event);
    void on_control(Rank from, const ControlMessage& message);
    void on_survey(const ControlMessage& message);
    void on_tick();
    void go(bool away);
    void all_have_entered();

    // recovery.cpp
    void on_notice(Rank from, const ControlMessage& message);
    void on_call(Rank from, const ControlMessage& message);
    void on_flush(Rank from, const ControlMessage& message);
    void on_report(Rank from, const ControlMessage& message);
    void on_epoch(const ControlMessage& message);
    void on_decision(const ControlMessage& message);
    void from_the_lost(Rank from, const ControlMessage& message);
    bool lose(Loss loss);
    bool learn(const ControlMessage& message);
    void react();
    void damage(Rank by);
    void begin_attempt();
    void join(Attempt attempt);
    void report_when_drained();
    void form_when_all_reported();
    void adopt(const ControlMessage& epoch);
    void decide();
    void be_evicted();
    [[nodiscard]] Rank leader() const { return leader(promised_); }
    [[nodiscard]] Rank leader(Attempt attempt) const {
        return static_cast<Rank>(attempt % ranks());
    }
    [[nodiscard]] Attempt ranks() const { return static_cast<Attempt>(config_.ranks); }
    [[nodiscard]] ControlMessage decision() const;
    [[nodiscard]] std::vector<Rank> neighbours() const;

    void begin_stage(Stage stage);
    void pump_agreement();
    void send_control(Rank to, ControlMessage message);
    void check();

    [[nodiscard]] bool recovers() const { return config_.recovery.enabled; }

    Config config_;
    State state_ = State::idle;
    Ticks now_ = 0;
    Holdings held_;
    Membership membership_;
    Pulse pulse_;
    std::unique_ptr<Mover> mover_;
    std::vector<Action> actions_;
    std::vector<ControlMessage> outgoing_;

    Survey mine_;
    Survey agreed_;  ///< on the views, then on the ballots
    Verdict verdict_ = Verdict::success;
    Ranges missing_;
    Stage stage_ = views;
    Dissemination agreement_;
    std::map<std::tuple<Attempt, std::uint8_t, std::uint8_t>, Survey> early_;

    Attempt epoch_ = 0;
    Attempt promised_ = 0;  ///< the last attempt this rank has joined
    bool reported_ = false;
    bool collecting_ = false;  ///< somebody resumes, and this rank knows it
    Attempt early_call_ = 0;   ///< without recovery: came before the survey was over
    Attempt base_ = 0;         ///< the epoch in which nothing had been lost yet
    bool away_ = false;
    bool entered_ = false;  ///< all members have, and this rank knows it
    int damages_ = 0;       ///< epochs that were given up because of bad bytes
    std::set<Rank> spoilers_;
    bool damaged_ = false;                            ///< bad bytes came in this epoch
    std::map<Rank, std::vector<FlowCount>> flushed_;  ///< of this epoch
    std::map<Rank, ControlMessage> reports_;          ///< leader only
    std::vector<Loss> agreed_losses_;
    Outcome outcome_;
    Totals totals_;
};

/// What a rank that has not entered a broadcast yet says to a message of it, if it is awaited there
/// for certain (`Machine::Config::all_here`): that it is alive.
[[nodiscard]] std::optional<ControlMessage> answer_before_entry(const ControlMessage& message);

[[nodiscard]] std::string_view name(Machine::State state);

}  // namespace splitcast::collectives
