#include "collectives/machine.hpp"

#include "collectives/schedule.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <limits>
#include <string>
#include <vector>

using namespace splitcast::collectives;

namespace {

constexpr View view{.root = 0, .length = 100, .fingerprint = 7};
constexpr Segment everything = std::numeric_limits<Segment>::max();

/// What a machine does, as words: "send 3 to 1", "sync 3 to 1", "receive 3 from 1", "tell 1",
/// "cancel 1", "forsake 1", "renew", "finish".
std::vector<std::string> words(const Machine& machine, std::span<const Action> actions) {
    std::vector<std::string> out;
    for (const Action& a : actions) {
        const std::string segment = std::to_string(a.segment);
        const std::string peer = std::to_string(a.peer);
        switch (a.kind) {
            case Action::Kind::receive:
                out.push_back("receive " + segment + " from " + peer);
                break;
            case Action::Kind::send:
                out.push_back((a.synchronous ? "sync " : "send ") + segment + " to " + peer);
                break;
            case Action::Kind::send_control: out.push_back("tell " + peer); break;
            case Action::Kind::cancel:
                out.push_back(
                    "cancel " +
                    std::to_string(machine.plan().in[static_cast<std::size_t>(a.flow)].peer));
                break;
            case Action::Kind::forsake: out.push_back("forsake " + peer); break;
            case Action::Kind::renew: out.emplace_back("renew"); break;
            case Action::Kind::finish: out.emplace_back("finish"); break;
        }
    }
    return out;
}

using Words = std::vector<std::string>;

/// A machine and the time.
class Rig {
public:
    explicit Rig(Machine::Config config) : machine_(std::move(config)) {}

    Words start() { return step({.kind = Event::Kind::start}); }
    Words received(std::int32_t flow, Segment segment, bool damaged = false) {
        return step(
            {.kind = Event::Kind::received, .flow = flow, .segment = segment, .damaged = damaged});
    }
    Words sent(std::int32_t flow, Segment segment) {
        return step({.kind = Event::Kind::sent, .flow = flow, .segment = segment});
    }
    Words dropped(std::int32_t flow, Segment segment) {
        return step({.kind = Event::Kind::dropped, .flow = flow, .segment = segment});
    }
    Words readable(Segment below) {
        return step({.kind = Event::Kind::readable, .segment = below});
    }
    Words writable(Segment below) {
        return step({.kind = Event::Kind::writable, .segment = below});
    }
    Words hears(Rank from, std::uint8_t round, const View& of = view) {
        ControlMessage message;
        message.round = round;
        message.survey.rank = from;
        message.survey.view = of;
        return step({.kind = Event::Kind::control, .peer = from, .message = &message});
    }
    void wait(Ticks ticks) { now_ += ticks; }
    [[nodiscard]] const Machine& machine() const { return machine_; }

    Words step(Event event) {
        event.now = now_;
        return words(machine_, machine_.step(event));
    }

private:
    Machine machine_;
    Ticks now_ = 0;
};

/// A rank of a chain 0 -> 1 -> 2 -> ... with one flow in and one out.
Machine::Config in_chain(Rank self, Rank ranks, Segment segments) {
    Machine::Config config;
    config.self = self;
    config.ranks = ranks;
    config.view = view;
    config.plan = rank_plan(Schedule::make(Placement::flat(ranks), 0, Shape{}), self, segments);
    config.held = self == 0 ? Holdings::everything(segments) : Holdings(segments);
    config.receive_depth = 2;
    config.window = {.initial = 2, .smallest = 2, .largest = 2};
    return config;
}

}  // namespace

TEST_CASE("alone, a rank is finished at once") {
    Rig rig(in_chain(0, 1, 5));
    CHECK(rig.machine().state() == Machine::State::idle);
    CHECK(rig.start() == Words{"finish"});
    CHECK(rig.machine().done());
    CHECK(rig.machine().outcome().success());
}

TEST_CASE("nothing is sent before all views are known to agree") {
    Rig rig(in_chain(0, 2, 3));
    CHECK(rig.start() == Words{"tell 1"});
    CHECK(rig.machine().state() == Machine::State::surveying);
    CHECK(rig.hears(1, 0) == Words{"sync 0 to 1", "sync 1 to 1"});
    CHECK(rig.machine().state() == Machine::State::moving);
}

TEST_CASE("zero bytes are broadcast by agreeing on them") {
    Rig rig(in_chain(1, 2, 0));
    CHECK(rig.start() == Words{"tell 0"});
    CHECK(rig.hears(0, 0) == Words{"finish"});
    CHECK(rig.machine().outcome().success());
}

TEST_CASE("a sender keeps to its window, and is finished when every send is complete") {
    Rig rig(in_chain(0, 2, 4));
    rig.start();
    CHECK(rig.hears(1, 0) == Words{"sync 0 to 1", "sync 1 to 1"});
    CHECK(rig.sent(0, 0) == Words{"sync 2 to 1"});
    // Nobody needs to know that the last one was taken.
    CHECK(rig.sent(0, 1) == Words{"send 3 to 1"});
    CHECK(rig.sent(0, 3).empty());
    CHECK(rig.sent(0, 2) == Words{"finish"});
    CHECK(rig.machine().totals().segments_sent == 4);
    CHECK(rig.machine().totals().control_sent == 1);
}

TEST_CASE("a sign that a segment was taken stands for all before it") {
    Machine::Config config = in_chain(0, 2, 12);
    config.window = {.initial = 4, .smallest = 4, .largest = 4};
    Rig rig(std::move(config));
    rig.start();
    CHECK(rig.hears(1, 0) == Words{"send 0 to 1", "sync 1 to 1", "send 2 to 1", "sync 3 to 1"});
    CHECK(rig.sent(0, 0).empty());  // complete, but perhaps only copied
    CHECK(rig.sent(0, 2).empty());
    CHECK(rig.sent(0, 3) == Words{"send 4 to 1", "sync 5 to 1", "send 6 to 1", "sync 7 to 1"});
    CHECK(rig.sent(0, 1).empty());
}

TEST_CASE("the send that fills the window asks for a sign") {
    Machine::Config config = in_chain(0, 2, 12);
    config.window = {.initial = 5, .smallest = 5, .largest = 5};
    Rig rig(std::move(config));
    rig.start();
    CHECK(rig.hears(1, 0) ==
          Words{"send 0 to 1", "sync 1 to 1", "send 2 to 1", "sync 3 to 1", "sync 4 to 1"});
}

TEST_CASE("a relay sends on what it has, in order, as soon as it has it") {
    Rig rig(in_chain(1, 3, 3));
    CHECK(rig.start() == Words{"receive 0 from 0", "receive 1 from 0", "tell 2"});
    CHECK(rig.hears(0, 0) == Words{"tell 0"});
    CHECK(rig.hears(2, 1).empty());
    CHECK(rig.received(0, 1) == Words{"receive 2 from 0"});  // reported before segment 0
    CHECK(rig.received(0, 0) == Words{"sync 0 to 2", "sync 1 to 2"});
    CHECK(rig.received(0, 2).empty());
    CHECK(rig.sent(0, 0) == Words{"send 2 to 2"});
    CHECK(rig.sent(0, 2).empty());
    CHECK(rig.sent(0, 1) == Words{"finish"});
    CHECK(rig.machine().totals().segments_received == 3);
    CHECK(rig.machine().holdings().complete());
}

TEST_CASE("segments may come before the last view, and are kept until it is there") {
    Rig rig(in_chain(1, 3, 2));
    rig.start();
    CHECK(rig.received(0, 0).empty());
    CHECK(rig.received(0, 1).empty());
    CHECK(rig.hears(0, 0) == Words{"tell 0"});
    CHECK(rig.hears(2, 1) == Words{"sync 0 to 2", "send 1 to 2"});
}

TEST_CASE("everything may have come before the last view") {
    Rig rig(in_chain(2, 3, 1));
    rig.start();
    rig.received(0, 0);
    rig.hears(1, 0);
    CHECK_FALSE(rig.machine().done());
    CHECK(rig.hears(0, 1) == Words{"finish"});
}

TEST_CASE("a view that is heard early is kept for its round") {
    Rig rig(in_chain(2, 3, 1));
    CHECK(rig.start() == Words{"receive 0 from 1", "tell 0"});
    CHECK(rig.hears(0, 1).empty());
    CHECK(rig.hears(1, 0) == Words{"tell 1"});
    CHECK(rig.machine().state() == Machine::State::moving);
}

TEST_CASE("flows take turns, those that are named first have precedence") {
    Machine::Config config = in_chain(0, 4, 6);
    config.plan = rank_plan(Schedule::make(Placement::flat(4), 0, Shape{3, 1, 1}), 0, 6);
    Rig rig(std::move(config));
    rig.start();
    rig.hears(3, 0);
    CHECK(rig.hears(2, 1) == Words{"sync 0 to 1", "sync 1 to 2", "sync 2 to 3", "send 3 to 1",
                                   "send 4 to 2", "send 5 to 3"});
}

TEST_CASE("when views differ, receives are taken back and both ranks are named") {
    View other = view;
    other.length = 50;
    Rig rig(in_chain(1, 3, 5));
    rig.start();
    CHECK(rig.hears(0, 0) == Words{"tell 0"});
    CHECK(rig.hears(2, 1, other) == Words{"cancel 0"});
    CHECK(rig.machine().state() == Machine::State::withdrawing);
    CHECK(rig.dropped(0, 1).empty());
    CHECK(rig.dropped(0, 0) == Words{"finish"});
    CHECK_FALSE(rig.machine().outcome().success());
    CHECK(rig.machine().outcome().mismatch == Mismatch{0, view, 2, other});
}

TEST_CASE("when views differ, a rank that receives nothing is finished at once") {
    View other = view;
    other.root = 1;
    Rig rig(in_chain(0, 2, 5));
    rig.start();
    CHECK(rig.hears(1, 0, other) == Words{"finish"});
    CHECK(rig.machine().outcome().mismatch == Mismatch{0, view, 1, other});
}

TEST_CASE("a damaged segment is not held, not relayed, and no success") {
    Rig rig(in_chain(1, 3, 2));
    rig.start();
    rig.hears(0, 0);
    rig.hears(2, 1);
    CHECK(rig.received(0, 0, true).empty());
    CHECK(rig.received(0, 1) == Words{"finish"});
    CHECK_FALSE(rig.machine().outcome().success());
    CHECK(rig.machine().outcome().verdict == Verdict::damaged);
    CHECK_FALSE(rig.machine().holdings().has(0));
}

TEST_CASE("a root that reads piecemeal sends what is there and waits for the rest") {
    Machine::Config config = in_chain(0, 2, 3);
    config.piecemeal = true;
    Rig rig(std::move(config));
    rig.start();
    CHECK(rig.hears(1, 0).empty());
    CHECK(rig.readable(1) == Words{"sync 0 to 1"});
    CHECK(rig.sent(0, 0).empty());
    CHECK(rig.machine().low_water() == 1);
    CHECK(rig.readable(3) == Words{"sync 1 to 1", "send 2 to 1"});
    CHECK(rig.sent(0, 2).empty());
    CHECK(rig.machine().low_water() == 1);
    CHECK(rig.sent(0, 1) == Words{"finish"});
}

TEST_CASE("a rank with a bounded buffer receives no further than there is room") {
    Machine::Config config = in_chain(1, 3, 4);
    config.piecemeal = true;
    Rig rig(std::move(config));
    CHECK(rig.start() == Words{"tell 2"});
    CHECK(rig.machine().low_water() == 0);
    CHECK(rig.writable(1) == Words{"receive 0 from 0"});
    rig.hears(0, 0);
    rig.hears(2, 1);
    CHECK(rig.received(0, 0) == Words{"sync 0 to 2"});
    CHECK(rig.machine().low_water() == 0);  // it is still being sent on
    CHECK(rig.sent(0, 0).empty());
    CHECK(rig.machine().low_water() == 1);
    CHECK(rig.writable(4) == Words{"receive 1 from 0", "receive 2 from 0"});
    CHECK(rig.received(0, 2) == Words{"receive 3 from 0"});
    CHECK(rig.machine().low_water() == 1);
    rig.received(0, 1);
    rig.received(0, 3);
    rig.sent(0, 1);
    rig.sent(0, 2);
    CHECK(rig.sent(0, 3) == Words{"finish"});
    CHECK(rig.machine().low_water() == everything);
}

TEST_CASE("the time until a late rank has entered does not count as distance") {
    Machine::Config config = in_chain(0, 2, 40);
    config.window = {.initial = 2, .smallest = 1, .largest = 8};
    Rig rig(std::move(config));
    rig.start();
    rig.hears(1, 0);
    rig.wait(1000000);  // the receiver was busy elsewhere
    rig.sent(0, 0);
    CHECK(rig.machine().window(0).base_delay() == 0);
    rig.wait(10);
    rig.sent(0, 1);  // sent before the first sign as well
    CHECK(rig.machine().window(0).base_delay() == 0);
    rig.wait(10);
    rig.sent(0, 2);
    CHECK(rig.machine().window(0).base_delay() == 20);
}

TEST_CASE("events that belong to nothing change nothing") {
    Rig rig(in_chain(0, 2, 1));
    rig.start();
    CHECK(rig.start().empty());
    rig.hears(1, 0);
    CHECK(rig.sent(0, 0) == Words{"finish"});
    CHECK(rig.sent(0, 0).empty());
    CHECK(rig.start().empty());
    CHECK(rig.machine().done());
}

TEST_CASE("every state has a name") {
    CHECK(name(Machine::State::idle) == "idle");
    CHECK(name(Machine::State::surveying) == "surveying");
    CHECK(name(Machine::State::moving) == "moving");
    CHECK(name(Machine::State::withdrawing) == "withdrawing");
    CHECK(name(Machine::State::regrouping) == "regrouping");
    CHECK(name(Machine::State::completing) == "completing");
    CHECK(name(Machine::State::committing) == "committing");
    CHECK(name(Machine::State::done) == "done");
}

// ---- resume
// ------------------------------------------------------------------------------------------------------

namespace {

/// Rank 1 of two, which has segment 0 of three already.
Machine::Config resuming(bool recovery) {
    Machine::Config config;
    config.self = 1;
    config.ranks = 2;
    config.view = view;
    config.plan = rank_plan(Schedule::make(Placement::flat(2), 0, {}), 1, 3);
    config.held = Holdings(3);
    config.held.add(0);
    config.resumes = true;
    config.recovery.enabled = recovery;
    config.recovery.placement = Placement::flat(2);
    return config;
}

Words hears(Rig& rig, ControlMessage message) {
    return rig.step({.kind = Event::Kind::control, .peer = 0, .message = &message});
}

ControlMessage epoch_with(const Holdings& mine) {
    ControlMessage message{.kind = ControlMessage::Kind::epoch, .attempt = 2};
    message.survey.rank = 0;
    message.survey.view = view;
    message.survey.resumes = true;
    message.holdings = {Holdings::everything(3), mine};
    return message;
}

}  // namespace

TEST_CASE("a rank that resumes receives what it lacks, and nothing before all is told") {
    const bool recovery = GENERATE(false, true);
    Rig rig(resuming(recovery));
    CHECK(rig.start() == Words{"tell 0"});
    CHECK(rig.hears(0, 0).empty());
    CHECK(rig.machine().state() == Machine::State::surveying);
    CHECK(hears(rig, {.kind = ControlMessage::Kind::call, .attempt = 2}) == Words{"tell 0"});
    CHECK(rig.machine().outgoing().front().kind == ControlMessage::Kind::report);
    CHECK(rig.machine().outgoing().front().holdings.front().held() == 1);
    CHECK(hears(rig, epoch_with(rig.machine().holdings())) ==
          Words{"renew", "receive 1 from 0", "receive 2 from 0", "tell 0"});
    ControlMessage survey;
    survey.epoch = 2;
    survey.survey.rank = 0;
    survey.survey.view = view;
    CHECK(hears(rig, survey).empty());
    rig.received(0, 1);
    CHECK(rig.received(0, 2) == (recovery ? Words{"tell 0"} : Words{"finish"}));
    CHECK(rig.machine().totals().segments_received == 2);
    CHECK(rig.machine().totals().segments_repaired == 0);
}

TEST_CASE("a call that comes before the survey is over waits for it where nobody may be lost") {
    Rig rig(resuming(false));
    rig.start();
    CHECK(hears(rig, {.kind = ControlMessage::Kind::call, .attempt = 2}).empty());
    CHECK(rig.hears(0, 0) == Words{"tell 0"});
    CHECK(rig.machine().state() == Machine::State::regrouping);
}

TEST_CASE("when everybody has everything nothing moves") {
    Machine::Config config = resuming(false);
    config.held = Holdings::everything(3);
    Rig rig(config);
    rig.start();
    rig.hears(0, 0);
    hears(rig, {.kind = ControlMessage::Kind::call, .attempt = 2});
    CHECK(hears(rig, epoch_with(Holdings::everything(3))) == Words{"renew", "finish"});
    CHECK(rig.machine().outcome().success());
}

TEST_CASE("the coordinator asks everybody what it holds when somebody resumes") {
    Machine::Config config = resuming(false);
    config.self = 0;
    config.resumes = false;
    config.plan = rank_plan(Schedule::make(Placement::flat(2), 0, {}), 0, 3);
    config.held = Holdings::everything(3);
    Rig rig(config);
    CHECK(rig.start() == Words{"tell 1"});
    ControlMessage survey;
    survey.survey.rank = 1;
    survey.survey.view = view;
    survey.survey.resumes = true;
    CHECK(rig.step({.kind = Event::Kind::control, .peer = 1, .message = &survey}) ==
          Words{"tell 1"});
    CHECK(rig.machine().outgoing().front().kind == ControlMessage::Kind::call);
    ControlMessage report{.kind = ControlMessage::Kind::report, .attempt = 2};
    report.survey = survey.survey;
    report.holdings = {Holdings(3)};
    report.holdings.front().add(0);
    CHECK(rig.step({.kind = Event::Kind::control, .peer = 1, .message = &report}) ==
          Words{"tell 1", "renew", "tell 1"});
    survey.epoch = 2;
    CHECK(rig.step({.kind = Event::Kind::control, .peer = 1, .message = &survey}) ==
          Words{"sync 1 to 1", "send 2 to 1"});
}

// ---- what is late, and who is here
// -------------------------------------------------------------------------

TEST_CASE("who has no ballot yet is not complete, whatever it holds") {
    Machine::Config config = resuming(true);
    config.resumes = false;
    config.held = Holdings::everything(3);
    config.plan = {};
    config.ballot_pending = true;
    Rig rig(config);
    rig.start();
    CHECK(rig.hears(0, 0).empty());
    CHECK(rig.machine().state() == Machine::State::moving);
    SECTION("then it is") {
        CHECK(rig.step({.kind = Event::Kind::ballot, .ballot = 5}) == Words{"tell 0"});
        CHECK(rig.machine().outgoing().front().survey.ballot == 5);
    }
    SECTION("nor in a new epoch in which nothing moves") {
        hears(rig, {.kind = ControlMessage::Kind::call, .attempt = 2});
        CHECK(hears(rig, epoch_with(Holdings::everything(3))) == Words{"renew"});
        CHECK(rig.machine().state() == Machine::State::moving);
        CHECK(rig.step({.kind = Event::Kind::ballot, .ballot = 5}) == Words{"tell 0"});
        CHECK(rig.machine().outgoing().front().stage == 1);
        CHECK(rig.machine().outgoing().front().survey.ballot == 5);
    }
    SECTION("but a verdict that stands is not kept waiting") {
        hears(rig, {.kind = ControlMessage::Kind::decision,
                    .verdict = Verdict::success,
                    .survey = {.rank = 0, .view = view, .ballot = 4}});
        CHECK(rig.machine().done());
        CHECK(rig.machine().outcome().ballot == 4);
    }
}

TEST_CASE("silence before the first word counts only for those who are known to be here") {
    const bool all_here = GENERATE(false, true);
    Machine::Config config = resuming(true);
    config.members = {0, 1, 2};
    config.ranks = 3;
    config.recovery.placement = Placement::flat(3);
    config.recovery.pulse = {.period = 10, .timeout = 50};
    config.all_here = all_here;
    Rig rig(config);
    rig.start();
    bool given_up = false;
    for (int i = 0; i < 7; ++i) {
        rig.wait(10);
        for (const std::string& word : rig.step({.kind = Event::Kind::tick}))
            given_up = given_up || word.starts_with("forsake");
    }
    CHECK(given_up == all_here);
}

TEST_CASE("before it has entered, a rank answers the beats of those who count on it") {
    CHECK_FALSE(answer_before_entry({.kind = ControlMessage::Kind::beat}));
    CHECK_FALSE(answer_before_entry({.kind = ControlMessage::Kind::survey, .entered = true}));
    const auto answer = answer_before_entry({.kind = ControlMessage::Kind::beat, .entered = true});
    REQUIRE(answer);
    CHECK(answer->kind == ControlMessage::Kind::beat);
    CHECK_FALSE(answer->away);
}
