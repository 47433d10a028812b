// Schedules that are broken on purpose: the checker has to see each, and to call it by its name.

#include "collectives/check.hpp"

#include "support/placements.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <functional>
#include <vector>

using namespace splitcast::collectives;
using Kind = Violation::Kind;

namespace {

constexpr Segment segments = 12;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Everybody's plans of a broadcast to 8 ranks, root 0: {1 2 3} -> {4 5 6} -> {7}, three stripes.
struct Case {
    Schedule schedule = Schedule::make(Placement::flat(8), 0, {3, 1, 2});
    std::vector<RankPlan> plans;

    Case() {
        for (Rank r = 0; r < 8; ++r) plans.push_back(rank_plan(schedule, r, segments));
    }

    [[nodiscard]] std::vector<Violation> check() const {
        return splitcast::collectives::check(schedule, plans, segments);
    }

    static std::vector<Flow>::iterator find(std::vector<Flow>& flows, Rank peer, int channel) {
        const auto it = std::find_if(flows.begin(), flows.end(), [&](const Flow& f) {
            return f.peer == peer && f.channel == channel;
        });
        REQUIRE(it != flows.end());
        return it;
    }
    Flow& out(Rank rank, Rank peer, int channel) {
        return *find(plans[at(rank)].out, peer, channel);
    }
    Flow& in(Rank rank, Rank peer, int channel) { return *find(plans[at(rank)].in, peer, channel); }

    /// Takes a flow away at both ends and returns it.
    Flow cut(Rank from, Rank to, int channel) {
        auto& outs = plans[at(from)].out;
        auto& ins = plans[at(to)].in;
        const auto it = find(outs, to, channel);
        Flow flow = *it;
        outs.erase(it);
        ins.erase(find(ins, from, channel));
        return flow;
    }
    void connect(Rank from, Rank to, int channel, const Sequence& sequence) {
        plans[at(from)].out.push_back({to, channel, sequence});
        plans[at(to)].in.push_back({from, channel, sequence});
    }
    /// Lets `to` have its stripe from somebody else.
    void move(Rank from, Rank to, int channel, Rank instead) {
        connect(instead, to, channel, cut(from, to, channel).segments);
    }
};

bool has(const std::vector<Violation>& found, Kind kind, Rank rank, Rank peer = no_rank) {
    return std::any_of(found.begin(), found.end(), [&](const Violation& v) {
        return v.kind == kind && v.rank == rank && (peer == no_rank || v.peer == peer);
    });
}

bool only(const std::vector<Violation>& found, std::initializer_list<Kind> kinds) {
    return !found.empty() && std::all_of(found.begin(), found.end(), [&](const Violation& v) {
        return std::find(kinds.begin(), kinds.end(), v.kind) != kinds.end();
    });
}

}  // namespace

TEST_CASE("a schedule that is left alone is right") {
    const Case c;
    CHECK(text(c.check()).empty());
}

TEST_CASE("mutation: the receiver expects its stripe from the wrong rank") {
    Case c;
    c.in(5, 2, 1).peer = 3;
    const auto found = c.check();
    CHECK(only(found, {Kind::one_sided}));
    CHECK(has(found, Kind::one_sided, 5, 3));  // expects in vain
    CHECK(has(found, Kind::one_sided, 2, 5));  // sends in vain
}

TEST_CASE("mutation: two recipients swap their parents") {
    Case c;
    // 4 should get stripe 0 from 1, and 5 stripe 1 from 2.
    c.in(4, 1, 0).peer = 2;
    c.in(5, 2, 1).peer = 1;
    const auto found = c.check();
    CHECK(only(found, {Kind::one_sided}));
    CHECK(has(found, Kind::one_sided, 4, 2));
    CHECK(has(found, Kind::one_sided, 5, 1));
}

TEST_CASE("mutation: a child is dropped") {
    Case c;
    c.cut(2, 3, 1);
    const auto found = c.check();
    CHECK(only(found, {Kind::never_received}));
    CHECK(has(found, Kind::never_received, 3));
    CHECK(found.size() == 4);  // segments 1, 4, 7, 10
    CHECK(found[0].segment == 1);
}

TEST_CASE("mutation: a relay is dropped, and all behind it starve") {
    Case c;
    c.cut(2, 5, 1);
    const auto found = c.check();
    CHECK(has(found, Kind::never_received, 5));
    CHECK(has(found, Kind::not_held, 5, 4));
    CHECK(has(found, Kind::stuck, 5, 4));
}

TEST_CASE("mutation: a stripe is sent twice") {
    Case c;
    c.connect(3, 6, 1, Sequence{{1, 3, 4}});
    const auto found = c.check();
    CHECK(only(found, {Kind::received_twice, Kind::volume}));
    CHECK(has(found, Kind::received_twice, 6));
}

TEST_CASE("mutation: a flow is listed twice at both ends") {
    Case c;
    c.connect(2, 5, 1, Sequence{{1, 3, 4}});
    CHECK(only(c.check(), {Kind::bad_flow}));
}

TEST_CASE("mutation: the root is sent what it has") {
    Case c;
    c.connect(1, 0, 0, Sequence{{0, 3, 4}});
    const auto found = c.check();
    CHECK(has(found, Kind::already_held, 0, 1));
    CHECK_FALSE(has(found, Kind::received_twice, 0));
}

TEST_CASE("mutation: the wrong stripe is sent, agreed at both ends") {
    Case c;
    c.out(2, 5, 1).segments = Sequence{{0, 3, 4}};
    c.in(5, 2, 1).segments = Sequence{{0, 3, 4}};
    const auto found = c.check();
    CHECK(has(found, Kind::never_received, 5));
    CHECK(has(found, Kind::received_twice, 5));
    CHECK(has(found, Kind::not_held, 5));
}

TEST_CASE("mutation: sender and receiver count a stripe differently") {
    Case c;
    c.out(2, 5, 1).segments = Sequence{{1, 3, 3}};
    CHECK(has(c.check(), Kind::one_sided, 2, 5));
}

TEST_CASE("mutation: sender and receiver use different channels") {
    Case c;
    c.out(2, 5, 1).channel = 7;
    const auto found = c.check();
    CHECK(only(found, {Kind::one_sided}));
    CHECK(has(found, Kind::one_sided, 2, 5));
    CHECK(has(found, Kind::one_sided, 5, 2));
}

TEST_CASE("mutation: two ranks wait for each other") {
    Case c;
    // Stripe 1 enters group 1 at 5, which feeds 6 and 4. Let 6 feed 5 instead.
    c.move(2, 5, 1, 6);
    const auto found = c.check();
    CHECK(only(found, {Kind::stuck, Kind::volume}));
    CHECK(has(found, Kind::stuck, 5, 6));
    CHECK(has(found, Kind::stuck, 6, 5));
}

TEST_CASE("mutation: the root does a relay's work") {
    Case c;
    c.move(2, 3, 1, 0);
    const auto found = c.check();
    CHECK(only(found, {Kind::volume}));
    CHECK(has(found, Kind::volume, 0));
}

TEST_CASE("mutation: one relay does its peers' work") {
    Case c;
    // Rank 1 sends on what 2 and 3 should.
    c.move(2, 5, 1, 1);
    c.move(3, 6, 2, 1);
    const auto found = c.check();
    CHECK(only(found, {Kind::volume}));
    CHECK(has(found, Kind::volume, 1));
}

TEST_CASE("mutation: a local rank is fed from outside its node") {
    const auto schedule = Schedule::make(splitcast::tests::in_blocks(8, 4), 0, {1, 1, 3});
    std::vector<RankPlan> plans(8);
    for (Rank r = 0; r < 8; ++r) plans[at(r)] = rank_plan(schedule, r, segments);
    REQUIRE(check(schedule, plans, segments).empty());
    plans[7].in[0].peer = 0;
    auto& outs = plans[4].out;
    plans[0].out.push_back(outs.back());
    REQUIRE(outs.back().peer == 7);
    outs.pop_back();
    CHECK(only(check(schedule, plans, segments), {Kind::volume}));
}

TEST_CASE("flows that make no sense") {
    const auto broken_by = [](const std::function<void(Case&)>& breaking) {
        Case c;
        breaking(c);
        return only(c.check(), {Kind::bad_flow});
    };
    CHECK(broken_by([](Case& c) { c.plans[3].out.push_back({3, 9, Sequence{{2, 3, 4}}}); }));
    CHECK(broken_by([](Case& c) { c.plans[3].out.push_back({8, 9, Sequence{{2, 3, 4}}}); }));
    CHECK(broken_by([](Case& c) { c.plans[3].out.push_back({-1, 9, Sequence{{2, 3, 4}}}); }));
    CHECK(broken_by([](Case& c) { c.plans[3].in.push_back({2, 9, Sequence{}}); }));
    CHECK(broken_by([](Case& c) { c.out(2, 5, 1).segments = Sequence{{1, 3, 5}}; }));
}

TEST_CASE("the dead send and receive nothing") {
    const Case c;
    std::vector<Holdings> before(8, Holdings(segments));
    before[0] = Holdings::everything(segments);
    const std::vector<Rank> live{0, 1, 2, 3, 4, 5, 6};
    CHECK(only(check(c.plans, before, live), {Kind::bad_flow}));
}

TEST_CASE("two ranks that send to each other do not wait for each other") {
    std::vector<Holdings> before(3, Holdings(2));
    before[0] = Holdings::everything(2);
    std::vector<RankPlan> plans(3);
    const auto connect = [&](Rank from, Rank to, const Sequence& s) {
        plans[at(from)].out.push_back({to, 0, s});
        plans[at(to)].in.push_back({from, 0, s});
    };
    connect(0, 1, Sequence{{1, 1, 1}});
    connect(0, 2, Sequence{{0, 1, 1}});
    connect(1, 2, Sequence{{1, 1, 1}});
    connect(2, 1, Sequence{{0, 1, 1}});
    CHECK(text(check(plans, before, std::vector<Rank>{0, 1, 2})).empty());
}

TEST_CASE("a violation says in words what it is") {
    Case c;
    c.cut(2, 3, 1);
    CHECK(c.check().front().text == "rank 3 is never sent segment 1");
    CHECK(text(c.check()).starts_with("never received: rank 3 is never sent segment 1\n"));
}

TEST_CASE("a plan is checked as strictly as a schedule") {
    std::vector<Holdings> before(3, Holdings(4));
    before[0] = Holdings::everything(4);
    const std::vector<Rank> live{0, 1, 2};
    Plan plan = std::get<Plan>(
        splitcast::collectives::plan(before, live, std::vector<Rank>{0}, Placement::flat(3), {}));
    REQUIRE(check(plan, before, live).empty());
    Plan self = plan;
    self.transfers.push_back({1, 1, Sequence{{0, 1, 1}}});
    CHECK(only(check(self, before, live), {Kind::bad_flow}));
    Plan unknown = plan;
    unknown.transfers.push_back({1, 5, Sequence{{0, 1, 1}}});
    CHECK(only(check(unknown, before, live), {Kind::bad_flow}));
    Plan less = plan;
    less.transfers.pop_back();
    CHECK(has(check(less, before, live), Kind::never_received, 2));
}
