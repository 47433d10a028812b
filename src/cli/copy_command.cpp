#include "cli/commands.hpp"
#include "cli/launch_environment.hpp"
#include "cli/session.hpp"
#include "collectives/settings.hpp"
#include "splitcast/copy.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace splitcast::cli {

namespace {

struct Arguments {
    std::string source;
    std::string destination;
    std::vector<std::string> settings;
    CopyOptions options;
};

constexpr const char* description =
    "Copy the file SOURCE, which the first process reads, to DESTINATION on every node, or for "
    "every rank";

constexpr const char* footer =
    "In DESTINATION %h stands for the host's name, %r for the rank, %j for the job's id and %% for "
    "a percent sign.\n"
    "With %r every rank gets a copy, otherwise every node gets one. A DESTINATION that ends in "
    "'/', or is a folder,\n"
    "gets a file with the source's name. Copies appear under their final names when all are "
    "complete and verified;\n"
    "on any failure none does, and nothing stays behind. Started with mpirun --with-ft ulfm, or by "
    "srun, the others\n"
    "finish when processes die.\n\n"
    "Examples:\n"
    "  srun --mpi=pmix --ntasks-per-node=1 splitcast copy mesh.h5 /local/mesh.h5\n"
    "  mpirun -n 8 splitcast copy --parents input.dat out/%r/\n\n";

/// Settings are the same on every rank, so that what is wrong with them can be told before
/// MPI_Init.
std::string wrong_setting(const std::string& text) {
    using namespace collectives;
    auto parsed = parse_assignments(text);
    if (auto* wrong = std::get_if<std::string>(&parsed)) return *wrong;
    const std::array layers{Layer{Origin::call, std::get<Assignments>(parsed)}};
    auto resolved = resolve(layers);
    if (auto* wrong = std::get_if<std::string>(&resolved)) return *wrong;
    return {};
}

ExitCode exit_code(const CopyReport& report) {
    return report.lost.empty() ? ExitCode::success : ExitCode::survivors_only;
}

nlohmann::json to_json(const Arguments& arguments, const CopyReport& report) {
    const Report& broadcast = report.broadcast;
    nlohmann::json object = {
        {"command", "copy"},
        {"success", true},
        {"exit_code", static_cast<int>(exit_code(report))},
        {"source", arguments.source},
        {"destination", arguments.destination},
        {"bytes", report.bytes},
        {"copies", report.copies},
        {"seconds", report.seconds},
        {"digest", {{"algorithm", "XXH3-128"}, {"value", report.digest}}},
        {"broadcast",
         {{"seconds", broadcast.seconds},
          {"segments", broadcast.segments},
          {"segment_bytes", broadcast.segment_bytes},
          {"group_size", broadcast.group_size},
          {"groups", broadcast.groups},
          {"children", broadcast.children},
          {"choice", broadcast.choice}}},
        {"lost", nlohmann::json::array()},
        {"recovery",
         {{"silence_seconds", report.silence_seconds},
          {"regroup_seconds", report.regroup_seconds},
          {"repair_seconds", report.repair_seconds},
          {"bytes_repaired", report.bytes_repaired}}},
        {"records", nlohmann::json::array()},
    };
    for (const LostRank& lost : report.lost) {
        object["lost"].push_back(
            {{"rank", lost.rank}, {"host", lost.host}, {"how", lost.evicted ? "evicted" : "died"}});
    }
    for (const CopyRecord& record : report.records) {
        object["records"].push_back({{"rank", record.rank},
                                     {"host", record.host},
                                     {"path", record.path},
                                     {"bytes", record.already_there ? 0 : report.bytes},
                                     {"seconds", record.seconds},
                                     {"already_there", record.already_there}});
    }
    return object;
}

/// Who is lost, when that was noticed, and what it cost.
void tell_losses(const Voice& voice, const CopyReport& report) {
    if (report.lost.empty()) return;
    for (const LostRank& lost : report.lost) {
        voice.say(fmt::format("rank {}{} {} and has no copy", lost.rank,
                              lost.host.empty() ? "" : " on " + lost.host,
                              lost.evicted ? "did not answer, was left out" : "died"));
    }
    voice.say(fmt::format(
        "noticed {} after its last sign of life; new plan {} later, which moved {} in {}",
        time_text(report.silence_seconds), time_text(report.regroup_seconds),
        size_text(static_cast<double>(report.bytes_repaired)), time_text(report.repair_seconds)));
}

void tell(const Voice& voice, const CopyReport& report) {
    if (!report.broadcast.choice.empty()) voice.say(report.broadcast.choice);
    for (const CopyRecord& record : report.records) {
        if (record.already_there) {
            voice.say(fmt::format("rank {} on {}: {} is the source itself and was left as it is",
                                  record.rank, record.host, record.path));
        } else {
            voice.detail(fmt::format("rank {} on {}: {} ({})", record.rank, record.host,
                                     record.path, time_text(record.seconds)));
        }
    }
    tell_losses(voice, report);
    const auto bytes = static_cast<double>(report.bytes);
    const std::string exactly = report.bytes < 1024 ? "" : fmt::format(" ({} bytes)", report.bytes);
    voice.say(fmt::format("{}{} to {} {} in {}: {}/s each", size_text(bytes), exactly,
                          report.copies, report.copies == 1 ? "copy" : "copies",
                          time_text(report.seconds),
                          size_text(report.seconds > 0 ? bytes / report.seconds : 0)));
}

/// `lost` ascends.
int lowest_left(const std::vector<int>& lost) {
    int rank = 0;
    for (const int gone : lost) {
        if (gone == rank) ++rank;
    }
    return rank;
}

ExitCode copy(const Arguments& arguments, Voice& voice) {
    auto session = Session::open(survives_under_srun(arguments.options.settings));
    if (!session) return voice.fail("copy", session.error());
    const int rank = (*session)->rank();
    auto report =
        copy_file(MPI_COMM_WORLD, arguments.source, arguments.destination, arguments.options);
    if (!report) {
        const Error& error = report.error();
        // Who was left out speaks for itself, and not in the place of the others.
        const bool alone = error.status == Status::evicted;
        voice.speaks = alone || rank == lowest_left(error.failed);
        if (alone) voice.json = false;
        const ExitCode code = voice.fail("copy", error);
        if (alone || !error.failed.empty()) (*session)->leave_the_lost(code);
        return code;
    }
    std::vector<int> lost;
    for (const LostRank& one : report->lost) lost.push_back(one.rank);
    voice.speaks = rank == lowest_left(lost);
    if (voice.speaks) tell(voice, *report);
    if (voice.json) voice.print(to_json(arguments, *report));
    const ExitCode code = exit_code(*report);
    if (!report->lost.empty()) (*session)->leave_the_lost(code);
    return code;
}

}  // namespace

void add_copy(CLI::App& app, Voice& voice, Action& action) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* command = app.add_subcommand("copy", description);
    command->add_option("SOURCE", arguments->source, "A regular file; the first process reads it")
        ->required()
        ->type_name("");
    command
        ->add_option("DESTINATION", arguments->destination,
                     "Name of the copies, or a folder for them")
        ->required()
        ->type_name("");
    command->add_flag("-f,--force", arguments->options.force,
                      "Replace a destination that exists (else: an error)");
    command->add_flag("--parents", arguments->options.parents,
                      "Make the folders that the destination lies in");
    command->add_flag("--mirror", arguments->options.mirror,
                      "Every process that can read the same SOURCE helps to send it, and stands in "
                      "for the first");
    command->add_flag("--fsync", arguments->options.sync, "Wait until the disks have the copies");
    command
        ->add_option("--settings", arguments->settings,
                     "NAME=VALUE,... of the broadcast (see splitcast info --all)")
        ->check([](const std::string& text) { return wrong_setting(text); }, "", "")
        ->expected(1)  // each time: the arguments that follow are not settings
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->type_name("TEXT");
    command->add_flag("--json", voice.json, "Print one JSON object, with a record for each copy");
    auto* quiet =
        command->add_flag("-q,--quiet", voice.quiet, "Say nothing unless something fails");
    command->add_flag("-v,--verbose", voice.verbose, "One line for each copy")->excludes(quiet);
    command->footer(footer + exit_code_help());
    command->callback([arguments, &voice, &action] {
        for (const std::string& text : arguments->settings) {
            arguments->options.settings += (arguments->options.settings.empty() ? "" : ",") + text;
        }
        action = [arguments, &voice] { return copy(*arguments, voice); };
    });
}

}  // namespace splitcast::cli
