#include "collectives/repair.hpp"

#include "collectives/check.hpp"
#include "support/random.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <map>
#include <variant>
#include <vector>

using namespace splitcast::collectives;
using splitcast::tests::Random;

namespace {

struct Case {
    std::vector<Holdings> holdings;
    std::vector<Rank> live;
    Rank root = 0;
    std::vector<Rank> mirrors;
    std::vector<Rank> spoilers;
    Resend resend = Resend::survivors;

    [[nodiscard]] Planned plan() const {
        return plan_repair({.holdings = holdings,
                            .live = live,
                            .root = root,
                            .mirrors = mirrors,
                            .spoilers = spoilers,
                            .resend = resend},
                           Placement::flat(static_cast<int>(holdings.size())),
                           {.group_size = 2, .children = 1, .local_fanout = 2});
    }
};

/// Rank r lacks segment r; the root lacks nothing.
Case everybody_lacks_one(Rank ranks) {
    Case one;
    for (Rank rank = 0; rank < ranks; ++rank) {
        one.holdings.push_back(Holdings::everything(ranks));
        if (rank > 0) one.holdings.back().remove(rank);
        one.live.push_back(rank);
    }
    return one;
}

std::map<Rank, Segment> sent_by(const Planned& planned) {
    std::map<Rank, Segment> sent;
    for (const Plan::Transfer& transfer : std::get<Plan>(planned).transfers)
        sent[transfer.from] += transfer.segments.size();
    return sent;
}

}  // namespace

TEST_CASE("the root, the mirrors or the survivors repair, as is wished") {
    Case one = everybody_lacks_one(5);
    one.mirrors = {3};
    one.holdings[3] = Holdings::everything(5);
    one.resend = Resend::root;
    CHECK(sent_by(one.plan()) == std::map<Rank, Segment>{{0, 3}});
    one.resend = Resend::mirror;
    CHECK(sent_by(one.plan()) == std::map<Rank, Segment>{{3, 3}});
    one.resend = Resend::survivors;
    CHECK(sent_by(one.plan()).size() > 1);  // survivors take part of the work
}

TEST_CASE("a preferred rank that is lost is done without") {
    Case one = everybody_lacks_one(4);
    one.live = {1, 2, 3};
    one.mirrors = {0};
    one.resend = Resend::root;
    CHECK_FALSE(sent_by(one.plan()).contains(0));
}

TEST_CASE("who has sent bad bytes sends nothing, unless it alone holds something") {
    Case one = everybody_lacks_one(4);
    one.spoilers = {2};
    auto sent = sent_by(one.plan());
    CHECK_FALSE(sent.contains(2));
    // Segment 3 is held by the spoiler alone.
    for (const std::size_t rank : {0U, 1U, 3U}) one.holdings[rank].remove(3);
    sent = sent_by(one.plan());
    CHECK(sent.contains(2));
}

TEST_CASE("the root may send although it is among the spoilers") {
    Case one;
    one.holdings = {Holdings::everything(4), Holdings(4), Holdings(4)};
    one.live = {0, 1, 2};
    one.spoilers = {0, 2};
    const auto sent = sent_by(one.plan());
    CHECK(sent.contains(0));
    CHECK_FALSE(sent.contains(2));
}

TEST_CASE("what nobody holds is named, spoilers or not") {
    Case one = everybody_lacks_one(3);
    for (Holdings& held : one.holdings) held.remove(1);
    one.spoilers = {2};
    CHECK(std::get<Unrecoverable>(one.plan()).missing == Ranges{{1, 2}});
}

TEST_CASE("every repair gives everybody what it lacks once, whoever is distrusted or preferred") {
    Random random(1);
    for (int i = 0; i < 3000; ++i) {
        Case one;
        const Rank ranks = random.number(1, 9);
        const Segment segments = random.between(0, 20);
        Holdings anywhere(segments);
        for (Rank rank = 0; rank < ranks; ++rank) {
            Holdings held(segments);
            const int percent = random.number(0, 4) * 25;
            for (Segment s = 0; s < segments; ++s) {
                if (random.chance(percent)) held.add(s);
            }
            if (random.chance(80) || one.live.empty()) one.live.push_back(rank);
            if (one.live.back() == rank) anywhere.unite(held);
            one.holdings.push_back(std::move(held));
            if (random.chance(20)) one.mirrors.push_back(rank);
            if (random.chance(30)) one.spoilers.push_back(rank);
        }
        one.root = random.number(0, ranks - 1);
        one.resend = static_cast<Resend>(random.number(0, 2));
        const Planned planned = one.plan();
        if (const auto* lost = std::get_if<Unrecoverable>(&planned)) {
            REQUIRE(lost->missing == anywhere.missing());
            continue;
        }
        REQUIRE(anywhere.complete());
        INFO(std::get<Plan>(planned).text());
        REQUIRE(text(check(std::get<Plan>(planned), one.holdings, one.live)).empty());
    }
}
