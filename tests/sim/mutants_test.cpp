// Whether the simulator would notice: machines that are broken in one way each, and streams that
// lie.

#include "sim/world.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace splitcast::sim {
namespace {

using Kind = Action::Kind;
using Actions = std::vector<Action>;

/// A mutant made of functions.
class Broken final : public Mutant {
public:
    using Configure = std::function<void(Rank, Machine::Config&)>;
    using Act = std::function<void(const Machine&, const Event&, Actions&)>;
    explicit Broken(Act act) : act_(std::move(act)) {}
    explicit Broken(Configure configure) : configure_(std::move(configure)) {}

    void configure(Rank rank, Machine::Config& config) override {
        if (configure_) configure_(rank, config);
    }
    void act(const Machine& machine, const Event& event, Actions& actions) override {
        if (act_) act_(machine, event, actions);
    }

private:
    Configure configure_;
    Act act_;
};

struct Breakage {
    std::string name;
    std::string noticed;  ///< what the simulator must say
    std::function<Broken()> make;
};

Actions::iterator find(Actions& actions, Kind kind) {
    return std::ranges::find(actions, kind, &Action::kind);
}

/// Takes the first action of a kind out, once per broadcast.
Broken forgets(Kind kind) {
    return Broken(
        Broken::Act([kind, done = false](const Machine&, const Event&, Actions& actions) mutable {
            const auto found = find(actions, kind);
            if (done || found == actions.end()) return;
            actions.erase(found);
            done = true;
        }));
}

/// Does the first action of a kind twice, once per broadcast.
Broken repeats(Kind kind) {
    return Broken(
        Broken::Act([kind, done = false](const Machine&, const Event&, Actions& actions) mutable {
            const auto found = find(actions, kind);
            if (done || found == actions.end()) return;
            actions.insert(found, Action(*found));
            done = true;
        }));
}

/// Turns two actions of a kind on the same flow round.
Broken swaps(Kind kind) {
    return Broken(Broken::Act([kind](const Machine&, const Event&, Actions& actions) {
        for (auto first = actions.begin(); first != actions.end(); ++first) {
            const auto second = std::find_if(first + 1, actions.end(), [&](const Action& a) {
                return a.kind == kind && first->kind == kind && a.flow == first->flow;
            });
            if (second == actions.end()) continue;
            std::swap(first->segment, second->segment);
            return;
        }
    }));
}

/// Sends a segment on when it posts the receive for it.
void relay_too_early(const Machine& machine, const Event&, Actions& actions) {
    const auto receive = find(actions, Kind::receive);
    const std::vector<Flow>& out = machine.plan().out;
    if (receive == actions.end() || out.empty()) return;
    actions.push_back({.kind = Kind::send,
                       .flow = 0,
                       .segment = receive->segment,
                       .peer = out[0].peer,
                       .channel = out[0].channel});
}

void ask_for_no_sign(const Machine&, const Event&, Actions& actions) {
    for (Action& action : actions) action.synchronous = false;
}

void send_to_another(const Machine& machine, const Event&, Actions& actions) {
    const auto send = find(actions, Kind::send);
    if (send != actions.end()) send->peer = machine.plan().out[0].peer + 1;
}

void return_at_once(const Machine&, const Event&, Actions& actions) {
    actions.push_back({.kind = Kind::finish});
}

void return_without_withdrawing(const Machine& machine, const Event&, Actions& actions) {
    if (machine.state() == Machine::State::withdrawing) actions.assign({{.kind = Kind::finish}});
}

/// Sends before it has heard of the others' calls.
void send_unasked(const Machine& machine, const Event& event, Actions& actions) {
    if (event.kind != Event::Kind::start || machine.plan().out.empty()) return;
    const Flow& flow = machine.plan().out[0];
    const Segment first = *Sequence::Cursor(flow.segments);
    if (!machine.holdings().has(first)) return;
    actions.push_back({.kind = Kind::send,
                       .flow = 0,
                       .segment = first,
                       .peer = flow.peer,
                       .channel = flow.channel});
}

std::vector<Breakage> breakages() {
    const auto acting = [](auto act) { return [act] { return Broken(Broken::Act(act)); }; };
    const auto configured = [](auto configure) {
        return [configure] { return Broken(Broken::Configure(configure)); };
    };
    return {
        {"forgets a send", "never returns", [] { return forgets(Kind::send); }},
        {"forgets a receive", "never returns", [] { return forgets(Kind::receive); }},
        {"forgets a control message", "never returns", [] { return forgets(Kind::send_control); }},
        {"forgets to listen", "never returns", [] { return forgets(Kind::expect_control); }},
        {"forgets to cancel", "never returns", [] { return forgets(Kind::cancel); }},
        {"forgets to return", "never returns", [] { return forgets(Kind::finish); }},
        {"sends twice", "out of turn", [] { return repeats(Kind::send); }},
        {"receives twice", "out of turn", [] { return repeats(Kind::receive); }},
        {"says it twice", "was never received", [] { return repeats(Kind::send_control); }},
        {"listens twice", "left a receive posted", [] { return repeats(Kind::expect_control); }},
        {"cancels twice", "cancels", [] { return repeats(Kind::cancel); }},
        {"sends in another order", "out of turn", [] { return swaps(Kind::send); }},
        {"receives in another order", "out of turn", [] { return swaps(Kind::receive); }},
        {"relays what it has not got", "does not hold", acting(relay_too_early)},
        {"knows nothing of its receivers", "its window is full", acting(ask_for_no_sign)},
        {"sends to somebody else", "along no flow", acting(send_to_another)},
        {"returns at once", "does not report success", acting(return_at_once)},
        {"returns without withdrawing", "does not report the mismatch",
         acting(return_without_withdrawing)},
        {"sends before it knows", "although the calls differ", acting(send_unasked)},
        {"has too large a window", "has a window of", configured([](Rank, Machine::Config& config) {
             config.window.initial = 100;
             config.window.largest = 100;
         })},
        {"posts too many receives", "more receives than it may",
         configured([](Rank, Machine::Config& config) { ++config.receive_depth; })},
        {"pretends to agree", "mismatch", configured([](Rank rank, Machine::Config& config) {
             if (rank == 1) config.view = {};
         })},
        {"holds less than it should", "never returns",
         configured([](Rank, Machine::Config& config) {
             config.held = Holdings(config.held.segments());
         })},
    };
}

constexpr std::uint64_t patience = 2000;  // broadcasts

TEST_CASE("the simulator notices every broken machine") {
    for (const Breakage& breakage : breakages()) {
        INFO("a machine that " << breakage.name);
        std::uint64_t seed = 1;
        std::string said;
        for (; seed <= patience && said.find(breakage.noticed) == std::string::npos; ++seed) {
            Scenario scenario = draw(seed);
            scenario.level = Scenario::Level::machine;
            Broken mutant = breakage.make();
            said = run(scenario, {.mutant = &mutant}).violation;
        }
        INFO("the simulator says: " << said);
        CHECK(seed <= patience);
    }
}

TEST_CASE("the simulator notices streams that say too early that they are done with bytes") {
    for (const auto& [lie, noticed] :
         {std::pair{Lie::source, "sends wrong bytes"}, std::pair{Lie::sink, "got wrong bytes"}}) {
        std::uint64_t seed = 1;
        std::string said;
        for (; seed <= patience && said.find(noticed) == std::string::npos; ++seed) {
            Scenario scenario = draw(seed);
            if (scenario.level != Scenario::Level::engine) continue;
            said = run(scenario, {.lie = lie}).violation;
        }
        INFO(noticed);
        CHECK(seed <= patience);
    }
}

/// Kills a rank at the given moment of its life.
class Death final : public Fate {
public:
    Death(Rank who, std::int64_t moment) : who_(who), left_(moment) {}
    Verdict at(const Moment& moment) override {
        if (moment.rank != who_ || left_-- > 0) return Verdict::live;
        happened_ = true;
        return Verdict::die;
    }
    [[nodiscard]] bool happened() const { return happened_; }

private:
    Rank who_;
    std::int64_t left_;
    bool happened_ = false;
};

TEST_CASE("a rank can die at any moment of its life, and the others are left waiting") {
    for (std::uint64_t seed = 1; seed <= 500; ++seed) {
        const Scenario scenario = draw(seed);
        Random random(seed);
        Death death(random.below(scenario.ranks()), random.below<std::int64_t>(40));
        const Result result = run(scenario, {.fate = &death});
        INFO(scenario.text() << result.violation);
        CHECK(death.happened() == (result.violation.find("never returns") != std::string::npos));
    }
}

}  // namespace
}  // namespace splitcast::sim
