#include "sim/failures.hpp"

#include "sim/world.hpp"

#include <catch2/catch_test_macros.hpp>

#include <iostream>

namespace splitcast::sim {

void run_failures(std::uint64_t first, std::uint64_t runs, Drawing drawing) {
    std::int64_t steps = 0;
    Tally tally;
    for (std::uint64_t seed = first; seed < first + runs; ++seed) {
        const Scenario scenario = draw_failing(seed, drawing);
        const Result result = run(scenario);
        if (!result.violation.empty()) {
            std::cout << explain(scenario, result, failure_seed_variable);
            FAIL(result.violation);
        }
        steps += result.steps;
        tally += result.tally;
    }
    std::cout << runs << " broadcasts with failures, seeds " << first << " to " << first + runs - 1
              << ": " << steps << " steps, " << tally.text() << "\n";
}

}  // namespace splitcast::sim
