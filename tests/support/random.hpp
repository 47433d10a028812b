#pragma once

#include <cstdint>
#include <string>

namespace splitcast::tests {

/// All chance of a test comes from here (splitmix64), so that a seed and a commit replay a failure.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31);
    }

    /// Uniform in low .. high, both included.
    std::int64_t between(std::int64_t low, std::int64_t high) {
        const auto span = static_cast<std::uint64_t>(high - low) + 1;
        return low + static_cast<std::int64_t>(next() % span);
    }
    int number(int low, int high) { return static_cast<int>(between(low, high)); }

    /// True in `percent` of 100 cases.
    bool chance(int percent) { return number(1, 100) <= percent; }

private:
    std::uint64_t state_;
};

/// The seed of case number `index` of a test: fixed, or all cases shifted by SPLITCAST_SEED. When
/// SPLITCAST_SEED is given, it is itself the seed of case 0, which is how a reported seed is
/// replayed.
std::uint64_t seed_of_case(std::uint64_t index);

/// "seed 1234: replay with SPLITCAST_SEED=1234", for INFO().
std::string replay(std::uint64_t seed);

}  // namespace splitcast::tests
