#include "collectives/groups.hpp"

#include <catch2/catch_test_macros.hpp>

using splitcast::collectives::Groups;

TEST_CASE("a chain of groups") {
    const Groups groups{7, 2, 1, 1};
    CHECK(groups.count() == 4);
    CHECK(groups.members(2) == 2);
    CHECK(groups.members(3) == 1);
    CHECK(groups.parent(0) == -1);
    CHECK(groups.parent(3) == 2);
    CHECK(groups.level(3) == 3);
    CHECK(groups.first_child(3) == groups.end_child(3));
}

TEST_CASE("a heap of groups") {
    const Groups groups{9, 2, 2, 1};
    CHECK(groups.count() == 5);
    CHECK(groups.parent(1) == 0);
    CHECK(groups.parent(2) == 0);
    CHECK(groups.parent(3) == 1);
    CHECK(groups.parent(4) == 1);
    CHECK(groups.first_child(1) == 3);
    CHECK(groups.end_child(1) == 5);
    CHECK(groups.level(4) == 2);
}

TEST_CASE("parents and children agree, every group is in one tree, the last group is a leaf") {
    for (int recipients = 1; recipients <= 40; ++recipients) {
        for (int size = 1; size <= recipients; ++size) {
            for (int children = 1; children <= 4; ++children) {
                for (int trees = 1; trees <= 4; ++trees) {
                    const Groups groups{recipients, size, children, trees};
                    int fed = 0;
                    for (int g = 0; g < groups.count(); ++g) {
                        if (groups.parent(g) < 0) ++fed;
                        REQUIRE(groups.parent(g) < g);
                        for (int c = groups.first_child(g); c < groups.end_child(g); ++c) {
                            REQUIRE(groups.parent(c) == g);
                            ++fed;
                        }
                    }
                    REQUIRE(fed == groups.count());
                    const int last = groups.count() - 1;
                    REQUIRE(groups.first_child(last) == groups.end_child(last));
                }
            }
        }
    }
}

TEST_CASE("members turn round within their group") {
    const Groups groups{7, 4, 1, 1};
    CHECK(groups.entry(0, 3) == 3);
    CHECK(groups.entry(1, 3) == 4);  // the last group has members 4, 5, 6
    CHECK_FALSE(groups.as_chain(0, 3));
    CHECK(groups.as_chain(1, 3));
    CHECK(groups.next(6) == 4);
    CHECK(groups.next(5, 2) == 4);
    CHECK(groups.distance(6, 4) == 1);
    CHECK(groups.distance(4, 4) == 0);
}
