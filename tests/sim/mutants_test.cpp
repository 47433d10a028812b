// Whether the simulator would notice: machines that are broken in one way each, and streams that
// lie.

#include "collectives/dissemination.hpp"
#include "sim/world.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
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
        {"forgets to cancel", "never returns", [] { return forgets(Kind::cancel); }},
        {"forgets to return", "never returns", [] { return forgets(Kind::finish); }},
        {"sends twice", "out of turn", [] { return repeats(Kind::send); }},
        {"receives twice", "out of turn", [] { return repeats(Kind::receive); }},
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
        {"does not say that it resumes", "which holds it",
         configured([](Rank, Machine::Config& config) { config.resumes = false; })},
        {"resumes with nothing", "does not report truly",
         configured([](Rank, Machine::Config& config) {
             if (config.resumes) config.held = Holdings(config.held.segments());
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

// ---- machines that are broken where they recover
// -----------------------------------------------------------------------------------------------

using Told = ControlMessage::Kind;

/// Alters what is told, or believes that something has happened.
class Deceived : public Mutant {
public:
    using Tell = std::function<bool(ControlMessage&)>;
    using Imagine = std::function<std::vector<Fancy>(const Machine&, const Event&)>;
    Deceived(Tell tell, Imagine imagine) : tell_(std::move(tell)), imagine_(std::move(imagine)) {}

    bool tell(Rank /*self*/, Rank /*to*/, ControlMessage& message) override {
        return !tell_ || tell_(message);
    }
    std::vector<Fancy> imagine(Rank /*self*/, const Machine& machine, const Event& event) override {
        return imagine_ ? imagine_(machine, event) : std::vector<Fancy>{};
    }

private:
    Tell tell_;
    Imagine imagine_;
};

bool never_says(ControlMessage& message, Told kind) { return message.kind != kind; }

bool say_that_nothing_is_held(ControlMessage& message) {
    if (message.kind == Told::report)
        message.holdings[0] = Holdings(message.holdings[0].segments());
    return true;
}

/// Somebody resumes, and nobody hears of it.
bool conceal_that_somebody_resumes(ControlMessage& message) {
    message.survey.resumes = false;
    return true;
}

/// The coordinator sends everything again to everybody.
bool have_everything_sent_again(ControlMessage& message) {
    if (message.kind != Told::epoch || message.holdings.size() < 2) return true;
    for (std::size_t i = 1; i < message.holdings.size(); ++i)
        message.holdings[i] = Holdings(message.holdings[i].segments());
    return true;
}

bool conceal_losses(ControlMessage& message) {
    if (message.kind == Told::epoch) message.losses.clear();
    return true;
}

bool call_everything_lost(ControlMessage& message) {
    if (message.kind == Told::decision) message.verdict = Verdict::none;
    return true;
}

/// Takes the first round of the end for both.
std::vector<Mutant::Fancy> hear_all_commit(const Machine& machine, const Event& /*event*/) {
    std::vector<Mutant::Fancy> fancies;
    if (machine.state() != Machine::State::committing) return fancies;
    const std::vector<Rank>& members = machine.membership().members();
    for (int round = 0; round < dissemination_rounds(members.size()); ++round) {
        Mutant::Fancy fancy{.event = {.kind = Event::Kind::control}};
        for (const Rank rank : members) {
            if (!machine.membership().gone(rank)) fancy.event.peer = rank;
        }
        fancy.message.epoch = machine.epoch();
        fancy.message.stage = 2;
        fancy.message.round = static_cast<std::uint8_t>(round);
        fancies.push_back(std::move(fancy));
    }
    return fancies;
}

/// When it is called again, it takes the last epoch for the next.
class Credulous final : public Mutant {
public:
    std::vector<Fancy> imagine(Rank self, const Machine& /*machine*/, const Event& event) override {
        if (event.kind != Event::Kind::control) return {};
        const ControlMessage& message = *event.message;
        if (message.kind == Told::epoch) last_[self] = message;
        const auto last = last_.find(self);
        if (message.kind != Told::call || last == last_.end()) return {};
        Fancy fancy{.event = event, .message = last->second};
        fancy.message.attempt = message.attempt;
        return {fancy};
    }

private:
    std::map<Rank, ControlMessage> last_;
};

/// Believes that whoever has been silent for half a timeout has died.
class Hasty final : public Mutant {
public:
    void configure(Rank /*rank*/, Machine::Config& config) override {
        patience_ = config.recovery.pulse.timeout / 2;
    }
    std::vector<Fancy> imagine(Rank self, const Machine& machine, const Event& event) override {
        if (event.kind == Event::Kind::control) heard_[{self, event.peer}] = event.now;
        std::vector<Fancy> fancies;
        if (event.kind != Event::Kind::tick) return fancies;
        for (const Rank rank : machine.membership().present()) {
            const auto last = heard_.find({self, rank});
            if (last == heard_.end() || event.now - last->second < patience_) continue;
            fancies.push_back({.event = {.kind = Event::Kind::failed, .peer = rank}});
        }
        return fancies;
    }

private:
    Ticks patience_ = 0;
    std::map<std::pair<Rank, Rank>, Ticks> heard_;
};

struct Defect {
    std::string name;
    std::vector<std::string> noticed;  ///< one of them is what the simulator must say
    std::function<std::unique_ptr<Mutant>()> make;
};

std::vector<Defect> defects() {
    const auto telling = [](auto tell) {
        return [tell] { return std::make_unique<Deceived>(tell, nullptr); };
    };
    const auto silent_about = [](Told kind) {
        return [kind] {
            return std::make_unique<Deceived>(
                [kind](ControlMessage& message) { return never_says(message, kind); }, nullptr);
        };
    };
    return {
        {"forgets to flush", {"never returns"}, silent_about(Told::flush)},
        {"forgets to report", {"never returns"}, silent_about(Told::report)},
        {"forgets to give notice", {"never returns"}, silent_about(Told::notice)},
        {"forgets to call", {"never returns"}, silent_about(Told::call)},
        {"forgets to beat", {"had no reason", "was there all the time"}, silent_about(Told::beat)},
        {"keeps its decision to itself",
         {"different", "never returns", "no reason"},
         silent_about(Told::decision)},
        {"reports too little", {"does not report truly"}, telling(say_that_nothing_is_held)},
        {"conceals that it resumes", {"which holds it"}, telling(conceal_that_somebody_resumes)},
        {"sends everything again",
         {"which it holds", "wrong plan"},
         telling(have_everything_sent_again)},
        {"conceals the losses",
         {"other members", "never returns", "different losses"},
         telling(conceal_losses)},
        {"decides otherwise than it says", {"without a verdict"}, telling(call_everything_lost)},
        {"returns after one round",
         {"different", "never returns", "report different losses"},
         [] { return std::make_unique<Deceived>(nullptr, hear_all_commit); }},
        {"adopts a stale epoch",
         {"other members", "never returns", "wrong plan", "another epoch", "different"},
         [] { return std::make_unique<Credulous>(); }},
        {"takes silence for death",
         {"is dead", "without the other"},
         [] { return std::make_unique<Hasty>(); }},
        {"does not wait for its ballot",
         {"has the ballot"},
         [] {
             return std::make_unique<Broken>(Broken::Configure(
                 [](Rank, Machine::Config& config) { config.ballot_pending = false; }));
         }},
        {"times ranks that may not be here yet",
         {"was there all the time", "had no reason", "never returns"},
         [] {
             return std::make_unique<Broken>(
                 Broken::Configure([](Rank, Machine::Config& config) { config.all_here = true; }));
         }},
        {"forgets to give up the lost",
         {"under way", "never returns"},
         [] { return std::make_unique<Broken>(forgets(Kind::forsake)); }},
        {"forgets to begin an epoch",
         {"another epoch"},
         [] { return std::make_unique<Broken>(forgets(Kind::renew)); }},
    };
}

TEST_CASE("the simulator notices every machine that recovers wrongly") {
    for (const Defect& defect : defects()) {
        INFO("a machine that " << defect.name);
        std::uint64_t seed = 1;
        std::string said;
        const auto noticed = [&] {
            return std::ranges::any_of(defect.noticed, [&](const std::string& text) {
                return said.find(text) != std::string::npos;
            });
        };
        for (; seed <= patience && !noticed(); ++seed) {
            const std::unique_ptr<Mutant> mutant = defect.make();
            said = run(draw_failing(seed), {.mutant = mutant.get()}).violation;
        }
        INFO("the simulator says: " << said);
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
