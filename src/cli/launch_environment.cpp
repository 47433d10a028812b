#include "cli/launch_environment.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace splitcast::cli {

namespace {

constexpr LaunchSetting settings[] = {
#include "launch_settings.inc"  // made from share/splitcast-ft.conf
};

constexpr std::string_view file_name = "splitcast-ft.conf";

std::string variable(std::string_view name) { return "OMPI_MCA_" + std::string(name); }

}  // namespace

std::span<const LaunchSetting> launch_settings() { return settings; }

std::vector<std::string_view> unset_launch_settings() {
    std::vector<std::string_view> names;
    for (const auto& setting : settings) {
        if (std::getenv(variable(setting.name).c_str()) == nullptr) names.push_back(setting.name);
    }
    return names;
}

bool started_with_ulfm() {
    const char* value = std::getenv("OMPI_MCA_mpi_ft_enable");
    if (value == nullptr) return false;
    constexpr std::array<std::string_view, 5> no{"", "0", "false", "no", "disabled"};
    return std::ranges::find(no, std::string_view(value)) == no.end();
}

void prepare_launch_environment() {
    if (!started_with_ulfm()) return;
    for (const auto& setting : settings) {
        setenv(variable(setting.name).c_str(), std::string(setting.value).c_str(), 0);
    }
    struct sigaction before{};
    if (sigaction(SIGPIPE, nullptr, &before) == 0 && before.sa_handler == SIG_DFL) {
        std::signal(SIGPIPE, SIG_IGN);
    }
}

std::string describe(const FaultTolerance& state, std::string_view file) {
    const auto start = fmt::format("mpirun --with-ft ulfm --tune {}", file);
    if (!state.compiled) {
        return "not compiled in: a rank that dies ends the job; build splitcast with Open MPI 5 or "
               "later that has it (-DSPLITCAST_ULFM=AUTO)";
    }
    if (!state.enabled) return "compiled in; whether it is on cannot be told here";
    if (!*state.enabled) {
        return "compiled in, but off: a rank that dies ends the job; start with " + start;
    }
    if (!state.unset.empty()) {
        return fmt::format("compiled in, and on, but survivors may hang without {}; start with {}",
                           fmt::join(state.unset, ", "), start);
    }
    return "compiled in, and on";
}

std::string parameter_file() {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) return std::string(file_name);
    const auto installed =
        program.parent_path().parent_path() / "share" / "splitcast" / std::string(file_name);
    return std::filesystem::exists(installed, error) ? installed.string() : std::string(file_name);
}

}  // namespace splitcast::cli
