#include "collectives/placement.hpp"

#include "support/placements.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using splitcast::collectives::Placement;
using splitcast::collectives::Rank;
using List = std::vector<Rank>;
using Lists = std::vector<std::vector<Rank>>;

TEST_CASE("when nothing is known every rank is a node of its own") {
    const Placement flat = Placement::flat(4);
    CHECK(flat.nodes() == Lists{{0}, {1}, {2}, {3}});
    CHECK(flat.order(2) == List{2, 3, 0, 1});
    CHECK_FALSE(flat.same_node(0, 1));
    CHECK(flat.same_node(1, 1));
}

TEST_CASE("ranks of a node stay together, neighbours first") {
    // Two nodes, ranks dealt out in turn, cores backwards on node 0.
    const Placement placement({{0, 0, 0, 0, 3},
                               {0, 1, 0, 0, 0},
                               {0, 0, 0, 0, 1},
                               {0, 1, 1, 1, 2},
                               {0, 0, 1, 1, 0},
                               {0, 1, 0, 0, 1}});
    CHECK(placement.nodes() == Lists{{2, 0, 4}, {1, 5, 3}});
    CHECK(placement.same_node(0, 4));
    CHECK_FALSE(placement.same_node(0, 1));
}

TEST_CASE("switches come before nodes") {
    const Placement placement({{1, 0, 0, 0, 0}, {0, 1, 0, 0, 0}, {1, 2, 0, 0, 0}, {0, 3, 0, 0, 0}});
    CHECK(placement.order(1) == List{1, 3, 0, 2});
}

TEST_CASE("the root's node is first and the root leads it") {
    const Placement placement = splitcast::tests::in_blocks(9, 3);
    CHECK(placement.order(0) == List{0, 1, 2, 3, 4, 5, 6, 7, 8});
    CHECK(placement.order(4) == List{4, 5, 3, 6, 7, 8, 0, 1, 2});
    CHECK(placement.order(8) == List{8, 6, 7, 0, 1, 2, 3, 4, 5});
}

TEST_CASE("ranks that disagree about their node's switch still share the node") {
    const Placement placement({{0, 7, 0, 0, 0}, {0, 8, 0, 0, 0}, {1, 7, 0, 0, 1}});
    CHECK(placement.nodes() == Lists{{0, 2}, {1}});
}

TEST_CASE("some of the ranks") {
    const Placement placement = splitcast::tests::in_blocks(8, 4);
    CHECK(placement.nodes(List{6, 1, 3}) == Lists{{1, 3}, {6}});
    CHECK(placement.nodes_from(6, List{6, 1, 3}) == Lists{{6}, {1, 3}});
    CHECK(placement.select(List{6, 1})[0] == placement[6]);
    CHECK(placement.select(List{6, 1}).ranks() == 2);
}

TEST_CASE("placement: text") {
    CHECK(Placement({{0, 1, -1, -1, 2}, {}}).text() == "0: switch 0 node 1 core 2\n1:\n");
}
