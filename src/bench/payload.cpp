#include "bench/payload.hpp"

#include <algorithm>
#include <cstring>

namespace splitcast::bench {

namespace {

constexpr std::size_t word = sizeof(std::uint64_t);

// Keys far apart give sequences that do not overlap; the multiplication is one that compilers turn
// into vector code, so that writing a payload costs about what writing memory does.
std::uint64_t first_word(std::uint64_t key) {
    key = (key ^ (key >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    key = (key ^ (key >> 27U)) * 0x94D049BB133111EBULL;
    return key ^ (key >> 31U);
}

constexpr std::uint64_t step = 0x9E3779B97F4A7C15ULL;

}  // namespace

void fill(std::span<std::byte> buffer, std::uint64_t key) {
    std::uint64_t value = first_word(key);
    std::size_t at = 0;
    for (; at + word <= buffer.size(); at += word, value += step) {
        std::memcpy(&buffer[at], &value, word);
    }
    if (at < buffer.size()) std::memcpy(&buffer[at], &value, buffer.size() - at);
}

std::optional<std::int64_t> first_wrong(std::span<const std::byte> buffer, std::uint64_t key) {
    std::uint64_t value = first_word(key);
    for (std::size_t at = 0; at < buffer.size(); at += word, value += step) {
        const std::size_t length = std::min(word, buffer.size() - at);
        if (std::memcmp(&buffer[at], &value, length) == 0) continue;
        const auto* expected = reinterpret_cast<const std::byte*>(&value);
        const auto differing = std::mismatch(expected, expected + length, &buffer[at]).first;
        return static_cast<std::int64_t>(at) + (differing - expected);
    }
    return std::nullopt;
}

void poison(std::span<std::byte> buffer) {
    if (!buffer.empty()) std::memset(buffer.data(), 0xEE, buffer.size());
}

}  // namespace splitcast::bench
