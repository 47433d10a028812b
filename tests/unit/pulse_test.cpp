#include "collectives/pulse.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <vector>

using namespace splitcast::collectives;

namespace {

constexpr PulseTimes times{.period = 10, .timeout = 50};
constexpr std::array<Rank, 1> one{1};
using Ranks = std::vector<Rank>;

/// Ticks up to `until`, each 5 after the last.
Pulse::Due pass(Pulse& pulse, Ticks& now, Ticks until) {
    Pulse::Due all;
    while (now < until) {
        now += 5;
        const Pulse::Due due = pulse.tick(now);
        for (const Rank rank : due.beat) {
            pulse.said(rank, now);
            all.beat.push_back(rank);
        }
        for (const Rank rank : due.silent) all.silent.push_back(rank);
        if (!all.silent.empty()) return all;
    }
    return all;
}

}  // namespace

TEST_CASE("a rank that has not been heard of gets one beat and is not timed") {
    Pulse pulse(times, 0);
    pulse.watch(one, 0);
    Ticks now = 0;
    const Pulse::Due due = pass(pulse, now, 500);
    CHECK(due.beat == Ranks{1});
    CHECK(due.silent.empty());
    CHECK(pulse.silence(1, now) == -1);
}

TEST_CASE("a rank that was heard of and is silent for too long is reported, not earlier") {
    Pulse pulse(times, 0);
    pulse.watch(one, 0);
    pulse.heard(1, 0);
    Ticks now = 0;
    CHECK(pass(pulse, now, 50).silent.empty());
    CHECK(pass(pulse, now, 60).silent == Ranks{1});
    CHECK(now == 55);
    CHECK(pulse.silence(1, now) == 55);
}

TEST_CASE("beats go out every period, unless something else was said") {
    Pulse pulse(times, 0);
    pulse.watch(one, 0);
    pulse.heard(1, 0);
    Ticks now = 0;
    CHECK(pass(pulse, now, 40).beat.size() == 4);
    pulse.said(1, 45);
    CHECK(pass(pulse, now, 50).beat.empty());
}

TEST_CASE("somebody who has not said anything is timed once all are known to be there") {
    Pulse pulse(times, 0);
    pulse.watch(one, 0);
    Ticks now = 0;
    CHECK(pass(pulse, now, 200).silent.empty());
    pulse.all_are_here(one, now);
    CHECK(pass(pulse, now, 250).silent.empty());
    CHECK(pass(pulse, now, 260).silent == Ranks{1});
}

TEST_CASE("a rank that is away is not timed until it says something again") {
    Pulse pulse(times, 0);
    pulse.watch(one, 0);
    pulse.heard(1, 0);
    pulse.beaten(1, 10, true);
    Ticks now = 10;
    CHECK(pass(pulse, now, 300).silent.empty());
    // A segment that it had sent before it went.
    pulse.stirred(1, now);
    CHECK(pass(pulse, now, 600).silent.empty());
    pulse.beaten(1, now, false);
    CHECK(pass(pulse, now, 660).silent == Ranks{1});
}

TEST_CASE("a rank that was absent itself calls nobody silent") {
    Pulse pulse(times, 0);
    pulse.watch(one, 0);
    pulse.heard(1, 0);
    CHECK(pulse.tick(1000).silent.empty());
    Ticks now = 1000;
    CHECK(pass(pulse, now, 1050).silent.empty());
    CHECK(pass(pulse, now, 1060).silent == Ranks{1});
}

TEST_CASE("whoever sends a beat gets one back, also if this rank does not watch it") {
    Pulse pulse(times, 0);
    pulse.beaten(1, 0, false);
    Ticks now = 0;
    CHECK(pass(pulse, now, 20).beat.size() == 2);
    CHECK(pass(pulse, now, 500).silent.empty());
    CHECK(pulse.tick(now + 10).beat.empty());  // it has lost interest
}

TEST_CASE("a rank that is watched only now has all the time again") {
    Pulse pulse(times, 0);
    pulse.heard(1, 0);
    Ticks now = 0;
    pass(pulse, now, 200);
    pulse.watch(one, now);
    CHECK(pass(pulse, now, 250).silent.empty());
    CHECK(pass(pulse, now, 260).silent == Ranks{1});
}

TEST_CASE("a rank that was forgotten is neither beaten nor timed") {
    Pulse pulse(times, 0);
    pulse.watch(one, 0);
    pulse.heard(1, 0);
    pulse.forget(1);
    Ticks now = 0;
    const Pulse::Due due = pass(pulse, now, 300);
    CHECK(due.beat.empty());
    CHECK(due.silent.empty());
}

TEST_CASE("a rank whose signs of life come in jerks is given more time, but less than twice") {
    Pulse pulse(times, 0);
    pulse.watch(one, 0);
    pulse.heard(1, 0);
    Ticks now = 0;
    CHECK(pass(pulse, now, 35).silent.empty());
    pulse.stirred(1, now);
    CHECK(pulse.patience(1) == 50 + 2 * (35 - 2 * 10));
    CHECK(pass(pulse, now, 35 + 80).silent.empty());
    CHECK(pass(pulse, now, 35 + 85).silent == Ranks{1});

    pulse.stirred(1, now);
    CHECK(pulse.patience(1) == 50 + 50 * 3 / 4);
    // Signs that come as they should make up for it.
    for (int beat = 0; beat < 48; ++beat) {
        CHECK(pulse.tick(now += 10).silent.empty());
        pulse.stirred(1, now);
    }
    CHECK(pulse.patience(1) == 50);
}

TEST_CASE("a gap is not forgotten because many signs of life come at once after it") {
    Pulse pulse(times, 0);
    pulse.watch(one, 0);
    pulse.heard(1, 0);
    Ticks now = 0;
    CHECK(pass(pulse, now, 40).silent.empty());
    for (int sign = 0; sign < 100; ++sign) pulse.stirred(1, now);
    CHECK(pulse.patience(1) == 50 + 50 * 3 / 4);
}

TEST_CASE("the gap of a rank that was absent itself is nobody else's") {
    Pulse pulse(times, 0);
    pulse.watch(one, 0);
    pulse.heard(1, 0);
    pulse.stirred(1, 500);
    CHECK(pulse.patience(1) == 50);
}

TEST_CASE("of a rank that was away, how long it was away tells nothing") {
    Pulse pulse(times, 0);
    pulse.watch(one, 0);
    pulse.beaten(1, 0, true);
    pulse.beaten(1, 300, false);
    CHECK(pulse.patience(1) == 50);
}
