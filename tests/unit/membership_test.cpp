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
    Membership members({0, 1, 2, 3}, 1);
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
    Membership members({1, 3, 4}, 4);
    CHECK(members.coordinator() == 1);
    members.lose(dead(1));
    CHECK(members.coordinator() == 3);
    members.lose(silent(3));
    CHECK(members.coordinator() == 4);
}

TEST_CASE("in a new epoch those who are known to be gone besides are still gone") {
    Membership members({0, 1, 2, 3}, 0);
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
    Membership survivor({0, 1, 2, 3}, 3);
    for (const Rank rank : {0, 1, 2}) survivor.lose(dead(rank));
    CHECK(survivor.quorum());
    Membership cut_off({0, 1, 2, 3}, 3);
    for (const Rank rank : {0, 1, 2}) cut_off.lose(silent(rank));
    CHECK_FALSE(cut_off.quorum());
    for (const Rank rank : {0, 1, 2}) cut_off.lose(dead(rank));
    CHECK(cut_off.quorum());
}

TEST_CASE("half of the members go on with the root, once all agree on who that is") {
    Membership half({0, 1, 2, 3}, 3);
    for (const Rank rank : {0, 1}) half.lose(silent(rank));
    CHECK_FALSE(half.quorum());
    half.settle(1);
    CHECK_FALSE(half.quorum());
    Membership with_root({0, 1, 2, 3}, 3);
    with_root.settle(3);
    for (const Rank rank : {0, 1}) with_root.lose(silent(rank));
    CHECK(with_root.quorum());
}

TEST_CASE("whoever died may have gone on with those who are silent") {
    Membership members({0, 1, 2}, 1);
    members.settle(1);
    members.lose(dead(0));
    CHECK(members.quorum());
    members.lose(silent(2));
    CHECK_FALSE(members.quorum());
    members.lose(dead(2));
    CHECK(members.quorum());
}

TEST_CASE("deaths count once all that are left have adopted an epoch without the dead") {
    Membership members({0, 1, 2, 3, 4}, 1);
    for (const Rank rank : {3, 4}) members.lose(dead(rank));
    members.renew({dead(3), dead(4)}, 0);
    members.lose(silent(2));
    CHECK_FALSE(members.quorum());
    members.settle(0);
    CHECK(members.quorum());
}

// A part forms an epoch without the other, some of it die, and both look round later, knowing of
// the deaths or missing the dead.
TEST_CASE("two parts of a torn team never both go on, whatever deaths each knows of") {
    Random random(1);
    int gone_on = 0;
    for (int i = 0; i < 50000; ++i) {
        const Rank ranks = random.number(2, 9);
        std::vector<Rank> all;
        std::vector<Rank> first;
        std::vector<Rank> second;
        for (Rank rank = 0; rank < ranks; ++rank) {
            all.push_back(rank);
            (random.chance(50) ? first : second).push_back(rank);
        }
        if (first.empty() || second.empty()) continue;
        const Rank root = random.number(0, ranks - 1);
        const auto lose_all = [](Membership& membership, const std::vector<Rank>& lost) {
            for (const Rank rank : lost) membership.lose(silent(rank));
        };
        // Whether their views agree, neither part may know.
        Membership one(all, first.back());
        Membership other(all, second.back());
        if (random.chance(50)) one.settle(root);
        if (random.chance(50)) other.settle(root);
        lose_all(one, second);
        if (!one.quorum()) continue;
        if (random.chance(70)) {
            one.renew(one.losses(), root);
            if (random.chance(50)) one.settle(root);
        }
        for (const Rank rank : all) {
            const bool self = rank == first.back() || rank == second.back();
            if (self || random.chance(60)) continue;
            for (Membership* part : {&one, &other})
                if (random.chance(80)) part->lose(dead(rank));
        }
        if (!one.quorum()) continue;
        ++gone_on;
        for (const Rank rank : first) other.lose(silent(rank));
        REQUIRE_FALSE(other.quorum());
    }
    CHECK(gone_on > 5000);
}

TEST_CASE("losses are described") {
    CHECK(text(std::vector<Loss>{}) == "nobody");
    CHECK(text({dead(3), silent(5)}) == "rank 3 is dead, rank 5 was evicted");
}
