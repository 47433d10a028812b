// Whole broadcasts under a seeded scheduler. Seed and number of runs can be given: SPLITCAST_SEED,
// SPLITCAST_RUNS.

#include "sim/world.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace splitcast::sim {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

std::uint64_t fresh_seed() {
    std::random_device device;
    return (std::uint64_t{device()} << 16U) ^ device();
}

void run_seeds(std::uint64_t first, std::uint64_t runs) {
    std::int64_t steps = 0;
    std::int64_t messages = 0;
    for (std::uint64_t seed = first; seed < first + runs; ++seed) {
        const Scenario scenario = draw(seed);
        const Result result = run(scenario);
        if (!result.violation.empty()) {
            std::cout << explain(scenario, result);
            FAIL(result.violation);
        }
        steps += result.steps;
        messages += result.messages;
    }
    std::cout << runs << " broadcasts, seeds " << first << " to " << first + runs - 1 << ": "
              << messages << " messages, " << steps << " steps\n";
}

TEST_CASE("the broadcasts of the fixed seeds keep every promise") { run_seeds(1, 4000); }

TEST_CASE("broadcasts of fresh seeds keep every promise") {
    run_seeds(from_environment("SPLITCAST_SEED", fresh_seed()),
              from_environment("SPLITCAST_RUNS", 20000));
}

TEST_CASE("the same seed gives the same broadcast") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        std::string once;
        std::string again;
        static_cast<void>(run(draw(seed), {.transcript = &once}));
        static_cast<void>(run(draw(seed), {.transcript = &again}));
        CHECK(once == again);
    }
}

}  // namespace
}  // namespace splitcast::sim
