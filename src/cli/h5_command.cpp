#include "cli/commands.hpp"
#include "cli/session.hpp"
#include "splitcast/h5.hpp"

#include <mpi.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <utility>

namespace splitcast::cli {

namespace {

constexpr const char* description = "Datasets of an HDF5 file: what would move, extract, verify";

constexpr const char* footer =
    "FILE:/path is a dataset or a group of an HDF5 file, FILE alone all of it; the first process "
    "reads it. The path\n"
    "begins after the last ':' that a '/' follows. In DEST and COPY %h, %r, %j and %% mean what "
    "they mean to copy:\n"
    "one file on every node, or with %r one for every rank. Chunks travel as they are stored, and "
    "are written so.\n\n"
    "Examples:\n"
    "  splitcast h5 inspect data.h5:/state\n"
    "  srun --mpi=pmix splitcast h5 extract data.h5:/table /local/table.h5\n"
    "  srun --mpi=pmix splitcast h5 verify data.h5:/table /local/table.h5\n\n";

struct Arguments {
    std::string source;
    std::string destination;
    std::string settings;
    bool force = false;
    bool verify = false;
};

/// What "FILE:/path" stands for.
std::pair<std::string, std::string> file_and_path(const std::string& text) {
    const auto colon = text.rfind(":/");
    if (colon == std::string::npos || colon == 0) return {text, "/"};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

nlohmann::json to_json(const h5::Traffic& traffic) {
    return {{"logical_bytes", traffic.logical_bytes},
            {"stored_bytes", traffic.stored_bytes},
            {"wire_bytes", traffic.wire_bytes},
            {"broadcasts", traffic.broadcasts},
            {"seconds", traffic.seconds}};
}

std::string dims_text(const h5::Overview& one) {
    return one.dims.empty() ? "scalar" : fmt::format("{}", fmt::join(one.dims, " x "));
}

void tell_left_out(const Voice& voice, const std::vector<std::string>& left_out) {
    for (const std::string& line : left_out) voice.say("left out: " + line);
}

void print(const h5::Inspection& inspection) {
    std::int64_t logical = 0;
    std::int64_t stored = 0;
    for (const h5::Overview& one : inspection.datasets) {
        logical += one.logical_bytes;
        stored += one.stored_bytes;
        fmt::print("{}\n  {} of {}, {}\n", one.path, dims_text(one), one.type,
                   size_text(static_cast<double>(one.logical_bytes)));
        if (one.chunks > 0)
            fmt::print("  {} chunks{}{}\n", one.chunks, one.filters.empty() ? "" : ", ",
                       one.filters);
        fmt::print("  travels as {}: {}\n", one.travels,
                   size_text(static_cast<double>(one.stored_bytes)));
    }
    fmt::print("{} datasets: {} in memory, {} on the wire, and {} of description\n",
               inspection.datasets.size(), size_text(static_cast<double>(logical)),
               size_text(static_cast<double>(stored)),
               size_text(static_cast<double>(inspection.description_bytes)));
}

nlohmann::json to_json(const h5::Inspection& inspection) {
    nlohmann::json object = {{"command", "h5 inspect"},
                             {"success", true},
                             {"exit_code", 0},
                             {"description_bytes", inspection.description_bytes},
                             {"left_out", inspection.left_out},
                             {"datasets", nlohmann::json::array()}};
    for (const h5::Overview& one : inspection.datasets) {
        object["datasets"].push_back({{"path", one.path},
                                      {"type", one.type},
                                      {"dims", one.dims},
                                      {"filters", one.filters},
                                      {"travels_as", one.travels},
                                      {"chunks", one.chunks},
                                      {"logical_bytes", one.logical_bytes},
                                      {"stored_bytes", one.stored_bytes}});
    }
    return object;
}

/// MPI and a team of all ranks, for as long as a command needs them.
struct Crew {
    std::unique_ptr<Session> session;
    Team team;
};

Result<Crew> gather(Voice& voice, const std::string& settings) {
    auto session = Session::open();
    if (!session) return session.error();
    voice.speaks = (*session)->rank() == 0;
    auto team = Team::create(MPI_COMM_WORLD, settings);
    if (!team) return team.error();
    return Crew{std::move(*session), std::move(*team)};
}

ExitCode inspect(const Arguments& arguments, Voice& voice) {
    auto crew = gather(voice, arguments.settings);
    if (!crew) return voice.fail("h5 inspect", crew.error());
    const auto [file, path] = file_and_path(arguments.source);
    const auto inspection = h5::inspect(crew->team, file, path);
    if (!inspection) return voice.fail("h5 inspect", inspection.error());
    tell_left_out(voice, inspection->left_out);
    if (voice.json) {
        voice.print(to_json(*inspection));
    } else if (voice.speaks) {
        print(*inspection);
    }
    return ExitCode::success;
}

ExitCode finish(const char* command, const char* done, const Result<h5::Extraction>& outcome,
                const Voice& voice) {
    if (!outcome) return voice.fail(command, outcome.error());
    const h5::Traffic& traffic = outcome->traffic;
    tell_left_out(voice, outcome->left_out);
    voice.say(fmt::format(
        "{} {}: {} datasets, {} in memory, {} as stored, {} on the wire, {}", outcome->copies, done,
        outcome->datasets, size_text(static_cast<double>(traffic.logical_bytes)),
        size_text(static_cast<double>(traffic.stored_bytes)),
        size_text(static_cast<double>(traffic.wire_bytes)), time_text(traffic.seconds)));
    if (voice.json) {
        voice.print({{"command", command},
                     {"success", true},
                     {"exit_code", 0},
                     {"copies", outcome->copies},
                     {"datasets", outcome->datasets},
                     {"left_out", outcome->left_out},
                     {"traffic", to_json(traffic)}});
    }
    return ExitCode::success;
}

ExitCode extract(const Arguments& arguments, Voice& voice) {
    auto crew = gather(voice, arguments.settings);
    if (!crew) return voice.fail("h5 extract", crew.error());
    const auto [file, path] = file_and_path(arguments.source);
    h5::ExtractOptions options;
    options.force = arguments.force;
    options.verify = arguments.verify;
    return finish("h5 extract", "new files",
                  h5::extract(crew->team, file, path, arguments.destination, options), voice);
}

ExitCode verify(const Arguments& arguments, Voice& voice) {
    auto crew = gather(voice, arguments.settings);
    if (!crew) return voice.fail("h5 verify", crew.error());
    const auto [file, path] = file_and_path(arguments.source);
    auto outcome = h5::verify(crew->team, file, path, arguments.destination);
    if (!outcome) return voice.fail("h5 verify", outcome.error());
    voice.say(fmt::format("{} files: each of {} objects is as in the source", outcome->copies,
                          outcome->datasets));
    if (voice.json) {
        voice.print({{"command", "h5 verify"},
                     {"success", true},
                     {"exit_code", 0},
                     {"copies", outcome->copies},
                     {"objects", outcome->datasets}});
    }
    return ExitCode::success;
}

}  // namespace

void add_h5(CLI::App& app, Voice& voice, Action& action) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* command = app.add_subcommand("h5", description);
    command->require_subcommand(1);
    command->footer(footer + exit_code_help());

    using Run = ExitCode (*)(const Arguments&, Voice&);
    const auto add = [&](const char* name, const char* what, const char* destination,
                         const char* which, Run run) {
        CLI::App* sub = command->add_subcommand(name, what);
        sub->add_option("SOURCE", arguments->source, "FILE, or FILE:/path")
            ->required()
            ->type_name("");
        if (destination != nullptr)
            sub->add_option(destination, arguments->destination, which)->required()->type_name("");
        sub->add_option("--settings", arguments->settings,
                        "NAME=VALUE,... of the broadcasts (see splitcast info --all)");
        sub->add_flag("--json", voice.json, "Print one JSON object");
        sub->add_flag("-q,--quiet", voice.quiet, "Say nothing unless something fails");
        sub->callback([arguments, run, &voice, &action] {
            action = [arguments, run, &voice] { return run(*arguments, voice); };
        });
        return sub;
    };
    add("inspect", "Tell what would move, and how", nullptr, nullptr, inspect);
    CLI::App* extracting = add("extract", "A dataset or group into a new file on every node",
                               "DEST", "Name of the new files, or a folder for them", extract);
    extracting->add_flag("-f,--force", arguments->force,
                         "Replace a file that exists (else: an error)");
    extracting->add_flag("--verify", arguments->verify,
                         "Read each file again and compare, before it gets its name");
    add("verify", "Compare what is in files on every node with the source", "COPY",
        "Name of the files", verify);
}

}  // namespace splitcast::cli
