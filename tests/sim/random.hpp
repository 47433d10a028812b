#pragma once

#include "support/random.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace splitcast::sim {

/// All chance in the simulator. The distributions of <random> differ between standard libraries, so
/// that a seed would not replay everywhere; these do not.
class Random : public tests::Random {
public:
    using tests::Random::Random;

    /// 0 .. n-1. The bias of the remainder does not matter for numbers as small as ours.
    template <class T>
    T below(T n) {
        return static_cast<T>(next() % static_cast<std::uint64_t>(n));
    }

    /// low .. high, both included.
    template <class T>
    T between(T low, T high) {
        return static_cast<T>(low + below<T>(static_cast<T>(high - low + 1)));
    }

    template <class T>
    void shuffle(std::vector<T>& items) {
        for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
    }

    /// A number that looks random and depends on every bit of `z`.
    static std::uint64_t mix(std::uint64_t z) { return Random(z).next(); }
};

}  // namespace splitcast::sim
