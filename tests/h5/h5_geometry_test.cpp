#include "h5/geometry.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>
#include <vector>

using namespace splitcast::h5;

namespace {

/// Numbers of the elements of a box, in its own order.
std::vector<std::uint64_t> numbers(const Lengths& shape, const Box& box) {
    std::vector<std::uint64_t> found;
    Lengths at(shape.size(), 0);
    for (std::uint64_t left = volume(box.count); left > 0; --left) {
        std::uint64_t number = 0;
        for (std::size_t d = 0; d < shape.size(); ++d)
            number = number * shape[d] + box.start[d] + at[d];
        found.push_back(number);
        for (std::size_t d = shape.size(); d-- > 0;) {
            if (++at[d] < box.count[d]) break;
            at[d] = 0;
        }
    }
    return found;
}

bool in_comb(const Comb& comb, std::uint64_t x) {
    for (std::uint64_t i = 0; i < comb.count; ++i) {
        const std::uint64_t first = comb.start + i * comb.stride;
        if (x >= first && x < first + comb.block) return true;
    }
    return false;
}

}  // namespace

TEST_CASE("boxes cover an array, one after the other, each element once") {
    for (const Lengths& shape : {Lengths{}, Lengths{1}, Lengths{17}, Lengths{3, 5},
                                 Lengths{4, 1, 6}, Lengths{2, 3, 4, 5}}) {
        for (std::uint64_t most = 1; most <= volume(shape) + 2; ++most) {
            std::uint64_t position = 0;
            while (position < volume(shape)) {
                const Box box = box_at(shape, position, most);
                const auto found = numbers(shape, box);
                REQUIRE(!found.empty());
                REQUIRE(found.size() <= most);
                for (const std::uint64_t number : found) REQUIRE(number == position++);
            }
            REQUIRE(position == volume(shape));
        }
    }
}

TEST_CASE("a box is as long as it can be") {
    CHECK(box_at(Lengths{10, 10}, 0, 35).count == Lengths{3, 10});
    CHECK(box_at(Lengths{10, 10}, 30, 1000).count == Lengths{7, 10});
    CHECK(box_at(Lengths{10, 10}, 34, 1000).count == Lengths{1, 6});
    CHECK(box_at(Lengths{10, 10}, 0, 7).count == Lengths{1, 7});
    CHECK(box_at(Lengths{1ULL << 40}, 1ULL << 39, 1ULL << 33).count == Lengths{1ULL << 33});
}

TEST_CASE("does a comb touch a stretch: as if looked at one by one") {
    for (std::uint64_t start = 0; start < 4; ++start) {
        for (std::uint64_t stride = 1; stride < 5; ++stride) {
            for (std::uint64_t block = 1; block <= stride; ++block) {
                for (std::uint64_t count = 0; count < 4; ++count) {
                    const Comb comb{start, stride, count, block};
                    for (std::uint64_t from = 0; from < 20; ++from) {
                        bool any = false;
                        for (std::uint64_t to = from; to < 22; ++to) {
                            REQUIRE(comb.touches(from, to) == any);
                            any = any || in_comb(comb, to);
                        }
                    }
                }
            }
        }
    }
}

TEST_CASE("chunks have a number, an offset and a box") {
    const ChunkGrid grid({10, 7}, {4, 3});
    REQUIRE(grid.chunks() == 9);
    CHECK(grid.offset(0) == Lengths{0, 0});
    CHECK(grid.offset(5) == Lengths{4, 6});
    CHECK(grid.number(Lengths{4, 6}) == 5);
    CHECK(grid.box(8) == Box{{8, 6}, {2, 1}});
    CHECK(grid.partial(8));
    CHECK(!grid.partial(4));
    for (std::uint64_t i = 0; i < grid.chunks(); ++i) CHECK(grid.number(grid.offset(i)) == i);
}

TEST_CASE("how many chunks a hyperslab touches is how many say that it does") {
    const ChunkGrid grid({30, 20}, {7, 6});
    for (const std::vector<Comb>& combs : {std::vector<Comb>{},
                                           {{0, 1, 30, 1}, {0, 1, 20, 1}},
                                           {{5, 9, 3, 2}, {1, 7, 2, 3}},
                                           {{29, 1, 1, 1}, {0, 19, 2, 1}},
                                           {{0, 1, 0, 1}, {0, 1, 5, 1}}}) {
        std::uint64_t touched = 0;
        for (std::uint64_t i = 0; i < grid.chunks(); ++i)
            touched += grid.touches(combs, i) ? 1U : 0U;
        CHECK(grid.touched(combs) == touched);
    }
}
