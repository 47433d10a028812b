#pragma once

#include "collectives/machine.hpp"
#include "sim/fate.hpp"
#include "sim/network.hpp"
#include "sim/random.hpp"
#include "sim/scenario.hpp"
#include "sim/timeline.hpp"
#include "sim/witness.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace splitcast::sim {

/// Alters what machines are and do, to find out whether the simulator notices. Machine level only.
class Mutant {
public:
    virtual ~Mutant() = default;
    virtual void configure(Rank /*rank*/, Machine::Config& /*config*/) {}
    virtual void act(const Machine& /*machine*/, const Event& /*event*/,
                     std::vector<Action>& /*actions*/) {}
};

/// A rank at engine level whose stream says that it is done with bytes before it is.
enum class Lie : std::uint8_t { none, source, sink };

/// What a caller may put into a simulation, and get out of it.
struct Hooks {
    Fate* fate = nullptr;
    Mutant* mutant = nullptr;
    Lie lie = Lie::none;
    std::string* transcript = nullptr;  ///< gets a line for everything that happens
};

/// Where the ranks play: what they all have to do with.
struct Stage {
    Stage(const Scenario& what, const std::vector<RankPlan>& ranks_plans, Hooks given)
        : scenario(what),
          plans(ranks_plans),
          hooks(given),
          random(Random::mix(what.seed + 2)),
          network(timeline, random, what.delays, what.ranks()),
          witness(what, ranks_plans),
          dead(static_cast<std::size_t>(what.ranks())) {}
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    [[nodiscard]] bool is_dead(Rank rank) const { return dead[static_cast<std::size_t>(rank)]; }
    [[nodiscard]] Ticks report_delay() {
        return scenario.delays.random ? random.below(scenario.delays.report + 1)
                                      : scenario.delays.report;
    }

    const Scenario& scenario;
    const std::vector<RankPlan>& plans;
    Hooks hooks;
    Timeline timeline;
    Random random;
    Network network;
    Witness witness;
    std::vector<bool> dead;
};

/// The only way in which a rank acts on the world. Every act is a moment at which the rank can die;
/// what it does after that, nobody sees.
class Port {
public:
    Port(Rank self, Stage& stage) : self_(self), stage_(stage) {}

    [[nodiscard]] Rank self() const { return self_; }
    [[nodiscard]] Stage& stage() const { return stage_; }

    /// Whether the rank lives through this moment.
    bool survives(Moment::Kind kind, Rank peer = no_rank, Segment segment = -1);

    void receive(std::int32_t flow, Rank from, int channel, Segment segment, std::size_t bytes,
                 std::byte* into);
    void send(std::int32_t flow, Rank to, int channel, Segment segment, std::size_t bytes,
              const std::byte* from, bool synchronous);
    void send_control(Rank to, std::vector<std::byte> message);
    void expect_control(Rank from, std::size_t capacity);
    void cancel(std::int32_t flow);

    /// A completion comes in; tells the witness.
    bool hears(const engine::Completion& completion, Segment carried);

    /// A line of the transcript: with the time and the rank, or indented below the last such line.
    template <class Text>
    void note(const Text& text, bool act = false) const {
        if (stage_.hooks.transcript != nullptr) write(text(), act);
    }

private:
    void write(const std::string& text, bool act) const;

    Rank self_;
    Stage& stage_;
};

/// A rank, at either level.
class Node {
public:
    virtual ~Node() = default;
    virtual void enter() = 0;
    /// Something that it started is over; nothing to be told when it was a control message that it
    /// sent.
    virtual void hear(std::optional<engine::Completion> completion) = 0;
    virtual void wake() {}    ///< something may have happened
    virtual void stream() {}  ///< the source or sink gets on
    /// It has returned from the call.
    [[nodiscard]] virtual bool returned() const = 0;
};

}  // namespace splitcast::sim
