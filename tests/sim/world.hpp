#pragma once

#include "sim/port.hpp"
#include "sim/scenario.hpp"

#include <cstdint>
#include <string>

namespace splitcast::sim {

/// What came of a simulation.
struct Result {
    std::string violation;  ///< empty: everything was as it should be
    std::int64_t steps = 0;
    std::int64_t messages = 0;
    Ticks end = 0;
    Tally tally;
};

/// Runs a broadcast from beginning to end. The same scenario always gives the same result.
[[nodiscard]] Result run(const Scenario& scenario, Hooks hooks = {});

/// For a seed that has failed: what went wrong, the scenario, the last events, and how to see it
/// again.
[[nodiscard]] std::string explain(const Scenario& scenario, const Result& result,
                                  const char* seed_variable = "SPLITCAST_SEED");

}  // namespace splitcast::sim
