#pragma once

#include "collectives/holdings.hpp"
#include "collectives/ranges.hpp"
#include "collectives/types.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace splitcast::collectives {

/// The segments that are lacked by exactly the same live ranks; all other live ranks hold them.
struct LackClass {
    std::vector<std::uint64_t> lackers;  ///< bit i: the i-th live rank lacks the segments
    std::vector<Segment> segments;       ///< ascending

    [[nodiscard]] bool lacks(int i) const {
        return (lackers[static_cast<std::size_t>(i) / 64] >> (i % 64) & 1U) != 0;
    }
    [[nodiscard]] Segment size() const { return static_cast<Segment>(segments.size()); }

    friend bool operator==(const LackClass&, const LackClass&) = default;
};

/// What a repair has to do: the classes, largest first (then by first segment), without the one
/// that nobody lacks; and the segments that every live rank lacks.
struct LackClasses {
    std::vector<LackClass> classes;
    Ranges held_by_nobody;
    Segment segments = 0;
};

/// Sorts the segments by who lacks them. `live` ascends. O(N P / 64 + N log N) and N P bits.
[[nodiscard]] LackClasses classify(std::span<const Holdings> holdings, std::span<const Rank> live);

}  // namespace splitcast::collectives
