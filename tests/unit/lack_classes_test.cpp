#include "collectives/lack_classes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace splitcast::collectives;

namespace {

Holdings holding(Segment segments, const std::vector<Segment>& held) {
    Holdings out(segments);
    for (const Segment s : held) out.add(s);
    return out;
}

}  // namespace

TEST_CASE("segments with the same lackers are one class, the largest comes first") {
    const std::vector<Holdings> holdings{Holdings::everything(6), holding(6, {0, 5}),
                                         holding(6, {0, 1})};
    const auto classes = classify(holdings, std::vector<Rank>{0, 1, 2});
    REQUIRE(classes.classes.size() == 3);
    CHECK(classes.classes[0] == LackClass{{0b110}, {2, 3, 4}});
    CHECK(classes.classes[1] == LackClass{{0b010}, {1}});
    CHECK(classes.classes[2] == LackClass{{0b100}, {5}});
    CHECK(classes.held_by_nobody.empty());
    CHECK(classes.segments == 6);
}

TEST_CASE("what only the dead held is held by nobody") {
    const std::vector<Holdings> holdings{Holdings::everything(6), holding(6, {0, 5}),
                                         holding(6, {0, 1})};
    const auto classes = classify(holdings, std::vector<Rank>{1, 2});
    CHECK(classes.held_by_nobody == Ranges{{2, 5}});
}

TEST_CASE("many ranks and segments: classes agree with a look at every bit") {
    std::vector<Holdings> holdings;
    std::vector<Rank> live;
    constexpr Segment segments = 150;
    for (Rank r = 0; r < 140; ++r) {
        Holdings& h = holdings.emplace_back(segments);
        for (Segment s = 0; s < segments; ++s) {
            if (r == 70 || (s * 7 + Segment{r} * 3) % 11 < 5) h.add(s);
        }
        if (r % 9 != 0 || r == 70) live.push_back(r);
    }
    const auto classes = classify(holdings, live);
    Segment seen = 0;
    for (const LackClass& c : classes.classes) {
        for (const Segment s : c.segments) {
            ++seen;
            for (std::size_t i = 0; i < live.size(); ++i) {
                REQUIRE(c.lacks(static_cast<int>(i)) ==
                        !holdings[static_cast<std::size_t>(live[i])].has(s));
            }
        }
    }
    CHECK(seen == segments);
    CHECK(classes.classes.size() == 11);
}
