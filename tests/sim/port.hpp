#pragma once

#include "collectives/machine.hpp"
#include "sim/fate.hpp"
#include "sim/lives.hpp"
#include "sim/network.hpp"
#include "sim/random.hpp"
#include "sim/scenario.hpp"
#include "sim/timeline.hpp"
#include "sim/witness.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
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
    /// A control message that is about to be sent; false: it is not.
    virtual bool tell(Rank /*self*/, Rank /*to*/, ControlMessage& /*message*/) { return true; }
    /// Happens to the rank as well, after every step.
    struct Fancy {
        Event event;
        ControlMessage message{};
    };
    virtual std::vector<Fancy> imagine(Rank /*self*/, const Machine& /*machine*/,
                                       const Event& /*event*/) {
        return {};
    }
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
          lives(what.ranks()),
          blows(what.blows),
          witness(what, ranks_plans, lives) {}
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    [[nodiscard]] bool is_dead(Rank rank) const { return lives.of(rank).dead; }
    /// Something befalls ranks now.
    void strike(std::size_t blow);
    void kill(Rank rank, bool silent);
    [[nodiscard]] bool would_be_waited_for(const Blow& blow) const;
    void announce(Rank dead, Ticks in);
    void announce_the_unmissed();
    [[nodiscard]] bool somebody_knows(const std::vector<Rank>& but) const;
    void say(const std::string& text) const;
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
    Lives lives;
    Blows blows;
    Witness witness;
    Ticks patience = 0;                      ///< nothing that has been planned happens after this
    std::map<std::size_t, Ticks> postponed;  ///< blows that could not fall yet, since when
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
    /// Told before every step: whether its next moments are those of a recovery.
    void recovering(bool is) { stage_.lives.of(self_).recovering = is; }

    void receive(std::int32_t flow, Rank from, int channel, Segment segment, std::size_t bytes,
                 std::byte* into);
    void send(std::int32_t flow, Rank to, int channel, Segment segment, std::size_t bytes,
              const std::byte* from, bool synchronous);
    void send_control(Rank to, std::vector<std::byte> message);
    void cancel(std::int32_t flow, Segment first);
    void forsake(Rank peer);
    /// The rank begins another epoch.
    void renew();

    /// A completion comes in; tells the witness.
    bool hears(const Completion& completion);
    [[nodiscard]] bool stopped() const { return stage_.lives.of(self_).stopped; }

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
    /// Something that it started is over, or somebody has sent it a control message, or died.
    virtual void hear(Completion completion) = 0;
    virtual void wake() {}    ///< something may have happened
    virtual void stream() {}  ///< the source or sink gets on
    virtual void tick() {}
    virtual void bring_ballot() {}  ///< which was late
    virtual void resume() {}        ///< it was stopped, and goes on where it was
    virtual void leave() {}
    virtual void come_back() {}
    /// It has returned, and somebody who has not sends it a message.
    virtual void answer(const Completion& /*message*/) {}
    /// It has returned from the call.
    [[nodiscard]] virtual bool returned() const = 0;
};

}  // namespace splitcast::sim
