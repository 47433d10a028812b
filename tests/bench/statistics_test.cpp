#include "bench/statistics.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <array>

using namespace splitcast::bench;
using Catch::Matchers::WithinRel;

TEST_CASE("a series is summed up whatever its order") {
    const std::array values{5.0, 1.0, 4.0, 2.0, 3.0};
    const Summary summary = summarize(values);
    CHECK(summary.count == 5);
    CHECK(summary.min == 1);
    CHECK(summary.lower == 2);
    CHECK(summary.median == 3);
    CHECK(summary.upper == 4);
    CHECK(summary.max == 5);
}

TEST_CASE("between two values lies the straight line between them") {
    const std::array values{1.0, 2.0, 3.0, 10.0};
    CHECK_THAT(summarize(values).median, WithinRel(2.5));
    CHECK_THAT(summarize(values).lower, WithinRel(1.75));
    CHECK_THAT(quantile(values, 1), WithinRel(10.0));
    CHECK_THAT(quantile(values, 2), WithinRel(10.0));
}

TEST_CASE("one outlier does not move the median") {
    const std::array values{1.0, 1.0, 1.0, 1.0, 1000.0};
    CHECK(summarize(values).median == 1);
}

TEST_CASE("short series") {
    CHECK(summarize({}).count == 0);
    CHECK(summarize({}).median == 0);
    const std::array one{7.0};
    CHECK(summarize(one).lower == 7);
    CHECK(summarize(one).max == 7);
}

TEST_CASE("what is long is repeated less often, but never too rarely to have a median") {
    CHECK(iterations_for(0) == 100);
    CHECK(iterations_for(1e-6) == 100);
    CHECK(iterations_for(0.02) == 50);
    CHECK(iterations_for(0.5) == 10);
    CHECK(iterations_for(1.0) == 10);
    CHECK(iterations_for(1.01) == 5);
    CHECK(warm_ups_for(0.1) == 2);
    CHECK(warm_ups_for(5) == 1);
}
