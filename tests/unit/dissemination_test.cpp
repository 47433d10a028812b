#include "collectives/dissemination.hpp"

#include "support/random.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

using namespace splitcast::collectives;
using splitcast::tests::Random;

TEST_CASE("rounds are the logarithm of the members") {
    CHECK(dissemination_rounds(1) == 0);
    CHECK(dissemination_rounds(2) == 1);
    CHECK(dissemination_rounds(3) == 2);
    CHECK(dissemination_rounds(4) == 2);
    CHECK(dissemination_rounds(5) == 3);
}

TEST_CASE("alone, a rank agrees with itself at once") {
    Dissemination alone({7}, 7, {.rank = 7, .ballot = 3});
    CHECK_FALSE(alone.next());
    CHECK(alone.over());
    CHECK(alone.known().ballot == 3);
}

TEST_CASE("in whatever order messages come, everybody hears of everybody, and not before") {
    struct Letter {
        std::size_t to;
        std::uint8_t round;
        Survey survey;
    };
    Random random(1);
    for (int members = 1; members <= 40; ++members) {
        std::vector<Rank> ranks;
        for (int i = 0; i < members; ++i) ranks.push_back(3 * i + 1);
        std::vector<Dissemination> all;
        for (const Rank rank : ranks) {
            all.emplace_back(ranks, rank,
                             Survey{.rank = rank, .ballot = static_cast<Ballot>(100 + rank)});
        }
        std::vector<Letter> under_way;
        std::set<std::pair<std::size_t, std::size_t>> pairs;
        const auto pump = [&](std::size_t from) {
            while (const auto word = all[from].next()) {
                const auto to = static_cast<std::size_t>(word->to / 3);
                REQUIRE(to != from);
                REQUIRE(pairs.insert({from, to}).second);  // one message for a pair of ranks
                under_way.push_back({to, word->round, all[from].known()});
            }
        };
        for (std::size_t i = 0; i < all.size(); ++i) pump(i);
        while (!under_way.empty()) {
            const auto one = static_cast<std::size_t>(random.between(0, std::ssize(under_way) - 1));
            const Letter letter = under_way[one];
            under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(one));
            REQUIRE_FALSE(all[letter.to].over());
            all[letter.to].hear(letter.round, letter.survey);
            pump(letter.to);
        }
        for (const Dissemination& each : all) {
            REQUIRE(each.over());
            REQUIRE(each.known().rank == 1);
            REQUIRE(each.known().ballot == 101);
        }
    }
}
