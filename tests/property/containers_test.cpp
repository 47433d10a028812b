// Ranges, sequences and holdings against sets and lists of integers.

#include "collectives/holdings.hpp"
#include "collectives/ranges.hpp"
#include "collectives/sequence.hpp"
#include "support/naive.hpp"
#include "support/random.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <set>
#include <vector>

using namespace splitcast::collectives;
using namespace splitcast::tests;

namespace {

using Set = std::set<std::int64_t>;

Range random_range(Random& random) {
    const std::int64_t begin = random.between(0, 60);
    return {begin, begin + random.between(-1, 12)};
}

Ranges random_ranges(Random& random) {
    Ranges out;
    for (int i = random.number(0, 8); i > 0; --i) out.add(random_range(random));
    return out;
}

void change(Ranges& ranges, Set& twin, Random& random) {
    const Range range = random_range(random);
    const bool adds = random.chance(60);
    adds ? ranges.add(range) : ranges.remove(range);
    for (std::int64_t i = range.begin; i < range.end; ++i) {
        if (adds) {
            twin.insert(i);
        } else {
            twin.erase(i);
        }
    }
}

template <class Operation>
Set combine(const Set& a, const Set& b, Operation operation) {
    Set out;
    operation(a.begin(), a.end(), b.begin(), b.end(), std::inserter(out, out.end()));
    return out;
}

}  // namespace

TEST_CASE("ranges change as a set of integers does") {
    for (std::uint64_t index = 0; index < 300; ++index) {
        const std::uint64_t seed = seed_of_case(index);
        INFO(replay(seed));
        Random random(seed);
        Ranges ranges;
        Set twin;
        for (int step = 0; step < 40; ++step) {
            change(ranges, twin, random);
            REQUIRE(is_normal(ranges));
            REQUIRE(listed(ranges) == twin);
            REQUIRE(ranges.size() == static_cast<std::int64_t>(twin.size()));
            const Range probe = random_range(random);
            bool inside = true;
            for (std::int64_t i = probe.begin; i < probe.end; ++i)
                inside = inside && twin.contains(i);
            REQUIRE(ranges.contains(probe) == inside);
        }
    }
}

TEST_CASE("ranges combine as sets of integers do") {
    for (std::uint64_t index = 0; index < 3000; ++index) {
        const std::uint64_t seed = seed_of_case(index);
        INFO(replay(seed));
        Random random(seed);
        const Ranges a = random_ranges(random);
        const Ranges b = random_ranges(random);
        const Set x = listed(a);
        const Set y = listed(b);
        const auto set_union = [](auto... args) { std::set_union(args...); };
        const auto set_intersection = [](auto... args) { std::set_intersection(args...); };
        const auto set_difference = [](auto... args) { std::set_difference(args...); };
        for (const Ranges& r : {unite(a, b), intersect(a, b), subtract(a, b)})
            REQUIRE(is_normal(r));
        REQUIRE(listed(unite(a, b)) == combine(x, y, set_union));
        REQUIRE(listed(intersect(a, b)) == combine(x, y, set_intersection));
        REQUIRE(listed(subtract(a, b)) == combine(x, y, set_difference));
    }
}

TEST_CASE("a sequence lists what was appended, and only the list decides its runs") {
    for (std::uint64_t index = 0; index < 2000; ++index) {
        const std::uint64_t seed = seed_of_case(index);
        INFO(replay(seed));
        Random random(seed);
        std::vector<Segment> twin;
        Sequence in_runs;
        Segment next = random.between(0, 5);
        for (int i = random.number(0, 6); i > 0; --i) {
            const Run run{next, random.between(1, 3), random.between(0, 4)};
            for (Segment j = 0; j < run.count; ++j) twin.push_back(run.at(j));
            in_runs.append(run);
            if (!twin.empty()) next = twin.back() + random.between(1, 4);
        }
        Sequence one_by_one;
        for (const Segment s : twin) one_by_one.append(s);
        REQUIRE(listed(in_runs) == twin);
        REQUIRE(in_runs.size() == static_cast<Segment>(twin.size()));
        REQUIRE(in_runs == one_by_one);
    }
}

TEST_CASE("holdings are a set of segments") {
    for (std::uint64_t index = 0; index < 500; ++index) {
        const std::uint64_t seed = seed_of_case(index);
        INFO(replay(seed));
        Random random(seed);
        const Segment segments = random.between(1, 300);
        const int density = random.number(0, 100);
        Holdings a(segments);
        Holdings b(segments);
        Set x;
        Set y;
        for (Segment s = 0; s < segments; ++s) {
            if (random.chance(density)) REQUIRE(a.add(s) == x.insert(s).second);
            if (random.chance(density)) REQUIRE(b.add(s) == y.insert(s).second);
        }
        REQUIRE(unite(Ranges{{0, segments}}, a.missing()) == Ranges{{0, segments}});
        REQUIRE(a.missing().size() == segments - static_cast<Segment>(x.size()));
        for (Segment s = 0; s < segments; ++s) REQUIRE(a.missing().contains(s) != x.contains(s));
        REQUIRE(Holdings::from_words(a.words(), segments) == a);
        a.unite(b);
        x.insert(y.begin(), y.end());
        REQUIRE(a.held() == static_cast<Segment>(x.size()));
        REQUIRE(a.complete() == (x.size() == static_cast<std::size_t>(segments)));
    }
}
