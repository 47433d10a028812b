#include "collectives/window.hpp"

#include "support/random.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace splitcast::collectives;
using splitcast::tests::Random;

namespace {

constexpr WindowLimits limits{.initial = 4, .smallest = 2, .largest = 10};

/// A number of segments that were each taken `delay` after they were sent.
void take(Window& window, int segments, Ticks delay, bool limited = true) {
    for (int i = 0; i < segments; ++i) window.taken(0, delay, limited);
}

}  // namespace

TEST_CASE("a window begins as it is told") {
    const Window window(limits);
    CHECK(window.size() == 4);
    CHECK(window.base_delay() == 0);
    CHECK(window.recent_delay() == 0);
}

TEST_CASE("a window grows to its limit while nothing waits") {
    Window window(limits);
    take(window, 1000, 50000);
    CHECK(window.size() == 10);
    CHECK(window.base_delay() == 50000);
    CHECK(window.recent_delay() == 50000);
}

TEST_CASE("a window that is not used does not grow") {
    Window window(limits);
    take(window, 1000, 50, false);
    CHECK(window.size() == 4);
}

TEST_CASE("a window shrinks to its limit when segments wait in queues") {
    Window window(limits);
    take(window, 100, 50000);
    take(window, 1000, 5000000);
    CHECK(window.size() == 2);
    CHECK(window.base_delay() == 50000);
}

TEST_CASE("a window grows again when the queue is gone") {
    Window window(limits);
    take(window, 100, 50000);
    take(window, 1000, 5000000);
    take(window, 1000, 50000);
    CHECK(window.size() == 10);
}

TEST_CASE("a window settles where about one segment waits") {
    // A link that carries a segment in 10 ticks and is 40 ticks long: what is sent beyond 5
    // segments waits.
    WindowLimits wide{.initial = 1, .smallest = 1, .largest = 64};
    Window window(wide);
    for (int i = 0; i < 2000; ++i) {
        const Ticks delay = window.size() <= 5 ? 50000 : 10000 * window.size();
        window.taken(0, delay, true);
    }
    CHECK(window.size() >= 5);
    CHECK(window.size() <= 7);
}

TEST_CASE("a window of one size keeps it") {
    Window window({.initial = 3, .smallest = 3, .largest = 3});
    Random random(1);
    for (int i = 0; i < 1000; ++i) {
        window.taken(0, random.between(0, 1000), random.chance(50));
        CHECK(window.size() == 3);
    }
}

TEST_CASE("a window stays within its limits and moves by one, whatever the delays") {
    Random random(2);
    for (int i = 0; i < 200; ++i) {
        const int smallest = random.number(1, 4);
        const int initial = smallest + random.number(0, 4);
        const int largest = initial + random.number(0, 30);
        Window window({.initial = initial, .smallest = smallest, .largest = largest});
        for (int sample = 0; sample < 300; ++sample) {
            const int before = window.size();
            // Times may stand still or, between processors, even go back.
            window.taken(100, 100 + random.between(-5, random.chance(50) ? 10 : 10000),
                         random.chance(70));
            REQUIRE(window.size() >= smallest);
            REQUIRE(window.size() <= largest);
            REQUIRE(window.size() - before <= 1);
            REQUIRE(before - window.size() <= 1);
            REQUIRE(window.base_delay() >= 1);
        }
    }
}

TEST_CASE("a sign is asked for before the window is full, of every segment when it is small") {
    for (int size = 1; size <= 100; ++size) {
        const Window window({.initial = size, .smallest = 1, .largest = 100});
        CHECK(window.stride() >= 1);
        CHECK(window.stride() <= size);
        if (size < 4) CHECK(window.stride() == 1);
        // At least twice per window, so that one sign can be under way while the next is asked for.
        if (size >= 2) CHECK(2 * window.stride() <= size);
    }
}
