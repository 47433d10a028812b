#include "collectives/plan.hpp"

#include "collectives/check.hpp"
#include "support/placements.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <vector>

using namespace splitcast::collectives;
using List = std::vector<Rank>;

namespace {

std::vector<Holdings> only_root_holds(int ranks, Rank root, Segment segments) {
    std::vector<Holdings> out(static_cast<std::size_t>(ranks), Holdings(segments));
    out[static_cast<std::size_t>(root)] = Holdings::everything(segments);
    return out;
}

List all_but(int ranks, const List& dead) {
    List out;
    for (Rank r = 0; r < ranks; ++r) {
        if (std::find(dead.begin(), dead.end(), r) == dead.end()) out.push_back(r);
    }
    return out;
}

std::map<Rank, Segment> sent_by(const Plan& plan) {
    std::map<Rank, Segment> out;
    for (const auto& t : plan.transfers) out[t.from] += t.segments.size();
    return out;
}

const Shape wide{64, 1, 2};

}  // namespace

TEST_CASE("a fresh broadcast is planned as the schedule has it") {
    const auto placements = {Placement::flat(13), splitcast::tests::in_blocks(13, 3),
                             splitcast::tests::in_blocks(13, 13), splitcast::tests::ragged(13)};
    for (const Placement& placement : placements) {
        for (const Shape shape :
             {Shape{1, 1, 1}, Shape{3, 1, 2}, Shape{4, 2, 3}, Shape{12, 1, 2}}) {
            for (const Rank root : {0, 5, 12}) {
                const auto before = only_root_holds(13, root, 61);
                const auto live = placement.all();
                const auto planned = plan(before, live, List{root}, placement, shape);
                REQUIRE(std::holds_alternative<Plan>(planned));
                const Plan& p = std::get<Plan>(planned);
                const auto schedule = Schedule::make(placement, root, shape);
                for (Rank r = 0; r < 13; ++r) {
                    // The plan merges the stripes between two ranks; otherwise it is the same.
                    const auto volumes = [](const std::vector<Flow>& flows) {
                        std::map<Rank, Segment> out;
                        for (const Flow& f : flows) out[f.peer] += f.segments.size();
                        return out;
                    };
                    const RankPlan a = rank_plan(p, r);
                    const RankPlan b = rank_plan(schedule, r, 61);
                    REQUIRE(volumes(a.out) == volumes(b.out));
                    REQUIRE(volumes(a.in) == volumes(b.in));
                }
            }
        }
    }
}

TEST_CASE("nothing is lacking, nothing is sent") {
    const std::vector<Holdings> before(4, Holdings::everything(9));
    const auto planned = plan(before, List{0, 1, 3}, List{0}, Placement::flat(4), wide);
    CHECK(std::get<Plan>(planned).transfers.empty());
    CHECK(std::get<Plan>(plan({}, {}, {}, Placement::flat(0), wide)).transfers.empty());
    CHECK(std::get<Plan>(
              plan(only_root_holds(2, 0, 0), List{0, 1}, List{0}, Placement::flat(2), wide))
              .transfers.empty());
}

TEST_CASE("what no survivor holds is named") {
    auto before = only_root_holds(4, 0, 10);
    before[1].add(3);
    before[2].add(4);
    const auto planned = plan(before, List{1, 2, 3}, List{0}, Placement::flat(4), wide);
    CHECK(std::get<Unrecoverable>(planned).missing == Ranges{{0, 3}, {5, 10}});
}

TEST_CASE("the root is gone and the survivors' union is whole: each sends what only it holds") {
    // Rank i of 1 .. 4 holds stripe i - 1.
    auto before = only_root_holds(5, 0, 40);
    for (Segment s = 0; s < 40; ++s) before[static_cast<std::size_t>(1 + s % 4)].add(s);
    const auto live = all_but(5, {0});
    const auto planned = plan(before, live, List{0}, Placement::flat(5), wide);
    const Plan& p = std::get<Plan>(planned);
    CHECK(check(p, before, live).empty());
    for (const auto& [rank, volume] : sent_by(p)) CHECK(volume == 30);
    // Directly, since relaying would save nobody anything.
    for (const auto& t : p.transfers) CHECK(t.segments == Sequence{{t.from - 1, 4, 10}});
}

TEST_CASE("a relay died half way: only what is lacking moves, and the root sends it once") {
    // Seven recipients had half of everything when rank 3 died.
    auto before = only_root_holds(8, 0, 70);
    for (std::size_t r = 1; r < 8; ++r) {
        for (Segment s = 0; s < 35; ++s) before[r].add(s);
    }
    const auto live = all_but(8, {3});
    const Plan p = std::get<Plan>(plan(before, live, List{0}, Placement::flat(8), wide));
    CHECK(check(p, before, live).empty());
    auto sent = sent_by(p);
    CHECK(sent[0] == 35);
    for (const auto& [rank, volume] : sent) CHECK(volume <= 35);
}

TEST_CASE("survivors are asked before the root") {
    auto before = only_root_holds(4, 0, 8);
    before[2] = Holdings::everything(8);
    before[3] = Holdings::everything(8);
    const auto live = all_but(4, {});
    const Plan p = std::get<Plan>(plan(before, live, List{0}, Placement::flat(4), {1, 1, 2}));
    REQUIRE(p.transfers.size() == 1);
    CHECK(p.transfers[0].from == 2);
    // When all can take part, all do.
    const Plan q = std::get<Plan>(plan(before, live, List{0}, Placement::flat(4), {3, 1, 2}));
    CHECK(q.text() == "0 -> 1: 2,5\n2 -> 1: 0,3,6\n3 -> 1: 1,4,7\n");
}

TEST_CASE("a mirror shares the root's work") {
    auto before = only_root_holds(9, 0, 64);
    before[5] = Holdings::everything(64);
    const auto live = all_but(9, {});
    const Plan p = std::get<Plan>(plan(before, live, List{0, 5}, Placement::flat(9), wide));
    CHECK(check(p, before, live).empty());
    for (const auto& [rank, volume] : sent_by(p)) CHECK(volume <= 64);
}

TEST_CASE("what one rank of a node holds is not fetched over the network again") {
    const Placement placement = splitcast::tests::in_blocks(8, 4);
    auto before = only_root_holds(8, 0, 20);
    for (Segment s = 0; s < 20; s += 2) before[6].add(s);
    const auto live = all_but(8, {});
    const Plan p = std::get<Plan>(plan(before, live, List{0}, placement, wide));
    CHECK(check(p, before, live).empty());
    Segment network = 0;
    for (const auto& t : p.transfers) {
        if (!placement.same_node(t.from, t.to)) network += t.segments.size();
    }
    CHECK(network == 10);
}

TEST_CASE("one survivor that lacks nothing, and one that lacks something") {
    const auto before = only_root_holds(3, 0, 5);
    CHECK(
        std::get<Plan>(plan(before, List{0}, List{0}, Placement::flat(3), wide)).transfers.empty());
    CHECK(
        std::get<Unrecoverable>(plan(before, List{2}, List{0}, Placement::flat(3), wide)).missing ==
        Ranges{{0, 5}});
}

TEST_CASE("plans are values: the order in which ranks are named does not matter") {
    auto before = only_root_holds(6, 2, 30);
    for (Segment s = 0; s < 30; s += 3) before[4].add(s);
    const auto a = plan(before, List{0, 1, 2, 4, 5}, List{2}, Placement::flat(6), wide);
    const auto b = plan(before, List{5, 4, 2, 1, 0}, List{2}, Placement::flat(6), wide);
    CHECK(a == b);
}
