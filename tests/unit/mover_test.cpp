#include "collectives/mover.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace splitcast::collectives;

namespace {

constexpr Segment everything = std::numeric_limits<Segment>::max();
using Words = std::vector<std::string>;

Words words(const std::vector<Action>& actions) {
    Words out;
    for (const Action& a : actions) {
        const char* what = a.kind == Action::Kind::receive  ? "receive "
                           : a.kind == Action::Kind::cancel ? "cancel from "
                                                            : "send ";
        out.push_back(what + std::to_string(a.segment) + " on " + std::to_string(a.flow));
    }
    return out;
}

/// From 1 the even segments below 8, to 2 all below 8; the odd ones are held.
class Rig {
public:
    explicit Rig(std::int32_t base = 0)
        : mover({.in = {{.peer = 1, .channel = 0, .segments = {{0, 2, 4}}}},
                 .out = {{.peer = 2, .channel = 3, .segments = {{0, 1, 8}}}}},
                {.receive_depth = 3, .window = {.initial = 2, .smallest = 2, .largest = 2}}, base,
                held_, held_.segments(), held_.segments()) {
        for (Segment s = 1; s < 8; s += 2) held_.add(s);
    }

    Words post() {
        std::vector<Action> actions;
        mover.post_receives(actions);
        return words(actions);
    }
    Words pump() {
        std::vector<Action> actions;
        mover.pump_sends(held_, 1, actions);
        return words(actions);
    }
    Words flush(std::vector<FlowCount> counts) {
        std::vector<Action> actions;
        mover.flush(1, counts, actions);
        return words(actions);
    }
    void received(std::int32_t flow, Segment segment) {
        mover.received(flow, segment);
        held_.add(segment);
    }
    void sent(std::int32_t flow, Segment segment) { mover.sent(flow, segment, held_, 2); }

private:
    Holdings held_ = Holdings(8);

public:
    Mover mover;
};

}  // namespace

TEST_CASE("the flows of a later epoch have numbers of their own") {
    Rig rig(5);
    CHECK(rig.mover.end() == 6);
    CHECK(rig.mover.knows_in(5));
    CHECK_FALSE(rig.mover.knows_in(4));
    CHECK_FALSE(rig.mover.knows_in(6));
    CHECK(rig.mover.sender(5) == 1);
    CHECK(rig.mover.receiver(5) == 2);
    CHECK(rig.post() == Words{"receive 0 on 5", "receive 2 on 5", "receive 4 on 5"});
}

TEST_CASE("what is drained: the sender's last segment has come, and its own sends are complete") {
    Rig rig;
    rig.post();
    rig.received(0, 0);
    CHECK(rig.pump() == Words{"send 0 on 0", "send 1 on 0"});
    rig.mover.stop();
    CHECK(rig.pump().empty());
    CHECK_FALSE(rig.mover.drained());
    CHECK(rig.mover.sent_to(2) == std::vector<FlowCount>{{.channel = 3, .sent = 2}});
    CHECK(rig.mover.sent_to(1).empty());
    // The sender says that it has sent two: the receive of the third is taken back.
    CHECK(rig.flush({{.channel = 0, .sent = 2}}) == Words{"cancel from 4 on 0"});
    rig.mover.dropped(0, 4);
    CHECK(rig.post().empty());
    rig.received(0, 2);
    CHECK_FALSE(rig.mover.drained());
    rig.sent(0, 1);
    rig.sent(0, 0);
    CHECK(rig.mover.drained());
}

TEST_CASE(
    "a sender that has sent more than was posted for is received from until it is all there") {
    Rig rig;
    rig.post();
    rig.mover.stop();
    CHECK(rig.flush({{.channel = 0, .sent = 4}}).empty());
    rig.received(0, 0);
    CHECK(rig.post() == Words{"receive 6 on 0"});
    rig.received(0, 2);
    rig.received(0, 4);
    CHECK_FALSE(rig.mover.drained());
    rig.received(0, 6);
    CHECK(rig.mover.drained());
}

TEST_CASE("a flow that its sender does not know of has sent nothing") {
    Rig rig;
    rig.post();
    rig.mover.stop();
    CHECK(rig.flush({{.channel = 9, .sent = 4}}) == Words{"cancel from 0 on 0"});
    CHECK(rig.flush({{.channel = 0, .sent = 4}}).empty());  // what it said first counts
}

TEST_CASE("nobody waits for what is under way from and to a rank that is forsaken") {
    Rig rig;
    rig.post();
    rig.received(0, 0);
    rig.pump();
    rig.mover.forsake(1);
    CHECK_FALSE(rig.mover.knows_in(0));
    CHECK(rig.post().empty());
    rig.mover.stop();
    CHECK_FALSE(rig.mover.drained());
    rig.mover.forsake(2);
    CHECK_FALSE(rig.mover.knows_out(0));
    CHECK(rig.mover.drained());
    CHECK(rig.mover.withdrawn());
    CHECK(rig.mover.low_water() == everything);
    CHECK_FALSE(rig.mover.complete());
}

TEST_CASE("what is withdrawn is not what was forsaken") {
    Rig rig;
    rig.post();
    rig.mover.forsake(1);
    std::vector<Action> actions;
    rig.mover.withdraw(actions);
    CHECK(actions.empty());
}

TEST_CASE("partners are named once, in order") {
    const Rig rig;
    CHECK(rig.mover.partners() == std::vector<Rank>{1, 2});
}

TEST_CASE("what was held before may have to be read again, what has come since is there") {
    Holdings held(4);
    held.add(0);
    held.add(2);
    Mover mover({.in = {{.peer = 1, .channel = 0, .segments = {{1, 1, 1}}}},
                 .out = {{.peer = 2, .channel = 0, .segments = {{0, 1, 3}}}}},
                {.receive_depth = 4, .window = {.initial = 4, .smallest = 4, .largest = 4}}, 0,
                held, 0, 0);
    const auto pump = [&] {
        std::vector<Action> actions;
        mover.post_receives(actions);
        mover.pump_sends(held, 1, actions);
        return words(actions);
    };
    CHECK(pump().empty());
    mover.set_readable(1);
    CHECK(pump() == Words{"send 0 on 0"});
    mover.set_writable(2);
    CHECK(pump() == Words{"receive 1 on 0"});
    mover.received(0, 1);
    held.add(1);
    CHECK(pump() == Words{"send 1 on 0"});  // without having been read
    CHECK(mover.low_water() == 0);
    mover.set_readable(3);
    CHECK(pump() == Words{"send 2 on 0"});
}
