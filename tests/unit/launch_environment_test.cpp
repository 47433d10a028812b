#include "cli/launch_environment.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <cstdlib>
#include <string>

using namespace splitcast::cli;

namespace {

std::string variable(std::string_view name) { return "OMPI_MCA_" + std::string(name); }

void forget_all() {
    unsetenv("OMPI_MCA_mpi_ft_enable");
    for (const auto& setting : launch_settings()) unsetenv(variable(setting.name).c_str());
    std::signal(SIGPIPE, SIG_DFL);
}

bool ignores_broken_pipes() {
    struct sigaction now{};
    sigaction(SIGPIPE, nullptr, &now);
    return now.sa_handler == SIG_IGN;
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("The table is that of the parameter set", "[launch]") {
    REQUIRE(launch_settings().size() >= 3);
    for (const auto& setting : launch_settings()) {
        CHECK_FALSE(setting.name.empty());
        CHECK_FALSE(setting.value.empty());
    }
}

TEST_CASE("A job without ULFM is left as it is", "[launch]") {
    forget_all();
    for (const char* off : {"0", "false", "no", ""}) {
        setenv("OMPI_MCA_mpi_ft_enable", off, 1);
        CHECK_FALSE(started_with_ulfm());
        prepare_launch_environment();
        CHECK(unset_launch_settings().size() == launch_settings().size());
        CHECK_FALSE(ignores_broken_pipes());
    }
}

TEST_CASE("With ULFM, what nobody set is set", "[launch]") {
    forget_all();
    setenv("OMPI_MCA_mpi_ft_enable", "1", 1);
    const auto& first = launch_settings()[0];
    setenv(variable(first.name).c_str(), "mine", 1);
    CHECK(started_with_ulfm());
    CHECK(unset_launch_settings().size() == launch_settings().size() - 1);
    prepare_launch_environment();
    CHECK(unset_launch_settings().empty());
    CHECK(std::string(std::getenv(variable(first.name).c_str())) == "mine");
    const auto& second = launch_settings()[1];
    CHECK(std::getenv(variable(second.name).c_str()) == std::string(second.value));
    CHECK(ignores_broken_pipes());
}

TEST_CASE("A handler of broken pipes stays", "[launch]") {
    forget_all();
    setenv("OMPI_MCA_mpi_ft_enable", "1", 1);
    std::signal(SIGPIPE, [](int) {});
    prepare_launch_environment();
    CHECK_FALSE(ignores_broken_pipes());
    forget_all();
}

TEST_CASE("One line tells what there is and what to do", "[launch]") {
    const std::string start = "mpirun --with-ft ulfm --tune set.conf";
    CHECK(contains(describe({false, {}}, "set.conf"), "not compiled in"));
    CHECK(contains(describe({true, {}}, "set.conf"), "cannot be told"));
    CHECK(contains(describe({true, false}, "set.conf"), "off"));
    CHECK(contains(describe({true, false}, "set.conf"), start));
    const auto missing = describe({true, true, {"coll", "async_mpi_finalize"}}, "set.conf");
    CHECK(contains(missing, "without coll, async_mpi_finalize"));
    CHECK(contains(missing, start));
    CHECK(describe({true, true}, "set.conf") == "compiled in, and on");
    for (const auto& state : {FaultTolerance{false, {}}, FaultTolerance{true, false}}) {
        CHECK_FALSE(contains(describe(state, "set.conf"), "\n"));
    }
}
