#include "bench/payload.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

using namespace splitcast::bench;

namespace {

std::vector<std::byte> payload(std::size_t length, std::uint64_t key) {
    std::vector<std::byte> bytes(length);
    fill(bytes, key);
    return bytes;
}

}  // namespace

TEST_CASE("a payload is what it was filled with, at every length") {
    for (std::size_t length = 0; length < 100; ++length) {
        const auto bytes = payload(length, 42);
        CHECK_FALSE(first_wrong(bytes, 42));
    }
}

TEST_CASE("every single wrong byte is found, and where it is") {
    auto bytes = payload(77, 1);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] ^= std::byte{1};
        CHECK(first_wrong(bytes, 1) == static_cast<std::int64_t>(i));
        bytes[i] ^= std::byte{1};
    }
}

TEST_CASE("another broadcast's payload is wrong in every word") {
    for (std::uint64_t key = 1; key < 200; ++key) {
        const auto before = payload(4096, key - 1);
        const auto bytes = payload(4096, key);
        for (std::size_t at = 0; at < bytes.size(); at += 8) {
            REQUIRE_FALSE(std::equal(&bytes[at], &bytes[at] + 8, &before[at]));
        }
    }
}

TEST_CASE("segments that changed places are found") {
    auto bytes = payload(65536, 9);
    std::rotate(bytes.begin(), bytes.begin() + 4096, bytes.end());
    CHECK(first_wrong(bytes, 9).has_value());
}

TEST_CASE("what nobody overwrote is wrong") {
    auto bytes = payload(1000, 5);
    poison(std::span(bytes).subspan(512, 8));
    CHECK(first_wrong(bytes, 5) == 512);
    std::vector<std::byte> empty;
    poison(empty);
    CHECK_FALSE(first_wrong(empty, 5));
}
