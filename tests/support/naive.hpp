#pragma once

#include "collectives/ranges.hpp"
#include "collectives/sequence.hpp"

#include <cstdint>
#include <set>
#include <vector>

namespace splitcast::tests {

/// The integers of a set of ranges, one by one.
inline std::set<std::int64_t> listed(const collectives::Ranges& ranges) {
    std::set<std::int64_t> out;
    for (const collectives::Range& range : ranges) {
        for (std::int64_t i = range.begin; i < range.end; ++i) out.insert(i);
    }
    return out;
}

/// Whether the ranges are in the form that the class promises: sorted, not empty, not touching.
inline bool is_normal(const collectives::Ranges& ranges) {
    const auto& list = ranges.ranges();
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i].empty() || (i > 0 && list[i - 1].end >= list[i].begin)) return false;
    }
    return true;
}

/// The segments of a sequence, one by one.
inline std::vector<collectives::Segment> listed(const collectives::Sequence& sequence) {
    std::vector<collectives::Segment> out;
    for (collectives::Sequence::Cursor c(sequence); !c.done(); ++c) out.push_back(*c);
    return out;
}

}  // namespace splitcast::tests
