#include "collectives/schedule.hpp"

#include "collectives/check.hpp"
#include "support/placements.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

using namespace splitcast::collectives;
using List = std::vector<Rank>;

TEST_CASE("the example of the header") {
    const auto s = Schedule::make(Placement::flat(8), 0, {4, 1, 2});
    CHECK(s.stripes() == 4);
    CHECK(s.children(0, 1) == List{2});
    CHECK(s.children(2, 1) == List{6, 3, 4, 1});
    CHECK(s.children(6, 1) == List{7, 5});
    CHECK(s.children(5, 3) == List{6});
    CHECK(s.children(6, 3) == List{7});
    CHECK(s.children(7, 3).empty());
    CHECK(s.parent(0, 1) == no_rank);
    CHECK(s.parent(6, 1) == 2);
    CHECK(s.parent(7, 3) == 6);
    CHECK(s.group_of(0) == -1);
    CHECK(s.group_of(4) == 0);
    CHECK(s.group_of(5) == 1);
    CHECK(s.text() ==
          "8 ranks, root 0, groups of 4, each feeds 1, local fan-out 2\n"
          "root's unit: 0\n"
          "group 0 from the root: 1 2 3 4\n"
          "group 1 from group 0: 5 6 7\n");
}

TEST_CASE("one rank has nothing to do") {
    const auto s = Schedule::make(Placement::flat(1), 0, {4, 2, 2});
    CHECK(s.stripes() == 1);
    CHECK(s.depth() == 0);
    CHECK(rank_plan(s, 0, 10) == RankPlan{});
    CHECK(check(s, 10).empty());
}

TEST_CASE("two ranks are one copy, from either root") {
    for (Rank root : {0, 1}) {
        const auto s = Schedule::make(Placement::flat(2), root, {4, 2, 2});
        CHECK(rank_plan(s, root, 10).out == std::vector<Flow>{{1 - root, 0, Sequence{{0, 1, 10}}}});
        CHECK(rank_plan(s, 1 - root, 10).in == std::vector<Flow>{{root, 0, Sequence{{0, 1, 10}}}});
        CHECK(s.depth() == 1);
    }
}

TEST_CASE("a shape out of range is brought into it") {
    const auto s = Schedule::make(Placement::flat(5), 3, {100, -1, 0});
    CHECK(s.shape() == Shape{4, 1, 1});
    const auto t = Schedule::make(Placement::flat(5), 3, {-7, 1 << 30, 1 << 30});
    CHECK(t.shape().group_size == 1);
    CHECK(check(t, 9).empty());
    CHECK(check(s, 9).empty());
}

TEST_CASE("no segments, no flows; few segments, few stripes") {
    const auto s = Schedule::make(Placement::flat(6), 0, {5, 1, 2});
    CHECK(rank_plan(s, 0, 0) == RankPlan{});
    CHECK(rank_plan(s, 0, 2).out.size() == 2);
    CHECK(rank_plan(s, 3, 2).in.size() == 2);
    CHECK(check(s, 0).empty());
    CHECK(check(s, 2).empty());
}

TEST_CASE("nodes are units: the data enters each node once") {
    const auto s = Schedule::make(splitcast::tests::in_blocks(12, 4), 5, {2, 1, 2});
    CHECK(s.order().front() == 5);
    CHECK(s.leader(4) == 5);
    CHECK(s.leader(10) == 8);
    CHECK(s.leader(1) == 0);
    CHECK(s.group_of(4) == -1);
    CHECK(s.group_of(0) == 0);
    CHECK(s.text() ==
          "12 ranks, root 5, groups of 2, each feeds 1, local fan-out 2\n"
          "root's unit: 5+6+7+4\n"
          "group 0 from the root: 8+9+10+11 0+1+2+3\n");
    CHECK(check(s, 7).empty());
    for (const int node : {0, 1, 2}) {
        Segment entering = 0;
        for (Rank r = 4 * node; r < 4 * node + 4; ++r) {
            for (const Flow& flow : rank_plan(s, r, 7).in) {
                if (flow.peer / 4 != node) entering += flow.segments.size();
            }
        }
        CHECK(entering == (node == 1 ? 0 : 7));
    }
    CHECK(rank_plan(s, 9, 6).in.size() == 2);
    CHECK(s.children(8, 0) == List{0, 9, 10});
}

TEST_CASE("onward first, then peers, the own node last") {
    const auto s = Schedule::make(splitcast::tests::in_blocks(14, 2), 0, {2, 2, 4});
    // Units 1 .. 6 in groups {2 4} -> {6 8}, {10 12}.
    List peers;
    for (const Flow& flow : rank_plan(s, 2, 2).out) peers.push_back(flow.peer);
    CHECK(peers == List{6, 10, 4, 3, 3});
}

TEST_CASE("ranks on one node are units of their own") {
    const auto s = Schedule::make(splitcast::tests::in_blocks(6, 6), 2, {5, 1, 2});
    CHECK(s.order() == List{2, 3, 4, 5, 0, 1});
    CHECK(s.group_of(1) == 0);
    CHECK(s.depth() == 2);
}

TEST_CASE("ranks that are left out have no part") {
    const auto s = Schedule::make(Placement::flat(6), List{5, 1, 2, 4}, 4, {2, 1, 2});
    CHECK(s.order() == List{4, 5, 1, 2});
    CHECK_FALSE(s.contains(0));
    CHECK(s.parent(0, 0) == no_rank);
    CHECK(s.children(3, 1).empty());
    CHECK(s.leader(0) == no_rank);
    CHECK(rank_plan(s, 3, 8) == RankPlan{});
    CHECK(check(s, 8).empty());
}

TEST_CASE("depth is the longest way") {
    for (int ranks : {1, 2, 5, 13, 40}) {
        for (int k : {1, 2, 3, 7, 12, 39}) {
            for (int d : {1, 2, 3}) {
                const auto s =
                    Schedule::make(splitcast::tests::ragged(ranks), ranks / 2, {k, d, 2});
                int longest = 0;
                for (Rank r = 0; r < ranks; ++r) {
                    for (int stripe = 0; stripe < s.stripes(); ++stripe) {
                        int hops = 0;
                        for (Rank up = r; s.parent(up, stripe) != no_rank; ++hops) {
                            up = s.parent(up, stripe);
                        }
                        REQUIRE(s.hops(r, stripe) == hops);
                        longest = std::max(longest, hops);
                    }
                }
                REQUIRE(s.depth() == longest);
            }
        }
    }
}

TEST_CASE("a chain is deep, a tree of groups is not") {
    CHECK(Schedule::make(Placement::flat(64), 0, {1, 1, 2}).depth() == 63);
    CHECK(Schedule::make(Placement::flat(64), 0, {63, 1, 2}).depth() == 2);
    CHECK(Schedule::make(Placement::flat(57), 0, {8, 2, 2}).depth() == 4);
}

TEST_CASE("equal shapes and orders are equal schedules") {
    const auto a = Schedule::make(Placement::flat(8), 0, {4, 1, 2});
    CHECK(a == Schedule::make(Placement::flat(8), 0, {4, 1, 2}));
    CHECK_FALSE(a == Schedule::make(Placement::flat(8), 1, {4, 1, 2}));
    CHECK_FALSE(a == Schedule::make(Placement::flat(8), 0, {3, 1, 2}));
}
