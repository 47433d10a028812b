#include "collectives/segments.hpp"

#include <catch2/catch_test_macros.hpp>

using splitcast::collectives::Bytes;
using splitcast::collectives::Segmentation;

TEST_CASE("the last segment is shorter when the length does not divide") {
    const Segmentation cut{100, 32};
    CHECK(cut.count() == 4);
    CHECK(cut.offset(3) == 96);
    CHECK(cut.size(2) == 32);
    CHECK(cut.size(3) == 4);
}

TEST_CASE("a length that divides has no rest") {
    const Segmentation cut{96, 32};
    CHECK(cut.count() == 3);
    CHECK(cut.size(2) == 32);
}

TEST_CASE("only whole segments lie below a number of bytes") {
    constexpr Segmentation cut{100, 32};
    CHECK(cut.whole_below(0) == 0);
    CHECK(cut.whole_below(31) == 0);
    CHECK(cut.whole_below(32) == 1);
    CHECK(cut.whole_below(99) == 3);
    CHECK(cut.whole_below(100) == 4);
    CHECK(Segmentation{0, 32}.whole_below(0) == 0);
}

TEST_CASE("no bytes, no segments") { CHECK(Segmentation{0, 32}.count() == 0); }

TEST_CASE("lengths beyond 2^32 work") {
    const Bytes length = (Bytes{1} << 40) + 1;
    const Segmentation cut{length, 1 << 20};
    CHECK(cut.count() == (1 << 20) + 1);
    CHECK(cut.size(1 << 20) == 1);
}
