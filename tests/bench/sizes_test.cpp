#include "bench/sizes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <vector>

using namespace splitcast::bench;
using Sizes = std::vector<std::int64_t>;

TEST_CASE("sizes are written alone, as ranges, and with commas") {
    CHECK(*parse_sizes("64K") == Sizes{65536});
    CHECK(*parse_sizes("0") == Sizes{0});
    CHECK(*parse_sizes("1:8") == Sizes{1, 2, 4, 8});
    CHECK(*parse_sizes("64K:1M:4") == Sizes{65536, 262144, 1048576});
    CHECK(*parse_sizes("1M,3,1K:4K:2") == Sizes{3, 1024, 2048, 4096, 1048576});
    CHECK(*parse_sizes("2,1,2") == Sizes{1, 2});
}

TEST_CASE("a range ends at the last size that is in it") {
    CHECK(*parse_sizes("3:20") == Sizes{3, 6, 12});
    CHECK(*parse_sizes("0:4") == Sizes{0, 1, 2, 4});
    CHECK(*parse_sizes("5:5") == Sizes{5});
    CHECK(parse_sizes("1:9223372036854775807")->size() == 63);
}

TEST_CASE("what is no size is said to be none") {
    for (const char* wrong : {"", ":", "x", "1:", "1,,2", "8:4", "1:2:1", "1:2:3:4", "-1"}) {
        INFO(wrong);
        CHECK_FALSE(parse_sizes(wrong));
    }
    CHECK(parse_sizes("8:4").error().text.find("8:4") != std::string::npos);
}

TEST_CASE("sizes as text") {
    CHECK(size_text(0) == "0");
    CHECK(size_text(1000) == "1000");
    CHECK(size_text(65536) == "64K");
    CHECK(size_text(3 << 20) == "3M");
    CHECK(size_text(std::int64_t{1} << 30) == "1G");
}
