#include "cli/launch_environment.hpp"

#include "mpi/ulfm.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <cstdlib>
#include <string>

using namespace splitcast::cli;

namespace {

std::string variable(std::string_view name) { return "OMPI_MCA_" + std::string(name); }

void forget_all() {
    for (const char* name : {"OMPI_MCA_mpi_ft_enable", "PMIX_NAMESPACE", "SPLITCAST_SURVIVE"})
        unsetenv(name);
    setenv("SPLITCAST_SITE_FILE", "/dev/null", 1);
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

TEST_CASE("Under srun itself survival is wanted unless somebody switched it off", "[launch]") {
    forget_all();
    CHECK_FALSE(survives_under_srun(""));
    setenv("PMIX_NAMESPACE", "prterun-host-17@1", 1);  // mpirun's
    CHECK_FALSE(survives_under_srun(""));
    setenv("PMIX_NAMESPACE", "slurm.pmix.17.0", 1);
    if (!splitcast::mpi::ulfm::compiled()) {
        CHECK_FALSE(survives_under_srun(""));
        return;
    }
    CHECK(survives_under_srun(""));
    CHECK_FALSE(survives_under_srun("survive=off"));
    CHECK_FALSE(survives_under_srun("survive=perhaps"));  // told elsewhere
    setenv("SPLITCAST_SURVIVE", "off", 1);
    CHECK_FALSE(survives_under_srun(""));
    CHECK(survives_under_srun("survive=auto"));
    unsetenv("SPLITCAST_SURVIVE");
    setenv("OMPI_MCA_mpi_ft_enable", "0", 1);
    CHECK_FALSE(survives_under_srun(""));
    prepare_launch_environment(true);  // what somebody has set stays
    CHECK(unset_launch_settings().size() == launch_settings().size());
    forget_all();
    prepare_launch_environment(true);
    CHECK(started_with_ulfm());
    CHECK(unset_launch_settings().empty());
    CHECK(ignores_broken_pipes());
    forget_all();
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
    using Srun = FaultTolerance::Srun;
    const auto here = describe({true, false, {"coll"}, Srun::survives}, "set.conf");
    CHECK(contains(here, "copy survives"));
    CHECK(contains(here, "--no-kill"));
    CHECK(contains(describe({true, false, {}, Srun::off}, "set.conf"), "switched off"));
    CHECK(contains(describe({false, {}, {}, Srun::survives}, "set.conf"), "not compiled in"));
    for (const auto& state : {FaultTolerance{false, {}}, FaultTolerance{true, false}}) {
        CHECK_FALSE(contains(describe(state, "set.conf"), "\n"));
    }
}
