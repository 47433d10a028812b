#include "collectives/holdings.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using splitcast::collectives::Holdings;
using splitcast::collectives::Ranges;

TEST_CASE("a segment is new once") {
    Holdings held(70);
    CHECK(held.add(69));
    CHECK_FALSE(held.add(69));
    CHECK(held.has(69));
    CHECK_FALSE(held.has(68));
    CHECK(held.held() == 1);
    CHECK_FALSE(held.complete());
}

TEST_CASE("holding everything is complete for every number of segments") {
    for (int segments = 0; segments <= 200; ++segments) {
        const Holdings all = Holdings::everything(segments);
        CHECK(all.complete());
        CHECK(all.missing().empty());
        Holdings one_by_one(segments);
        for (int s = 0; s < segments; ++s) one_by_one.add(s);
        CHECK(one_by_one == all);
    }
}

TEST_CASE("the front is held and nothing behind it") {
    const Holdings held = Holdings::front(130, 65);
    CHECK(held.held() == 65);
    CHECK(held.has(64));
    CHECK_FALSE(held.has(65));
    CHECK(Holdings::front(3, 0).held() == 0);
    CHECK(Holdings::front(3, 3).complete());
}

TEST_CASE("missing segments come as ranges across words") {
    Holdings held(200);
    for (int s = 0; s < 200; ++s) {
        if (s != 5 && (s < 60 || s > 130) && s != 199) held.add(s);
    }
    CHECK(held.missing() == Ranges{{5, 6}, {60, 131}, {199, 200}});
    CHECK(Holdings(64).missing() == Ranges{{0, 64}});
}

TEST_CASE("uniting keeps the count right") {
    Holdings a(100);
    Holdings b(100);
    a.add(1);
    a.add(99);
    b.add(99);
    b.add(64);
    a.unite(b);
    CHECK(a.held() == 3);
    CHECK(a.has(64));
}

TEST_CASE("holdings go through words and back") {
    Holdings held(130);
    held.add(0);
    held.add(63);
    held.add(129);
    CHECK(Holdings::from_words(held.words(), 130) == held);
    CHECK(Holdings::from_words(held.words(), 130).held() == 3);
}

TEST_CASE("words from elsewhere cannot break holdings") {
    const std::vector<std::uint64_t> ones(9, ~std::uint64_t{0});
    CHECK(Holdings::from_words(ones, 70) == Holdings::everything(70));
    CHECK(Holdings::from_words({}, 70) == Holdings(70));
    CHECK(Holdings::from_words(ones, 0).complete());
}
