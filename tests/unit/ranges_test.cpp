#include "collectives/ranges.hpp"

#include <catch2/catch_test_macros.hpp>

using splitcast::collectives::Range;
using splitcast::collectives::Ranges;

TEST_CASE("ranges that overlap or touch become one") {
    Ranges ranges;
    ranges.add({10, 20});
    ranges.add({30, 40});
    CHECK(ranges == Ranges{{30, 40}, {10, 20}});
    ranges.add({20, 30});
    CHECK(ranges == Ranges{{10, 40}});
    ranges.add({0, 5});
    ranges.add({3, 12});
    CHECK(ranges == Ranges{{0, 40}});
    ranges.add({7, 7});
    ranges.add({9, 2});
    CHECK(ranges == Ranges{{0, 40}});
}

TEST_CASE("removing a range cuts what it meets") {
    Ranges ranges{{0, 10}, {20, 30}};
    ranges.remove({5, 25});
    CHECK(ranges == Ranges{{0, 5}, {25, 30}});
    ranges.remove({26, 28});
    CHECK(ranges == Ranges{{0, 5}, {25, 26}, {28, 30}});
    ranges.remove({0, 100});
    CHECK(ranges.empty());
}

TEST_CASE("ranges: set algebra") {
    const Ranges a{{0, 10}, {20, 30}};
    const Ranges b{{5, 22}, {40, 41}};
    CHECK(unite(a, b) == Ranges{{0, 30}, {40, 41}});
    CHECK(intersect(a, b) == Ranges{{5, 10}, {20, 22}});
    CHECK(subtract(a, b) == Ranges{{0, 5}, {22, 30}});
    CHECK(subtract(a, a).empty());
    CHECK(intersect(a, Ranges{}).empty());
}

TEST_CASE("ranges: size and membership") {
    const Ranges ranges{{0, 10}, {20, 30}};
    CHECK(ranges.size() == 20);
    CHECK(ranges.contains(0));
    CHECK(ranges.contains(29));
    CHECK_FALSE(ranges.contains(10));
    CHECK_FALSE(ranges.contains(30));
    CHECK(ranges.contains(Range{2, 10}));
    CHECK_FALSE(ranges.contains(Range{2, 21}));
    CHECK(ranges.contains(Range{15, 15}));
}

TEST_CASE("ranges: offsets beyond 2^32") {
    const std::int64_t big = std::int64_t{1} << 40;
    Ranges ranges{{0, big}};
    ranges.remove({big / 2, big / 2 + 1});
    CHECK(ranges.size() == big - 1);
}

TEST_CASE("ranges: text has inclusive ends") {
    CHECK(Ranges{}.text() == "none");
    CHECK(Ranges{{7, 8}}.text() == "7");
    CHECK(Ranges{{0, 16}, {32, 64}}.text() == "0..15, 32..63");
}
