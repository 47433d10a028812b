#pragma once

#include "sim/scenario.hpp"

#include <cstdint>

namespace splitcast::sim {

/// The variable that chooses the seeds of broadcasts with failures.
inline constexpr const char* failure_seed_variable = "SPLITCAST_FAILURE_SEED";

/// Runs the broadcasts of `draw_failing` of `runs` seeds from `first` on and prints what came of
/// them; fails the test at the first violation, after saying everything about it.
void run_failures(std::uint64_t first, std::uint64_t runs, Drawing drawing = Drawing::today);

}  // namespace splitcast::sim
