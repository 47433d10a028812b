// Broadcasts with failures that nobody has seen before. Which ones they were is printed; seed and
// number of runs can be given: SPLITCAST_FAILURE_SEED, SPLITCAST_RUNS.

#include "sim/failures.hpp"
#include "sim/seeds.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>

namespace splitcast::sim {
namespace {

constexpr std::uint64_t default_runs = 20000;

// In two cases, so that they can run at the same time.
void run_half(bool second) {
    const std::uint64_t first = from_environment(failure_seed_variable, fresh_seed());
    const std::uint64_t runs = from_environment("SPLITCAST_RUNS", default_runs);
    const std::uint64_t half = runs - runs / 2;
    for (const std::uint64_t seed : remembered(failed_seeds)) run_failures(seed, 1);
    if (second) {
        run_failures(first + half, runs - half);
    } else {
        run_failures(first, half);
    }
}

TEST_CASE("whatever befalls the ranks of fresh seeds, every promise is kept") { run_half(false); }
TEST_CASE("whatever befalls the ranks of more fresh seeds, every promise is kept") {
    run_half(true);
}

}  // namespace
}  // namespace splitcast::sim
