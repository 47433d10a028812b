#include "collectives/membership.hpp"

#include "support/random.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <vector>

using namespace splitcast::collectives;
using splitcast::tests::Random;

namespace {

constexpr Loss dead(Rank rank) { return {.rank = rank, .dead = true}; }
constexpr Loss silent(Rank rank) { return {.rank = rank, .dead = false}; }

}  // namespace

TEST_CASE("a loss counts once, and a death that is heard of later is remembered") {
    Membership members({0, 1, 2, 3}, 1, 0);
    CHECK_FALSE(members.torn());
    CHECK(members.lose(silent(2)));
    CHECK(members.torn());
    CHECK_FALSE(members.lose(silent(2)));
    CHECK_FALSE(members.dead(2));
    CHECK_FALSE(members.lose(dead(2)));
    CHECK(members.dead(2));
    CHECK_FALSE(members.lose(silent(2)));
    CHECK(members.dead(2));
    CHECK(members.present() == std::vector<Rank>{0, 1, 3});
    CHECK(members.losses() == std::vector<Loss>{dead(2)});
}

TEST_CASE("the lowest rank that is left coordinates") {
    Membership members({1, 3, 4}, 4, 3);
    CHECK(members.coordinator() == 1);
    members.lose(dead(1));
    CHECK(members.coordinator() == 3);
    members.lose(silent(3));
    CHECK(members.coordinator() == 4);
}

TEST_CASE("in a new epoch those who are known to be gone besides are still gone") {
    Membership members({0, 1, 2, 3}, 0, 0);
    members.lose(dead(1));
    members.lose(dead(2));
    members.renew({dead(1)}, 0);
    CHECK(members.members() == std::vector<Rank>{0, 2, 3});
    CHECK(members.torn());
    CHECK(members.gone(1));
    CHECK_FALSE(members.lose(dead(1)));
    members.renew({dead(1), dead(2)}, 0);
    CHECK_FALSE(members.torn());
    CHECK(members.losses() == std::vector<Loss>{dead(1), dead(2)});
}

TEST_CASE("one survivor of many goes on, one of many that are silent does not") {
    Membership survivor({0, 1, 2, 3}, 3, 0);
    for (const Rank rank : {0, 1, 2}) survivor.lose(dead(rank));
    CHECK(survivor.quorum());
    Membership cut_off({0, 1, 2, 3}, 3, 0);
    for (const Rank rank : {0, 1}) cut_off.lose(silent(rank));
    CHECK_FALSE(cut_off.quorum());
    Membership with_root({0, 1, 2, 3}, 3, 3);
    for (const Rank rank : {0, 1}) with_root.lose(silent(rank));
    CHECK(with_root.quorum());
}

TEST_CASE("two parts of a torn team never both go on, whatever deaths each knows of") {
    Random random(1);
    for (int i = 0; i < 50000; ++i) {
        const Rank ranks = random.number(2, 9);
        std::vector<Rank> all;
        for (Rank rank = 0; rank < ranks; ++rank) all.push_back(rank);
        const Rank root = random.number(0, ranks - 1);
        std::vector<bool> side(all.size());
        std::vector<bool> is_dead(all.size());
        for (std::size_t r = 0; r < all.size(); ++r) {
            side[r] = random.chance(50);
            is_dead[r] = random.chance(20);
        }
        const auto goes_on = [&](bool part) {
            const auto self = std::ranges::find_if(all, [&](Rank rank) {
                const auto r = static_cast<std::size_t>(rank);
                return side[r] == part && !is_dead[r];
            });
            if (self == all.end()) return false;
            Membership members(all, *self, root);
            for (std::size_t r = 0; r < all.size(); ++r) {
                // The other part is silent; of the dead each knows some, and misses the others.
                if (side[r] != part || is_dead[r])
                    members.lose({static_cast<Rank>(r), is_dead[r] && random.chance(70)});
            }
            return members.quorum();
        };
        const bool one = goes_on(false);
        const bool other = goes_on(true);
        REQUIRE_FALSE((one && other));
    }
}

TEST_CASE("losses are described") {
    CHECK(text(std::vector<Loss>{}) == "nobody");
    CHECK(text({dead(3), silent(5)}) == "rank 3 is dead, rank 5 was evicted");
}
