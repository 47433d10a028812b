#include "api/effective_settings.hpp"
#include "cli/commands.hpp"
#include "cli/launch_environment.hpp"
#include "fault/launcher.hpp"
#include "splitcast/splitcast.hpp"
#include "topology/hwloc_place.hpp"

#include <mpi.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#ifdef OPEN_MPI
#include <mpi-ext.h>
#endif
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <optional>
#include <string>

namespace splitcast::cli {

namespace {

#if defined(OMPI_HAVE_MPI_EXT_FTMPI) && !defined(SPLITCAST_WITHOUT_ULFM)
constexpr bool ulfm_compiled = true;
#else
constexpr bool ulfm_compiled = false;
#endif

#ifdef SPLITCAST_HDF5_VERSION
constexpr std::string_view hdf5 = SPLITCAST_HDF5_VERSION;
#else
constexpr std::string_view hdf5 = "";
#endif

std::string mpi_library() {
    std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
    int length = 0;
    if (MPI_Get_library_version(text.data(), &length) != MPI_SUCCESS) return "unknown";
    const std::string all(text.data(), static_cast<std::size_t>(length));
    const std::string line = all.substr(0, all.find('\n'));
    return line.substr(
        0, line.find(", package"));  // Open MPI goes on with who built it, where and when
}

std::string mpi_standard() {
    int version = 0;
    int subversion = 0;
    MPI_Get_version(&version, &subversion);
    return fmt::format("{}.{}", version, subversion);
}

/// Would MPI_Init switch fault tolerance on? Asked of MPI's tool interface, which does not need
/// MPI_Init. Nothing if the library has no such variable.
std::optional<bool> ulfm_enabled() {
    int provided = 0;
    if (MPI_T_init_thread(MPI_THREAD_SINGLE, &provided) != MPI_SUCCESS) return std::nullopt;
    std::optional<bool> enabled;
    int index = 0;
    int count = 0;
    MPI_T_cvar_handle handle{};
    if (MPI_T_cvar_get_index("mpi_ft_enable", &index) == MPI_SUCCESS &&
        MPI_T_cvar_handle_alloc(index, nullptr, &handle, &count) == MPI_SUCCESS) {
        std::array<int, 16> value{};
        if (count <= 16 && MPI_T_cvar_read(handle, value.data()) == MPI_SUCCESS)
            enabled = value[0] != 0;
        MPI_T_cvar_handle_free(&handle);
    }
    MPI_T_finalize();
    return enabled;
}

nlohmann::json setting_json(const collectives::ParameterInfo& parameter,
                            const collectives::Resolved::Entry& entry) {
    return {{"name", parameter.name},
            {"value", entry.value},
            {"origin", collectives::text(entry.origin)},
            {"unit", parameter.unit},
            {"summary", parameter.summary}};
}

std::string environment_name(std::string_view parameter) {
    std::string name = "SPLITCAST_";
    for (const char c : parameter)
        name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return name;
}

void print_settings(const collectives::Resolved& settings, bool all) {
    const auto parameters = collectives::parameters();
    std::size_t left_out = 0;
    fmt::print("\nsettings\n");
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const auto& entry = settings.entries[i];
        if (!all && entry.origin == collectives::Origin::standard) {
            ++left_out;
            continue;
        }
        fmt::print("  {:<16} {:<10} {:<12}", parameters[i].name, entry.value,
                   collectives::text(entry.origin));
        if (all) fmt::print(" {} [{}]", parameters[i].summary, parameters[i].unit);
        fmt::print("\n");
    }
    if (left_out > 0) fmt::print("  {} settings have their defaults; --all lists them\n", left_out);
    if (all) {
        fmt::print(
            "\nA setting comes from, strongest first: the call (--settings NAME=VALUE,...), "
            "MPI_Info (key "
            "splitcast_NAME),\nthe environment (such as {}), the site file (SPLITCAST_SITE_FILE, "
            "else "
            "/etc/splitcast.conf), the default.\n",
            environment_name("segment"));
    }
}

FaultTolerance::Srun srun() {
    using Srun = FaultTolerance::Srun;
    if (!fault::started_by_srun()) return Srun::not_here;
    return survives_under_srun({}) ? Srun::survives : Srun::off;
}

ExitCode info(const Voice& voice, bool all) {
    if (!voice.speaks) return ExitCode::success;
    const auto settings = api::effective_settings({}, MPI_INFO_NULL);
    const FaultTolerance tolerance{ulfm_compiled, ulfm_compiled ? ulfm_enabled() : std::nullopt,
                                   unset_launch_settings(), srun()};
    const std::string hwloc = topology::hwloc_version();
    if (voice.json) {
        nlohmann::json object = {
            {"command", "info"},
            {"success", settings.ok()},
            {"exit_code", settings ? 0 : static_cast<int>(exit_code(settings.error().status))},
            {"version", version()},
            {"mpi", {{"library", mpi_library()}, {"standard", mpi_standard()}}},
            {"ulfm",
             {{"compiled", ulfm_compiled},
              {"enabled", nullptr},
              {"unset", tolerance.unset},
              {"text", describe(tolerance, parameter_file())}}},
            {"hwloc", hwloc},
            {"hdf5", nullptr},
            {"settings", nlohmann::json::array()}};
        if (tolerance.enabled) object["ulfm"]["enabled"] = *tolerance.enabled;
        if (!hdf5.empty()) object["hdf5"] = hdf5;
        for (std::size_t i = 0; settings && i < settings->entries.size(); ++i) {
            object["settings"].push_back(
                setting_json(collectives::parameters()[i], settings->entries[i]));
        }
        if (!settings) object["error"] = {{"kind", "usage"}, {"text", settings.error().text}};
        voice.print(object);
    } else {
        fmt::print("splitcast  {}\n", version());
        fmt::print("MPI        {} (MPI {})\n", mpi_library(), mpi_standard());
        fmt::print("ULFM       {}\n", describe(tolerance, parameter_file()));
        fmt::print("hwloc      {}\n", hwloc);
        fmt::print("HDF5       {}\n",
                   hdf5.empty() ? "none was found when splitcast was built" : hdf5);
        if (settings) print_settings(*settings, all);
    }
    if (settings) return ExitCode::success;
    fmt::print(stderr, "splitcast info: error: {}\n", settings.error().text);
    return exit_code(settings.error().status);
}

}  // namespace

void add_info(CLI::App& app, Voice& voice, Action& action) {
    auto all = std::make_shared<bool>(false);
    CLI::App* command =
        app.add_subcommand("info", "Tell what splitcast was built with, and its settings");
    command->add_flag("-a,--all", *all,
                      "Every setting, with its meaning; else those that differ from the default");
    command->add_flag("--json", voice.json, "Print one JSON object, always with every setting");
    command->footer(
        "It needs no MPI processes, but tells what they would find when run as they are (mpirun -n "
        "1 "
        "splitcast info).\n");
    command->callback(
        [all, &voice, &action] { action = [all, &voice] { return info(voice, *all); }; });
}

}  // namespace splitcast::cli
