// Plays the broadcasts in scenarios/ and compares what happens, line by line, with what is written
// there. With SPLITCAST_UPDATE set, writes down what happens instead; read the difference before it
// is committed.

#include "sim/scenario_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace splitcast::sim {
namespace {

std::string read(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

TEST_CASE("what happens in the scenarios is what is written there") {
    int played = 0;
    for (const auto& entry : std::filesystem::directory_iterator(SPLITCAST_SCENARIOS)) {
        if (entry.path().extension() != ".txt") continue;
        ++played;
        const ScenarioFile file = read_scenario(read(entry.path()));
        const std::string happened = play(file.scenario);
        if (std::getenv("SPLITCAST_UPDATE") != nullptr) {
            std::ofstream(entry.path()) << file.head << "---\n" << happened;
            continue;
        }
        INFO(entry.path().filename().string());
        CHECK(happened == file.transcript);
    }
    CHECK(played > 0);
}

TEST_CASE("a scenario that cannot be understood is refused") {
    CHECK_THROWS_AS(read_scenario("ranks 2\nspeed 5\n"), std::invalid_argument);
    CHECK_THROWS_AS(read_scenario("ranks two\n"), std::invalid_argument);
    CHECK_THROWS_AS(read_scenario("ranks 2\nroot 1 1\n"), std::invalid_argument);
    CHECK_THROWS_AS(read_scenario("ranks 2\nenter 2 5\n"), std::invalid_argument);
}

}  // namespace
}  // namespace splitcast::sim
