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

ControlMessage random_message(Random& random) {
    const auto view = [&random] {
        return View{.root = static_cast<Rank>(random.next()),
                    .length = static_cast<Bytes>(random.next()),
                    .fingerprint = random.next()};
    };
    ControlMessage message;
    message.round = static_cast<std::uint8_t>(random.next());
    message.survey = {.rank = static_cast<Rank>(random.next()),
                      .view = view(),
                      .differing = static_cast<Rank>(random.next()),
                      .differing_view = view()};
    return message;
}

}  // namespace

TEST_CASE("a message survives its way over the wire") {
    Random random(1);
    for (int i = 0; i < 1000; ++i) {
        const ControlMessage message = random_message(random);
        const std::vector<std::byte> bytes = encode(message);
        CHECK(bytes.size() == encoded_bytes);
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
    CHECK(bytes[1] == std::byte{3});
    CHECK(bytes[2] == std::byte{4});
    CHECK(bytes[5] == std::byte{1});
}

TEST_CASE("bytes that are no message are refused") {
    const std::vector<std::byte> bytes = encode({});
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
    for (int i = 0; i < 20000; ++i) {
        std::vector<std::byte> bytes(static_cast<std::size_t>(random.between(0, 80)));
        for (std::byte& b : bytes) b = static_cast<std::byte>(random.next());
        // Half of them with the right beginning, so that they get further than the version.
        if (!bytes.empty() && random.chance(50)) bytes[0] = encode({})[0];
        if (const auto message = decode(bytes)) CHECK(encode(*message) == bytes);
    }
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

TEST_CASE("after the last round everybody has heard of everybody, once from each") {
    for (Rank ranks = 1; ranks <= 130; ++ranks) {
        const auto count = static_cast<std::size_t>(ranks);
        std::vector<View> views(count, usual);
        if (ranks > 2) views[count / 2].root = 1;
        std::vector<Survey> heard(count);
        std::vector<std::set<Rank>> origins(count);
        for (Rank rank = 0; rank < ranks; ++rank) {
            heard[static_cast<std::size_t>(rank)] =
                of_rank(rank, views[static_cast<std::size_t>(rank)]);
        }
        for (int round = 0; round < survey_rounds(ranks); ++round) {
            const std::vector<Survey> before = heard;
            for (Rank rank = 0; rank < ranks; ++rank) {
                const Rank origin = survey_origin(rank, round, ranks);
                REQUIRE(survey_target(origin, round, ranks) == rank);
                REQUIRE(origin != rank);
                // One message per pair of ranks: otherwise two rounds could be mistaken for each
                // other.
                REQUIRE(origins[static_cast<std::size_t>(rank)].insert(origin).second);
                heard[static_cast<std::size_t>(rank)].fold(
                    before[static_cast<std::size_t>(origin)]);
            }
        }
        for (const Survey& survey : heard) {
            REQUIRE(survey.rank == 0);
            REQUIRE(survey.differing == (ranks > 2 ? ranks / 2 : no_rank));
        }
    }
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
