#include "collectives/sequence.hpp"

#include "support/naive.hpp"

#include <catch2/catch_test_macros.hpp>

using splitcast::collectives::Segment;
using splitcast::collectives::Sequence;
using splitcast::tests::listed;

TEST_CASE("a stripe is one run, however it is built") {
    Sequence appended;
    for (Segment s = 1; s < 40; s += 4) appended.append(s);
    const Sequence direct{{1, 4, 10}};
    CHECK(appended == direct);
    CHECK(direct.runs().size() == 1);
    CHECK(direct.size() == 10);
    CHECK(listed(direct).back() == 37);
}

TEST_CASE("equal lists of segments have equal runs") {
    CHECK(Sequence{{0, 1, 4}, {4, 1, 4}} == Sequence{{0, 1, 8}});
    CHECK(Sequence{{3, 9, 1}} == Sequence{{3, 1, 1}});
    CHECK(Sequence{{0, 2, 3}, {6, 5, 2}} == Sequence{{0, 2, 4}, {11, 1, 1}});
    CHECK(Sequence{{0, 1, 1}, {4, 4, 3}} == Sequence{{0, 4, 4}});
    CHECK(Sequence{{0, 1, 0}, {5, 1, 1}} == Sequence{{5, 1, 1}});
    CHECK_FALSE(Sequence{{0, 2, 4}} == Sequence{{0, 2, 5}});
}

TEST_CASE("a cursor walks all runs and knows its end") {
    CHECK(Sequence::Cursor{}.done());
    CHECK(Sequence::Cursor(Sequence{}).done());
    CHECK(listed(Sequence{{0, 1, 2}, {7, 3, 3}, {100, 1, 1}}) ==
          std::vector<Segment>{0, 1, 7, 10, 13, 100});
}

TEST_CASE("sequence: text") {
    CHECK(Sequence{}.text() == "none");
    CHECK(Sequence{{5, 1, 1}}.text() == "5");
    CHECK(Sequence{{0, 1, 16}}.text() == "0..15");
    CHECK(Sequence{{0, 4, 4}}.text() == "0,4,8,12");
    CHECK(Sequence{{0, 4, 16}}.text() == "0,4,8..60");
    CHECK(Sequence{{0, 4, 16}, {61, 1, 3}}.text() == "0,4,8..60, 61..63");
}
