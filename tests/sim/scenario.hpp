#pragma once

#include "collectives/control.hpp"
#include "collectives/flow.hpp"
#include "collectives/holdings.hpp"
#include "collectives/machine.hpp"
#include "collectives/placement.hpp"
#include "collectives/schedule.hpp"
#include "collectives/segments.hpp"
#include "collectives/types.hpp"
#include "collectives/window.hpp"
#include "sim/fate.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace splitcast::sim {

using namespace collectives;  // the simulator is about nothing else

/// How long things take, in ticks.
struct Delays {
    Ticks message = 0;    ///< longest way of an ordinary message
    Ticks report = 0;     ///< longest time between an end and the report of it
    Ticks straggler = 0;  ///< longest way of a slow message
    int straggler_percent = 0;
    Rank slow = no_rank;      ///< a rank all of whose messages are slow
    int eager_percent = 100;  ///< of ordinary sends: complete before the receiver has matched them
    bool random = true;       ///< else everything takes exactly its longest time

    friend bool operator==(const Delays&, const Delays&) = default;
};

/// With what a rank was called: equal on all ranks, but for mismatches.
struct Call {
    Rank root = 0;
    Bytes length = 0;
    Bytes segment_bytes = 1;
    Shape shape;
    std::uint64_t other_settings = 0;

    [[nodiscard]] Segmentation segmentation() const { return {length, segment_bytes}; }
    [[nodiscard]] View view() const;
    [[nodiscard]] std::string text() const;
    friend bool operator==(const Call&, const Call&) = default;
};

/// Everything about one simulated broadcast. Drawn from a seed, or read from a scenario file.
struct Scenario {
    /// `machine`: each rank is a machine. `engine`: each rank is the whole engine, with real bytes
    /// in memory.
    enum class Level : std::uint8_t { machine, engine };

    /// A rank's memory, at engine level.
    struct Memory {
        Segment ring = 0;   ///< segments in the bounded ring; 0: the caller's buffer, whole
        bool sink = false;  ///< what arrives goes to a sink (with a ring)

        friend bool operator==(const Memory&, const Memory&) = default;
    };

    std::uint64_t seed = 0;
    Level level = Level::machine;
    Placement placement;
    std::vector<Call> calls;    ///< of every rank
    std::vector<Ticks> enters;  ///< when every rank enters the call
    std::vector<Memory> memory;
    WindowLimits window;
    int receive_depth = 1;
    Delays delays;
    bool recovery = false;
    bool agree = false;         ///< on ballots, without recovery
    std::vector<Rank> mirrors;  ///< with recovery
    Resend resend = Resend::survivors;
    PulseTimes pulse;
    bool peer_beats = true;
    bool root_beats = true;
    Ticks obituary = 0;  ///< longest time until a rank hears of a death
    bool deaf = false;   ///< ranks that have returned answer after a long time only
    std::vector<Ballot> ballots;
    /// How long after it enters each rank has its ballot; 0: from the start. None: all have.
    std::vector<Ticks> late_ballots;
    bool all_here = false;  ///< with recovery: silence counts also before a rank has entered
    std::vector<Blow> blows;
    bool silent = false;  ///< of blows that are read: deaths are not reported
    bool repair = false;  ///< `held` and the general planner, not the root and the closed form
    bool resume = false;  ///< some hold some of it from the start, and the others do not know
    std::vector<Holdings> held;  ///< of every rank; otherwise the root holds everything

    [[nodiscard]] Rank ranks() const { return placement.ranks(); }
    [[nodiscard]] const Call& call(Rank rank) const {
        return calls[static_cast<std::size_t>(rank)];
    }

    /// What a rank has when it enters.
    [[nodiscard]] Holdings held_by(Rank rank) const;

    [[nodiscard]] Ticks enters_at_last() const {
        return *std::max_element(enters.begin(), enters.end());
    }
    [[nodiscard]] bool is_mirror(Rank rank) const;
    /// 0: it has its ballot from the start.
    [[nodiscard]] Ticks late_ballot(Rank rank) const {
        return late_ballots.empty() ? 0 : late_ballots[static_cast<std::size_t>(rank)];
    }
    /// It holds something that nobody counts on.
    [[nodiscard]] bool resumes(Rank rank) const;

    /// What every rank must find out when the calls differ: worked out here from all calls at once.
    [[nodiscard]] std::optional<Mismatch> mismatch() const;

    /// What every rank does, as it believes.
    [[nodiscard]] std::vector<RankPlan> plans() const;

    [[nodiscard]] std::string text() const;
};

[[nodiscard]] Scenario draw(std::uint64_t seed);
/// With so many ranks and few segments, at machine level.
[[nodiscard]] Scenario draw_small(std::uint64_t seed, Rank ranks);

/// Lets some broadcasts resume: by a chance of its own, so that the rest of them stays as it was.
void draw_resume(Scenario& scenario);

/// A broadcast with recovery, in which some of the ranks die, stop, are cut off, spoil what they
/// send, or are busy with something else.
///
/// `once`: as they were drawn at first, for seeds that are remembered from then. Nobody resumed,
/// and where beats are frequent a late rank was a hundred timeouts late and not some.
enum class Drawing : std::uint8_t { today, once };
[[nodiscard]] Scenario draw_failing(std::uint64_t seed, Drawing drawing = Drawing::today);

}  // namespace splitcast::sim
