#include "collectives/schedule.hpp"
#include "engine/broadcast.hpp"
#include "engine/buffer.hpp"
#include "engine/progress.hpp"

#include <catch2/catch_test_macros.hpp>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace splitcast;
using namespace splitcast::engine;
using collectives::Machine;
using collectives::Rank;
using collectives::Segment;
using collectives::Segmentation;

namespace {

/// Fills what is requested when it is told to.
class TestSource final : public Source {
public:
    void request(std::int64_t offset, std::span<std::byte> into) override {
        CHECK(offset == requested);
        requested += static_cast<std::int64_t>(into.size());
    }
    std::int64_t ready() override { return filled; }
    std::optional<Error> error() override { return std::nullopt; }

    std::int64_t requested = 0;
    std::int64_t filled = 0;
};

/// Takes what is offered when it is told to.
class TestSink final : public Sink {
public:
    void offer(std::int64_t offset, std::span<const std::byte> bytes) override {
        CHECK(offset == offered);
        offered += static_cast<std::int64_t>(bytes.size());
    }
    std::int64_t taken() override { return emptied; }
    std::optional<Error> error() override { return std::nullopt; }

    std::int64_t offered = 0;
    std::int64_t emptied = 0;
};

class TestClock final : public Clock {
public:
    collectives::Ticks now() override { return time; }
    collectives::Ticks time = 0;
};

/// What a test transport is asked for, and what it is to answer.
struct Script {
    std::vector<Completion> completions;
    std::optional<Error> error;
    bool idle = true;
    std::vector<std::string> asked;
};

class TestTransport final : public Transport {
public:
    explicit TestTransport(Script& script) : script_(script) {}
    void receive(std::int32_t, Rank from, int, Segment segment, std::span<std::byte> into,
                 Trailer*) override {
        ask("receive", segment, from, into.size());
    }
    void send(std::int32_t, Rank to, int, Segment segment, std::span<const std::byte> bytes,
              const Trailer*, bool) override {
        ask("send", segment, to, bytes.size());
    }
    void send_control(Rank, std::vector<std::byte>) override {}
    void cancel(std::int32_t flow, Segment from) override {
        script_.asked.push_back("cancel flow " + std::to_string(flow) + " from " +
                                std::to_string(from));
    }
    void forsake(Rank) override {}
    std::optional<Error> poll(bool, std::vector<Completion>& completions) override {
        std::ranges::move(script_.completions, std::back_inserter(completions));
        script_.completions.clear();
        return script_.error;
    }
    void drain() override {}
    [[nodiscard]] bool idle() override { return script_.idle; }

private:
    void ask(const char* what, Segment segment, Rank peer, std::size_t bytes) {
        script_.asked.push_back(std::string(what) + " " + std::to_string(segment) + ":" +
                                std::to_string(bytes) + " " + std::to_string(peer));
    }
    Script& script_;
};

constexpr collectives::View view{.root = 0, .length = 10, .fingerprint = 1};
constexpr Segmentation ten_by_four{.length = 10, .segment_bytes = 4};  // 4 + 4 + 2

Machine::Config config_of(Rank self, Rank ranks, bool piecemeal) {
    Machine::Config config;
    config.self = self;
    config.ranks = ranks;
    config.view = view;
    config.plan = rank_plan(collectives::Schedule::make(collectives::Placement::flat(ranks), 0, {}),
                            self, ten_by_four.count());
    config.held = self == 0 ? collectives::Holdings::everything(ten_by_four.count())
                            : collectives::Holdings(ten_by_four.count());
    config.piecemeal = piecemeal;
    config.window = {.initial = 3, .smallest = 3, .largest = 3};
    return config;
}

Completion survey(Rank from, const collectives::View& of = view) {
    collectives::ControlMessage message;
    message.survey.rank = from;
    message.survey.view = of;
    return {.kind = Completion::Kind::control, .peer = from, .message = encode(message)};
}

Completion segment_done(Completion::Kind kind, Segment segment) {
    return {.kind = kind, .flow = 0, .segment = segment, .message = {}};
}

}  // namespace

TEST_CASE("a buffer in memory is where the caller put it") {
    std::array<std::byte, 10> memory{};
    Buffer buffer(memory.data(), ten_by_four);
    CHECK_FALSE(buffer.piecemeal());
    CHECK(buffer.extra_bytes() == 0);
    CHECK(buffer.at_rest());
    CHECK(buffer.settled());
    CHECK(buffer.place(0).data() == memory.data());
    CHECK(buffer.place(2).data() == memory.data() + 8);
    CHECK(buffer.place(2).size() == 2);
}

TEST_CASE("a ring takes the memory that it was given, and no more than there is to broadcast") {
    TestSink sink;
    const Segmentation hundred{.length = 400, .segment_bytes = 4};
    CHECK(Buffer(nullptr, &sink, hundred, 40, 2).extra_bytes() == 40);
    CHECK(Buffer(nullptr, &sink, hundred, 43, 2).extra_bytes() == 40);
    CHECK(Buffer(nullptr, &sink, hundred, 4, 3).extra_bytes() == 12);
    CHECK(Buffer(nullptr, &sink, hundred, 5000, 2).extra_bytes() == 400);
    Buffer ring(nullptr, &sink, hundred, 12, 1);
    CHECK(ring.place(0).data() == ring.place(3).data());
    CHECK(ring.place(1).data() == ring.place(0).data() + 4);
}

TEST_CASE("a ring for nothing is no ring") {
    TestSource source;
    Buffer empty(&source, nullptr, {.length = 0, .segment_bytes = 4}, 100, 1);
    CHECK_FALSE(empty.piecemeal());
    CHECK(empty.settled());
}

TEST_CASE("a source is asked for as much as the ring holds, and for more when that is sent") {
    TestSource source;
    Buffer ring(&source, nullptr, ten_by_four, 8, 1);
    CHECK(ring.advance(0, 0).readable == 0);
    CHECK(source.requested == 8);
    source.filled = 5;  // one segment and a bit
    CHECK(ring.advance(0, 0).readable == 1);
    CHECK(source.requested == 8);
    CHECK_FALSE(ring.at_rest());
    source.filled = 8;
    CHECK(ring.advance(1, 1).readable == 2);
    CHECK(source.requested == 10);
    source.filled = 10;
    CHECK(ring.advance(2, 2).readable == 3);
    CHECK(ring.at_rest());
}

TEST_CASE("a slot is free when its segment has come, was sent on, and was taken") {
    TestSink sink;
    Buffer ring(nullptr, &sink, ten_by_four, 4, 1);
    CHECK(ring.advance(0, 0).writable == 1);
    CHECK(sink.offered == 0);
    CHECK(ring.advance(1, 0).writable == 1);
    CHECK(sink.offered == 4);
    CHECK(ring.advance(1, 1).writable == 1);
    sink.emptied = 3;
    CHECK(ring.advance(1, 1).writable == 1);
    sink.emptied = 4;
    CHECK(ring.advance(1, 0).writable == 1);
    CHECK(ring.advance(1, 1).writable == 2);
}

TEST_CASE("without a sink a slot is free when its segment has come and was sent on") {
    Buffer ring(nullptr, nullptr, ten_by_four, 4, 1);
    CHECK(ring.advance(0, 3).writable == 1);
    CHECK(ring.advance(1, 0).writable == 1);
    CHECK(ring.advance(1, 1).writable == 2);
}

TEST_CASE("a ring is settled when the sink has got everything") {
    TestSink sink;
    Buffer ring(nullptr, &sink, ten_by_four, 12, 1);
    CHECK(ring.at_rest());
    CHECK_FALSE(ring.settled());
    ring.advance(3, 3);
    CHECK_FALSE(ring.at_rest());
    sink.emptied = 10;
    CHECK(ring.settled());
}

TEST_CASE("a broadcast sends from the caller's memory and counts the bytes") {
    std::array<std::byte, 10> memory{};
    Script script;
    TestClock clock;
    clock.time = 100;
    Broadcast root(config_of(0, 2, false), Buffer(memory.data(), ten_by_four),
                   std::make_unique<TestTransport>(script), clock);
    root.start();
    CHECK(script.asked.empty());
    script.completions.push_back(survey(1));
    CHECK(root.progress());
    CHECK(script.asked == std::vector<std::string>{"send 0:4 1", "send 1:4 1", "send 2:2 1"});
    CHECK_FALSE(root.progress());
    for (const Segment s : {0, 1, 2}) {
        script.completions.push_back(segment_done(Completion::Kind::sent, s));
    }
    script.idle = false;  // a control message is still on its way
    clock.time = 150;
    CHECK(root.progress());
    CHECK_FALSE(root.done());
    script.idle = true;
    CHECK(root.progress());
    CHECK(root.done());
    CHECK(root.elapsed() == 50);
    CHECK(root.bytes_sent() == 10);
    CHECK(root.bytes_received() == 0);
    CHECK_FALSE(root.failure());
    CHECK_FALSE(root.progress());
}

TEST_CASE("a broadcast is not over before the sink has taken everything") {
    Script script;
    TestClock clock;
    TestSink sink;
    Broadcast leaf(config_of(1, 2, true), Buffer(nullptr, &sink, ten_by_four, 12, 1),
                   std::make_unique<TestTransport>(script), clock);
    leaf.start();
    CHECK(script.asked ==
          std::vector<std::string>{"receive 0:4 0", "receive 1:4 0", "receive 2:2 0"});
    script.completions.push_back(survey(0));
    for (const Segment s : {1, 0, 2}) {
        script.completions.push_back(segment_done(Completion::Kind::received, s));
    }
    leaf.progress();
    CHECK(leaf.machine().done());
    CHECK(sink.offered == 10);
    CHECK_FALSE(leaf.done());
    sink.emptied = 9;
    leaf.progress();
    CHECK_FALSE(leaf.done());
    sink.emptied = 10;
    leaf.progress();
    CHECK(leaf.done());
    CHECK(leaf.bytes_received() == 10);
}

TEST_CASE("a broadcast that is given up waits until the source is done with its memory") {
    Script script;
    TestClock clock;
    TestSource source;
    Broadcast root(config_of(0, 2, true), Buffer(&source, nullptr, ten_by_four, 8, 1),
                   std::make_unique<TestTransport>(script), clock);
    root.start();
    CHECK(source.requested == 8);
    SECTION("the calls differ") { script.completions.push_back(survey(1, {.root = 1})); }
    SECTION("the transport fails") { script.error = Error{Status::mpi, "the network is down"}; }
    root.progress();
    CHECK_FALSE(root.done());
    source.filled = 8;
    root.progress();
    CHECK(root.done());
    CHECK(source.requested == 8);
}

TEST_CASE("a failure of the transport ends the broadcast") {
    std::array<std::byte, 10> memory{};
    Script script;
    TestClock clock;
    Broadcast root(config_of(0, 2, false), Buffer(memory.data(), ten_by_four),
                   std::make_unique<TestTransport>(script), clock);
    script.error = Error{Status::mpi, "the network is down"};
    script.idle = false;
    root.start();
    CHECK(root.done());
    REQUIRE(root.failure());
    CHECK(root.failure()->text == "the network is down");
}

TEST_CASE("a message of another version ends the broadcast and names its sender") {
    std::array<std::byte, 10> memory{};
    Script script;
    TestClock clock;
    Broadcast root(config_of(0, 2, false), Buffer(memory.data(), ten_by_four),
                   std::make_unique<TestTransport>(script), clock);
    root.start();
    script.completions.push_back(
        {.kind = Completion::Kind::control, .peer = 1, .message = {std::byte{99}}});
    script.completions.push_back(survey(1));  // too late
    root.progress();
    CHECK(root.done());
    REQUIRE(root.failure());
    CHECK(root.failure()->text.find("rank 1") != std::string::npos);
    CHECK(script.asked.empty());
}

TEST_CASE("a rank whose call differs takes its receives back") {
    std::array<std::byte, 10> memory{};
    Script script;
    TestClock clock;
    Broadcast leaf(config_of(1, 2, false), Buffer(memory.data(), ten_by_four),
                   std::make_unique<TestTransport>(script), clock);
    leaf.start();
    script.asked.clear();
    script.completions.push_back(survey(0, {.root = 1}));
    leaf.progress();
    CHECK(script.asked == std::vector<std::string>{"cancel flow 0 from 0"});
    CHECK_FALSE(leaf.done());
    for (const Segment s : {2, 1, 0}) {
        script.completions.push_back(segment_done(Completion::Kind::dropped, s));
    }
    leaf.progress();
    CHECK(leaf.done());
    CHECK_FALSE(leaf.failure());
    CHECK(leaf.machine().outcome().mismatch);
}

namespace {

/// Takes what is offered in memory of its own.
class MemorySink final : public Sink {
public:
    void offer(std::int64_t offset, std::span<const std::byte> bytes) override {
        CHECK(offset == offered);
        CHECK(bytes.data() == place.data() + offset);
        offered += static_cast<std::int64_t>(bytes.size());
    }
    std::int64_t taken() override { return offered; }
    std::span<std::byte> memory() override { return place; }
    std::optional<Error> error() override { return std::nullopt; }

    std::array<std::byte, 10> place{};
    std::int64_t offered = 0;
};

Machine::Config resuming(bool piecemeal) {
    Machine::Config config = config_of(1, 2, piecemeal);
    config.held.add(0);
    config.held.add(2);
    config.resumes = true;
    config.recovery.placement = collectives::Placement::flat(2);
    return config;
}

Completion told(collectives::ControlMessage message) {
    message.survey.rank = 0;
    message.survey.view = view;
    return {.kind = Completion::Kind::control, .peer = 0, .message = encode(message)};
}

}  // namespace

TEST_CASE("what a resuming rank has is offered to its sink in its turn, and not received") {
    using Kind = collectives::ControlMessage::Kind;
    Script script;
    TestClock clock;
    MemorySink sink;
    Broadcast leaf(resuming(true), Buffer(nullptr, &sink, ten_by_four, 12, 1),
                   std::make_unique<TestTransport>(script), clock);
    leaf.start();
    CHECK(script.asked.empty());
    CHECK(sink.offered == 4);
    script.completions.push_back(survey(0));
    script.completions.push_back(told({.kind = Kind::call, .attempt = 2}));
    const auto count = ten_by_four.count();
    collectives::ControlMessage epoch{.kind = Kind::epoch, .attempt = 2};
    epoch.holdings = {collectives::Holdings::everything(count), leaf.machine().holdings()};
    script.completions.push_back(told(epoch));
    script.completions.push_back(told({.kind = Kind::survey, .epoch = 2}));
    leaf.progress();
    leaf.progress();
    CHECK(script.asked == std::vector<std::string>{"receive 1:4 0"});
    CHECK(sink.offered == 4);
    script.completions.push_back(segment_done(Completion::Kind::received, 1));
    leaf.progress();
    CHECK(sink.offered == 10);
    CHECK(leaf.done());
    CHECK(leaf.machine().outcome().success());
    CHECK(leaf.bytes_received() == 4);
}

TEST_CASE("a ring has nothing from the start, so its rank does not resume") {
    Script script;
    TestClock clock;
    TestSink sink;
    Broadcast leaf(resuming(true), Buffer(nullptr, &sink, ten_by_four, 12, 1),
                   std::make_unique<TestTransport>(script), clock);
    leaf.start();
    CHECK(script.asked ==
          std::vector<std::string>{"receive 0:4 0", "receive 1:4 0", "receive 2:2 0"});
    CHECK(sink.offered == 0);
}

TEST_CASE("a ring that begins again passes over what nobody wants, but not what its sink wants") {
    TestSource source;
    Buffer without(&source, nullptr, ten_by_four, 4, 1);
    collectives::Holdings last(ten_by_four.count());
    last.add(2);
    without.renew(last);
    source.requested = 8;  // checks that this is the offset it is asked for
    without.advance(0, 2);
    CHECK(source.requested == 10);

    TestSource again;
    TestSink sink;
    Buffer with(&again, &sink, ten_by_four, 8, 1);
    with.advance(0, 0);
    again.filled = 4;
    with.advance(0, 0);
    CHECK(sink.offered == 4);
    with.renew(last);
    with.advance(0, 2);
    CHECK(again.requested == 8);  // the sink has not taken what lies where the ring would begin
    sink.emptied = 4;
    again.requested = 4;
    with.advance(0, 2);
    CHECK(again.requested > 4);
}

TEST_CASE("polling moves every broadcast that is under way") {
    std::array<std::byte, 10> memory{};
    TestClock clock;
    std::array<Script, 2> scripts;
    std::vector<std::unique_ptr<Broadcast>> roots;
    for (Script& script : scripts) {
        roots.push_back(
            std::make_unique<Broadcast>(config_of(0, 2, false), Buffer(memory.data(), ten_by_four),
                                        std::make_unique<TestTransport>(script), clock));
        progress::enter(*roots.back());
    }
    CHECK(progress::active() == 2);
    CHECK_FALSE(progress::poll());
    for (Script& script : scripts) {
        script.completions.push_back(survey(1));
        for (const Segment s : {0, 1, 2}) {
            script.completions.push_back(segment_done(Completion::Kind::sent, s));
        }
    }
    progress::wait([&] { return roots[1]->done(); });
    CHECK(roots[0]->done());
    for (const auto& root : roots) progress::leave(*root);
    CHECK(progress::active() == 0);
    CHECK_FALSE(progress::poll());
}

// ---- work beside broadcasts
// -------------------------------------------------------------------------------------

TEST_CASE("work beside broadcasts is done by another thread, and what it throws comes out") {
    std::thread::id worker;
    progress::beside([&] { worker = std::this_thread::get_id(); });
    CHECK(worker != std::thread::id());
    CHECK(worker != std::this_thread::get_id());
    CHECK_THROWS_AS(progress::beside([] { throw std::runtime_error("no"); }), std::runtime_error);
}

namespace {

std::atomic<bool> handled_here = false;
thread_local bool works = false;

extern "C" void note_the_thread(int /*signal*/) { handled_here = works; }

}  // namespace

TEST_CASE("a signal interrupts the work, not the thread that moves broadcasts") {
    struct sigaction action{};
    struct sigaction before{};
    action.sa_handler = note_the_thread;
    sigemptyset(&action.sa_mask);
    REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
    progress::beside([] {
        works = true;
        ::kill(::getpid(), SIGUSR1);
    });
    CHECK(handled_here);
    sigset_t mask;
    REQUIRE(pthread_sigmask(SIG_BLOCK, nullptr, &mask) == 0);
    CHECK(sigismember(&mask, SIGUSR1) == 0);
    REQUIRE(sigaction(SIGUSR1, &before, nullptr) == 0);
}
