#include "cli/launch_environment.hpp"

#include "api/effective_settings.hpp"
#include "fault/launcher.hpp"
#include "mpi/ulfm.hpp"

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
constexpr const char* ulfm_switch = "OMPI_MCA_mpi_ft_enable";

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

bool survives_under_srun(std::string_view settings) {
    if (!fault::started_by_srun() || !mpi::ulfm::compiled()) return false;
    if (std::getenv(ulfm_switch) != nullptr && !started_with_ulfm()) return false;
    const auto all = api::effective_settings(settings, MPI_INFO_NULL);
    return all.ok() && all->settings.survive != collectives::Survive::off;
}

bool started_with_ulfm() {
    const char* value = std::getenv(ulfm_switch);
    if (value == nullptr) return false;
    constexpr std::array<std::string_view, 5> no{"", "0", "false", "no", "disabled"};
    return std::ranges::find(no, std::string_view(value)) == no.end();
}

void prepare_launch_environment(bool survive) {
    if (survive) setenv(ulfm_switch, "1", 0);
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
    using Srun = FaultTolerance::Srun;
    if (state.srun == Srun::survives) {
        return "compiled in; copy survives the death of ranks under srun, with srun's --no-kill "
               "--kill-on-bad-exit=0 that of nodes; the setting survive=off ends that";
    }
    if (state.srun == Srun::off) {
        return "compiled in, but switched off (setting survive=off, or OMPI_MCA_mpi_ft_enable=0): "
               "a "
               "rank that dies ends the step";
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
