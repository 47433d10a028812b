#include "collectives/control.hpp"

#include "support/random.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

using namespace splitcast::collectives;
using splitcast::tests::Random;

namespace {

constexpr View usual{.root = 0, .length = 100, .fingerprint = 7};

View random_view(Random& random) {
    return {.root = random.number(0, 1), .length = random.between(0, 1), .fingerprint = 7};
}

Survey of_rank(Rank rank, const View& view) {
    Survey survey;
    survey.rank = rank;
    survey.view = view;
    return survey;
}

/// The survey of a set of ranks, by its definition.
Survey by_definition(const std::set<Rank>& ranks, const std::vector<View>& views) {
    Survey survey;
    for (const Rank rank : ranks) {
        const View& view = views[static_cast<std::size_t>(rank)];
        if (survey.rank == no_rank) {
            survey = of_rank(rank, view);
        } else if (survey.differing == no_rank && view != survey.view) {
            survey.differing = rank;
            survey.differing_view = view;
        }
    }
    return survey;
}

std::set<Rank> random_ranks(Random& random, int ranks) {
    std::set<Rank> out;
    for (Rank rank = 0; rank < ranks; ++rank) {
        if (random.chance(40)) out.insert(rank);
    }
    return out;
}

Survey fold(Survey a, const Survey& b) {
    a.fold(b);
    return a;
}

/// What a rank may hold: all, nothing, the front of every stripe, anything.
Holdings random_holdings(Random& random) {
    const Segment segments = random.between(0, random.chance(20) ? 3000 : 150);
    if (random.chance(20)) return Holdings::everything(segments);
    Holdings held(segments);
    const int kind = random.number(0, 3);
    const Segment stride = random.between(1, 40);
    const Segment front = random.between(0, segments);
    for (Segment s = 0; s < segments; ++s) {
        if (kind == 0) break;
        const bool has = kind == 1   ? random.chance(50)
                         : kind == 2 ? s % stride == front % stride
                                     : s < front + (s % stride) * 2;
        if (has) held.add(s);
    }
    return held;
}

ControlMessage random_message(Random& random) {
    const auto view = [&random] {
        return View{.root = static_cast<Rank>(random.next()),
                    .length = static_cast<Bytes>(random.next()),
                    .fingerprint = random.next()};
    };
    ControlMessage message;
    message.kind = static_cast<ControlMessage::Kind>(random.number(0, 8));
    message.epoch = random.next();
    message.attempt = random.next();
    message.stage = static_cast<std::uint8_t>(random.next());
    message.round = static_cast<std::uint8_t>(random.next());
    message.away = random.chance(50);
    message.entered = random.chance(50);
    message.verdict = static_cast<Verdict>(random.number(0, 5));
    message.survey = {.rank = static_cast<Rank>(random.next()),
                      .view = view(),
                      .differing = static_cast<Rank>(random.next()),
                      .differing_view = view(),
                      .ballot = random.next()};
    for (int n = random.number(0, 4); n > 0; --n) {
        message.counts.push_back({.channel = static_cast<std::int32_t>(random.next()),
                                  .sent = static_cast<Segment>(random.next())});
    }
    for (int n = random.number(0, 4); n > 0; --n)
        message.losses.push_back({.rank = random.number(0, 99), .dead = random.chance(50)});
    for (int n = random.number(0, 4); n > 0; --n) message.spoilers.push_back(random.number(0, 99));
    for (int n = random.number(0, 3); n > 0; --n)
        message.holdings.push_back(random_holdings(random));
    return message;
}

}  // namespace

TEST_CASE("one that resumes makes the survey of all that of a broadcast that goes on") {
    Survey one = of_rank(0, usual);
    Survey other = of_rank(3, usual);
    other.resumes = true;
    CHECK_FALSE(fold(one, of_rank(1, usual)).resumes);
    CHECK(fold(one, other).resumes);
    CHECK(fold(other, one).resumes);
    CHECK(fold(fold(one, other), of_rank(2, usual)).resumes);
    ControlMessage message;
    message.survey = other;
    CHECK(decode(encode(message)) == message);
}

TEST_CASE("a message survives its way over the wire") {
    Random random(1);
    for (int i = 0; i < 1000; ++i) {
        const ControlMessage message = random_message(random);
        const std::vector<std::byte> bytes = encode(message);
        CHECK(decode(bytes) == message);
    }
    ControlMessage extreme;
    extreme.round = 255;
    extreme.survey.view = {.root = std::numeric_limits<Rank>::min(),
                           .length = std::numeric_limits<Bytes>::max(),
                           .fingerprint = std::numeric_limits<std::uint64_t>::max()};
    CHECK(decode(encode(extreme)) == extreme);
}

TEST_CASE("the wire is little-endian whatever the machine") {
    ControlMessage message;
    message.round = 3;
    message.survey.rank = 0x01020304;
    const std::vector<std::byte> bytes = encode(message);
    constexpr std::size_t round = 1 + 1 + 8 + 8 + 1;  // after version, kind, epoch, attempt, stage
    constexpr std::size_t rank = round + 4;           // after round, away, entered, verdict
    CHECK(bytes[round] == std::byte{3});
    CHECK(bytes[rank] == std::byte{4});
    CHECK(bytes[rank + 3] == std::byte{1});
}

TEST_CASE("what is held is written as runs where that is shorter than the bitmap") {
    ControlMessage message;
    message.holdings.push_back(Holdings(40'000));
    const std::size_t nothing = encode(message).size();
    // The front of every one of 8 stripes.
    for (Segment s = 0; s < 20'000; ++s) message.holdings[0].add(s / 2'500 + s % 2'500 * 8);
    CHECK(encode(message).size() <= nothing + 8 * 8);
    CHECK(decode(encode(message)) == message);
    Random random(5);
    for (Segment s = 0; s < 40'000; ++s) {
        if (random.chance(50)) message.holdings[0].add(s);
    }
    CHECK(encode(message).size() <= nothing + 40'000 / 8);
    CHECK(decode(encode(message)) == message);
}

TEST_CASE("bytes that are no message are refused") {
    Random random(6);
    const std::vector<std::byte> bytes = encode(random_message(random));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        CHECK_FALSE(decode(std::span(bytes).first(size)));
    }
    std::vector<std::byte> longer = bytes;
    longer.push_back(std::byte{0});
    CHECK_FALSE(decode(longer));
    for (int version = 0; version < 256; ++version) {
        std::vector<std::byte> other = bytes;
        other[0] = static_cast<std::byte>(version);
        CHECK(decode(other).has_value() == (other[0] == bytes[0]));
    }
}

TEST_CASE("any bytes may be decoded") {
    Random random(2);
    int decoded = 0;
    for (int i = 0; i < 600; ++i) {
        // Of a message some bytes are changed, so that most get further than the version.
        std::vector<std::byte> bytes = encode(random_message(random));
        for (int n = random.number(1, 4); n > 0; --n) {
            bytes[static_cast<std::size_t>(random.between(0, std::ssize(bytes) - 1))] =
                static_cast<std::byte>(random.next());
        }
        if (random.chance(10)) bytes.resize(static_cast<std::size_t>(random.between(0, 90)));
        const auto message = decode(bytes);
        if (!message) continue;
        ++decoded;
        CHECK(decode(encode(*message)) == message);
    }
    CHECK(decoded > 20);
}

TEST_CASE("the survey of two sets of ranks is that of their union") {
    Random random(3);
    for (int i = 0; i < 20000; ++i) {
        const int ranks = random.number(1, 8);
        std::vector<View> views(static_cast<std::size_t>(ranks), usual);
        for (View& view : views) {
            if (random.chance(30)) view = random_view(random);
        }
        const std::set<Rank> first = random_ranks(random, ranks);
        const std::set<Rank> second = random_ranks(random, ranks);
        std::set<Rank> both = first;
        both.insert(second.begin(), second.end());
        CHECK(fold(by_definition(first, views), by_definition(second, views)) ==
              by_definition(both, views));
    }
}

TEST_CASE("folding is commutative, associative and idempotent") {
    Random random(4);
    for (int i = 0; i < 5000; ++i) {
        std::vector<View> views(6, usual);
        for (View& view : views) view = random_view(random);
        const Survey a = by_definition(random_ranks(random, 6), views);
        const Survey b = by_definition(random_ranks(random, 6), views);
        const Survey c = by_definition(random_ranks(random, 6), views);
        CHECK(fold(a, a) == a);
        CHECK(fold(a, b) == fold(b, a));
        CHECK(fold(fold(a, b), c) == fold(a, fold(b, c)));
        CHECK(fold(a, {}) == a);
        CHECK(fold({}, a) == a);
    }
}

TEST_CASE("of ballots the lowest counts") {
    Survey survey = of_rank(1, usual);
    survey.ballot = 7;
    CHECK(fold(survey, of_rank(0, usual)).ballot == 7);
    CHECK(fold(of_rank(0, usual), of_rank(1, usual)).ballot == no_ballot);
}

TEST_CASE("a mismatch says who called with what") {
    const View other{.root = 2, .length = 50, .fingerprint = 7};
    CHECK_FALSE(fold(of_rank(0, usual), of_rank(1, usual)).mismatch());
    const auto mismatch = fold(of_rank(3, other), of_rank(1, usual)).mismatch();
    REQUIRE(mismatch);
    CHECK(*mismatch == Mismatch{1, usual, 3, other});
    CHECK(mismatch->text() == "rank 1 called with root 0, 100 bytes, rank 3 with root 2, 50 bytes");
    View settings = usual;
    settings.fingerprint = 8;
    const auto hidden = fold(of_rank(0, usual), of_rank(5, settings)).mismatch();
    REQUIRE(hidden);
    CHECK(hidden->text() ==
          "rank 0 called with root 0, 100 bytes, rank 5 with root 0, 100 bytes but other settings");
}
