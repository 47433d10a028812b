#pragma once

#include "check/crew.hpp"
#include "collectives/outliers.hpp"

#include <optional>
#include <vector>

namespace splitcast::check {

/// How far each node's wall clock is ahead of rank 0's, from the fastest of some round trips: the
/// clock was read somewhere between its beginning and its end, and half of it is the doubt. On rank
/// 0; empty on others. Nothing: a node is lost. Rank 0 asks one after the other.
[[nodiscard]] std::optional<std::vector<collectives::ClockOffset>> compare_clocks(Crew& crew);

/// Seconds of processor time that this thread has had.
[[nodiscard]] double processor_time();

/// Seconds of processor time that a fixed computation takes, which depends on nothing but the clock
/// rate of the core: a chain of multiplications that wait for each other. Processor time, so that
/// others on the same core do not count; the fastest of some tries.
[[nodiscard]] double fixed_computation();

}  // namespace splitcast::check
