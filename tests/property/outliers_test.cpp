// Who is named, and who is not: simulated clusters with noise, in which nothing, a node, a link or
// a switch is bad. Measured, judged and measured again as `splitcast check` does it.

#include "collectives/outliers.hpp"

#include "collectives/links.hpp"
#include "collectives/tournament.hpp"
#include "support/random.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <set>
#include <vector>

using namespace splitcast::collectives;
using namespace splitcast::tests;

namespace {

double uniform(Random& random) {
    return (static_cast<double>(random.next() >> 11U) + 0.5) * 0x1p-53;
}

double normal(Random& random) {
    return std::sqrt(-2 * std::log(uniform(random))) *
           std::cos(2 * std::numbers::pi * uniform(random));
}

/// What a pair can do is the least of what its ends and its way can do, less what disturbs it.
struct Cluster {
    std::vector<double> send;
    std::vector<double> receive;
    std::set<Link> slow_links;
    std::set<int> behind;  ///< the nodes below a bad switch
    double way = 1;        ///< what a slow link, or the way to that switch, can do
    double noise = 0.03;   ///< standard deviation of the logarithm
    int disturbed = 5;     ///< of 100 transfers, to 10 to 90 % of the rate

    explicit Cluster(int nodes) : send(static_cast<std::size_t>(nodes), 1.0), receive(send) {}

    [[nodiscard]] int nodes() const { return static_cast<int>(send.size()); }

    double rate(const Link& link, Random& random) const {
        double rate = std::min(send[static_cast<std::size_t>(link.from)],
                               receive[static_cast<std::size_t>(link.to)]);
        if (slow_links.contains(link) || behind.contains(link.from) != behind.contains(link.to)) {
            rate = std::min(rate, way);
        }
        if (random.chance(disturbed)) rate *= 0.1 + 0.8 * uniform(random);
        return 1e9 * rate * std::exp(noise * normal(random));
    }

    PairFigures measure(std::vector<Matching> rounds, int repetitions, Random& random) const {
        PairFigures figures{.rounds = std::move(rounds), .values = {}};
        for (int repetition = 0; repetition < repetitions; ++repetition) {
            auto& values = figures.values.emplace_back();
            for (const Matching& matching : figures.rounds) {
                auto& row = values.emplace_back();
                for (int to = 0; to < nodes(); ++to) {
                    const int from = matching[static_cast<std::size_t>(to)];
                    row.push_back(from == no_partner ? unknown : rate({from, to}, random));
                }
            }
        }
        return figures;
    }
};

constexpr int repetitions = 5;

LinkVerdict examine(const Cluster& cluster, Random& random, const Limit& limit = {}) {
    const auto rounds = pair_rounds(cluster.nodes());
    LinkVerdict first = judge(cluster.measure(rounds, repetitions, random), limit);
    std::vector<Matching> again;
    for (const int round : to_measure_again(static_cast<int>(rounds.size()), first)) {
        again.push_back(rounds[static_cast<std::size_t>(round)]);
    }
    if (!again.empty()) {
        first = confirmed(first, judge(cluster.measure(again, repetitions, random), limit));
    }
    explain(first);
    return first;
}

std::vector<int> named(const Standings& standings) {
    std::vector<int> nodes;
    for (std::size_t i = 0; i < standings.nodes.size(); ++i) {
        if (standings.nodes[i].outlier) nodes.push_back(static_cast<int>(i));
    }
    return nodes;
}

std::vector<Link> named_links(const LinkVerdict& verdict) {
    std::vector<Link> links;
    for (const LinkStanding& one : verdict.links) {
        if (one.standing.outlier) links.push_back(one.link);
    }
    return links;
}

constexpr int clusters = 1000;

}  // namespace

TEST_CASE("healthy clusters give no alarm, whatever their size and noise") {
    for (std::uint64_t i = 0; i < clusters; ++i) {
        const auto seed = seed_of_case(i);
        INFO(replay(seed));
        Random random(seed);
        Cluster cluster(i % 100 == 99 ? random.number(100, 400) : random.number(2, 40));
        cluster.noise = 0.001 * random.number(1, 80);
        cluster.disturbed = random.number(0, 10);
        const LinkVerdict verdict = examine(cluster, random);
        REQUIRE(named(verdict.send).empty());
        REQUIRE(named(verdict.receive).empty());
        REQUIRE(named_links(verdict).empty());
        REQUIRE(verdict.groups.empty());
        REQUIRE(verdict.clean());
    }
}

TEST_CASE("a slow sender or receiver is named, with its direction, and nobody else") {
    for (std::uint64_t i = 0; i < clusters; ++i) {
        const auto seed = seed_of_case(i);
        INFO(replay(seed));
        Random random(seed);
        Cluster cluster(random.number(3, 40));
        const int bad = random.number(0, cluster.nodes() - 1);
        const bool sends = random.chance(50);
        (sends ? cluster.send : cluster.receive)[static_cast<std::size_t>(bad)] =
            0.01 * random.number(5, 60);
        const LinkVerdict verdict = examine(cluster, random);
        REQUIRE(named(sends ? verdict.send : verdict.receive) == std::vector{bad});
        REQUIRE(named(sends ? verdict.receive : verdict.send).empty());
        REQUIRE(named_links(verdict).empty());
        REQUIRE(verdict.groups.empty());
    }
}

TEST_CASE("a slow link between two good nodes is named as a link, and nothing else is") {
    int missed = 0;
    for (std::uint64_t i = 0; i < clusters; ++i) {
        const auto seed = seed_of_case(i);
        INFO(replay(seed));
        Random random(seed);
        Cluster cluster(random.number(3, 33));
        const int from = random.number(0, cluster.nodes() - 1);
        const int to = (from + random.number(1, cluster.nodes() - 1)) % cluster.nodes();
        cluster.slow_links.insert({from, to});
        cluster.way = 0.01 * random.number(5, 60);
        const LinkVerdict verdict = examine(cluster, random);
        REQUIRE(named(verdict.send).empty());
        REQUIRE(named(verdict.receive).empty());
        REQUIRE(verdict.groups.empty());
        const auto links = named_links(verdict);
        missed += links.empty() ? 1 : 0;
        if (!links.empty()) REQUIRE(links == std::vector{Link{from, to}});
    }
    // Where the few other transfers of its ends are disturbed, too, there is nothing to see.
    CHECK(missed <= clusters / 100);
}

TEST_CASE("of two nodes the slower direction is named, as a link") {
    Random random(seed_of_case(0));
    Cluster cluster(2);
    cluster.slow_links.insert({1, 0});
    cluster.way = 0.4;
    const LinkVerdict verdict = examine(cluster, random);
    CHECK(named(verdict.send).empty());
    CHECK(named(verdict.receive).empty());
    CHECK(named_links(verdict) == std::vector{Link{1, 0}});
}

TEST_CASE("nodes behind a slow switch are named together, and nobody else is named") {
    int missed = 0;
    for (std::uint64_t i = 0; i < clusters / 4; ++i) {
        const auto seed = seed_of_case(i);
        INFO(replay(seed));
        Random random(seed);
        Cluster cluster(random.number(8, 33));
        // More than a few links cross: with 28 of 100 slow, the median is still a good one.
        const int many = random.number(2, std::max(2, cluster.nodes() / 6));
        const int first = random.number(0, cluster.nodes() - many);
        std::vector<int> nodes;
        for (int node = first; node < first + many; ++node) nodes.push_back(node);
        cluster.behind.insert(nodes.begin(), nodes.end());
        cluster.way = 0.01 * random.number(10, 60);
        const LinkVerdict verdict = examine(cluster, random);
        if (verdict.groups.size() != 1) {
            // Of two nodes behind it each has but the other to show what it can do.
            ++missed;
            for (const int node : named(verdict.send)) REQUIRE(cluster.behind.contains(node));
            for (const int node : named(verdict.receive)) REQUIRE(cluster.behind.contains(node));
            for (const Link& link : named_links(verdict)) {
                REQUIRE(cluster.behind.contains(link.from) != cluster.behind.contains(link.to));
            }
            continue;
        }
        REQUIRE(verdict.groups[0].nodes == nodes);
        REQUIRE(verdict.groups[0].in < 0.7);
        REQUIRE(verdict.groups[0].out < 0.7);
        REQUIRE(named_links(verdict).empty());
    }
    CHECK(missed <= clusters / 4 / 20);
}

TEST_CASE(
    "nodes whose links to the others could not be measured are not said to be behind a switch") {
    Random random(21);
    PairFigures figures = Cluster(4).measure(pair_rounds(4), repetitions, random);
    for (auto& rounds : figures.values) {
        for (std::size_t round = 0; round < rounds.size(); ++round) {
            for (std::size_t to = 0; to < 4; ++to) {
                const bool below = figures.rounds[round][to] < 2;
                if (below != (to < 2)) rounds[round][to] = unknown;
            }
        }
    }
    LinkVerdict verdict = judge(figures, {});
    explain(verdict);
    CHECK(verdict.clean());
}

TEST_CASE("in 1,000 nodes a slow one is found, and a switch of 40") {
    Random random(seed_of_case(0));
    SECTION("a node") {
        Cluster cluster(1000);
        cluster.receive[417] = 0.4;
        const LinkVerdict verdict = examine(cluster, random);
        CHECK(named(verdict.receive) == std::vector{417});
        CHECK(named(verdict.send).empty());
        CHECK(named_links(verdict).empty());
        CHECK(verdict.groups.empty());
    }
    SECTION("a switch") {
        Cluster cluster(1000);
        std::vector<int> nodes;
        for (int node = 320; node < 360; ++node) nodes.push_back(node);
        cluster.behind.insert(nodes.begin(), nodes.end());
        cluster.way = 0.4;
        const LinkVerdict verdict = examine(cluster, random);
        CHECK(named(verdict.send).empty());
        REQUIRE(verdict.groups.size() == 1);
        CHECK(verdict.groups[0].nodes == nodes);
    }
}

TEST_CASE("all nodes below what was promised are named, although none is the odd one") {
    Random random(seed_of_case(0));
    Cluster cluster(4);
    cluster.disturbed = 0;
    CHECK(examine(cluster, random, {.absolute = 0.5e9}).clean());
    CHECK(named(examine(cluster, random, {.absolute = 2e9}).send).size() == 4);
}

TEST_CASE("latency: higher is worse, and small differences do not count") {
    const Limit limit{.better = Better::lower, .factor = 2, .floor = 5e-6};
    const Series series{
        {1e-6, 1e-6, 1e-6}, {1e-6, 1e-6, 1e-6}, {1e-6, 1e-6, 1e-6}, {4e-6, 4e-6, 4e-6}};
    CHECK(named(stand(series, limit)).empty());
    Series slow = series;
    slow[3] = {9e-6, 9e-6, 1e-6};
    const Standings standings = stand(slow, limit);
    CHECK(named(standings) == std::vector{3});
    CHECK(standings.nodes[3].worse == 2);
    CHECK(named(stand(slow, limit, Needed::every)).empty());
    CHECK(named(confirmed(standings, stand(series, limit))).empty());
    CHECK(named(confirmed(standings, stand(slow, limit))) == std::vector{3});
}

TEST_CASE("the median, its spread, and what is not known") {
    CHECK(median(std::vector{3.0, unknown, 1.0, 2.0}) == 2);
    CHECK(median(std::vector{3.0, 1.0}) == 2);
    CHECK(std::isnan(median({})));
    CHECK(norm_of(std::vector{1.0, 1.0, 1.0, 5.0}).spread == 0);
    CHECK_FALSE(worse(unknown, {1, 0}, {}));
    CHECK_FALSE(worse(0.7, {1, 0.2}, {}));
    CHECK(worse(0.7, {1, 0.05}, {}));
    CHECK(stand({{1}, {0.1}}, {}).nodes[1].outlier == false);
}

TEST_CASE("the odd one is who has not what most have; a mixed cluster has none") {
    CHECK(odd_ones(std::vector{4, 4, 8, 4}).nodes == std::vector{2});
    CHECK(odd_ones(std::vector{4, 4, 8, 4}).usual == 4);
    CHECK(odd_ones(std::vector{4, 4, 8, 8}).nodes.empty());
    CHECK_FALSE(odd_ones(std::vector{4, 4, 8, 8}).usual);
    CHECK(odd_ones(std::vector<int>{}).nodes.empty());
}

TEST_CASE("clocks are compared with the median clock, within their doubt") {
    // Node 0 is the one that the others were compared with, and it is the one that is wrong.
    const std::vector<ClockOffset> seen{{0, 0}, {2.0, 1e-5}, {2.001, 1e-5}, {1.999, 1e-5}};
    const auto offsets = from_median(seen);
    CHECK(off(offsets[0], 0.05));
    for (const std::size_t i : {1U, 2U, 3U}) CHECK_FALSE(off(offsets[i], 0.05));
    CHECK_FALSE(off({0.1, 0.06}, 0.05));
    CHECK(off({-0.1, 0.04}, 0.05));
    CHECK(from_median(std::vector<ClockOffset>{{0, 0}, {1, 0}})[1].ahead == 1);
}
