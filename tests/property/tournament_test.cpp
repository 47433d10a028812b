// Who is measured with whom.

#include "collectives/tournament.hpp"

#include "support/random.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

using namespace splitcast::collectives;
using namespace splitcast::tests;

namespace {

using Pairs = std::set<std::pair<int, int>>;

/// The pairs of a round; fails if somebody has a partner who has another one, or itself.
Pairs pairs_of(const Matching& matching) {
    Pairs pairs;
    for (int a = 0; a < static_cast<int>(matching.size()); ++a) {
        const int b = matching[static_cast<std::size_t>(a)];
        if (b == no_partner) continue;
        REQUIRE(b >= 0);
        REQUIRE(b < static_cast<int>(matching.size()));
        REQUIRE(b != a);
        REQUIRE(matching[static_cast<std::size_t>(b)] == a);
        pairs.insert(std::minmax(a, b));
    }
    return pairs;
}

}  // namespace

TEST_CASE("in a tournament every pair meets once, and everybody is in one pair at a time") {
    for (int nodes = 0; nodes <= 130; ++nodes) {
        CAPTURE(nodes);
        Pairs met;
        for (int round = 0; round < tournament_rounds(nodes); ++round) {
            const Matching matching = tournament_round(nodes, round);
            REQUIRE(static_cast<int>(matching.size()) == nodes);
            const Pairs pairs = pairs_of(matching);
            CHECK(static_cast<int>(pairs.size()) == nodes / 2);
            for (const auto& pair : pairs) REQUIRE(met.insert(pair).second);
        }
        CHECK(static_cast<int>(met.size()) == nodes * std::max(nodes - 1, 0) / 2);
    }
}

TEST_CASE("the rounds that are measured: all pairs of few nodes, a sample of many, none twice") {
    for (int nodes = 0; nodes <= 300; ++nodes) {
        CAPTURE(nodes);
        Pairs met;
        std::vector<int> partners(static_cast<std::size_t>(nodes));
        for (const Matching& matching : pair_rounds(nodes)) {
            REQUIRE(static_cast<int>(matching.size()) == nodes);
            for (const auto& [a, b] : pairs_of(matching)) {
                REQUIRE(met.insert({a, b}).second);
                ++partners[static_cast<std::size_t>(a)];
                ++partners[static_cast<std::size_t>(b)];
            }
        }
        if (nodes <= all_pairs_up_to) {
            CHECK(static_cast<int>(met.size()) == nodes * std::max(nodes - 1, 0) / 2);
        } else {
            CHECK(std::ranges::min(partners) >= 8);
        }
    }
}

TEST_CASE("the rounds grow with the logarithm of the nodes") {
    CHECK(pair_rounds(1000).size() == 28);
    CHECK(pair_rounds(10'000).size() == 36);
    CHECK(pair_rounds(34).size() == 20);
}

TEST_CASE("groups hold every node once, and are of about one size") {
    for (int nodes = 1; nodes <= 200; ++nodes) {
        const int size = group_size_for(nodes);
        CAPTURE(nodes, size);
        CHECK(size >= 2);
        CHECK(size <= 8);
        std::set<int> members;
        for (const auto& group : random_groups(nodes, size, seed_of_case(1))) {
            if (nodes >= size) {
                CHECK(static_cast<int>(group.size()) >= size);
                CHECK(static_cast<int>(group.size()) < 2 * size);
            }
            for (const int member : group) REQUIRE(members.insert(member).second);
        }
        CHECK(static_cast<int>(members.size()) == nodes);
        CHECK(*members.begin() == 0);
        CHECK(*members.rbegin() == nodes - 1);
    }
}

TEST_CASE("chance comes from the seed alone") {
    CHECK(random_order(50, 7) == random_order(50, 7));
    CHECK(random_order(50, 7) != random_order(50, 8));
    CHECK(random_order(0, 7).empty());
}
