#pragma once

#include "collectives/flow.hpp"
#include "collectives/holdings.hpp"
#include "support/random.hpp"

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace splitcast::tests {

/// What came of running plans.
struct Run {
    std::vector<std::set<collectives::Segment>> held;  ///< by rank, at the end
    std::vector<std::int64_t> sent;                    ///< messages, by rank
    std::string error;                                 ///< the first thing that went wrong, or ""
};

/// Runs plans in the dumbest way that is obviously right: every flow is a queue of segments, one
/// message moves at a time, and chance says which. A message may move when its sender has the
/// segment. The receiver takes it from the flow that it expects it on. Errors are a message that is
/// not expected, one for a segment that is there already, and messages left over at the end.
Run run_plans(std::span<const collectives::RankPlan> plans,
              std::span<const collectives::Holdings> before, Random& random);

}  // namespace splitcast::tests
