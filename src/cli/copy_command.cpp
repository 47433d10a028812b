#include "api/effective_settings.hpp"
#include "cli/commands.hpp"
#include "cli/copy_options.hpp"
#include "cli/copy_report.hpp"
#include "cli/launch_environment.hpp"
#include "cli/library_plan.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <string_view>
#include <utility>

namespace splitcast::cli {

namespace {

constexpr const char* description =
    "Copy files and folders, which the first process reads, to every node, or for every rank";

/// `lost` ascends.
int lowest_left(const std::vector<int>& lost) {
    int rank = 0;
    for (const int gone : lost) {
        if (gone == rank) ++rank;
    }
    return rank;
}

int lowest_left(const CopyReport& report) {
    std::vector<int> lost;
    lost.reserve(report.lost.size());
    for (const LostRank& one : report.lost) lost.push_back(one.rank);
    return lowest_left(lost);
}

/// -vv: what the environment asked for, and every setting that is not the default.
void tell_terms(const Voice& voice, const CopyArguments& arguments) {
    if (voice.verbose < 2) return;
    for (const std::string& text : arguments.from_outside)
        voice.say("from the environment: " + text);
    const auto resolved = api::effective_settings(arguments.options.settings, MPI_INFO_NULL);
    if (!resolved) return;  // the copy itself will say so
    const auto parameters = collectives::parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const auto& entry = resolved->entries[i];
        if (entry.origin == collectives::Origin::standard) continue;
        voice.say(fmt::format("setting {}={} ({})", parameters[i].name, entry.value,
                              collectives::text(entry.origin)));
    }
}

class CopyCommand {
public:
    CopyCommand(const CopyArguments& arguments, Voice& voice)
        : arguments_(arguments), voice_(voice) {}

    ExitCode run() {
        // Asked of another program, so before MPI_Init: some networks do not survive a fork.
        Result<LibraryPlan> plan = LibraryPlan{};
        if (arguments_.send_libs && first_process()) plan = plan_libraries(arguments_);
        auto session = Session::open(survives_under_srun(arguments_.options.settings));
        if (!session) return voice_.fail("copy", session.error());
        session_ = session->get();
        rank_ = (*session)->rank();
        voice_.speaks = rank_ == 0;
        tell_terms(voice_, arguments_);
        if (arguments_.send_libs) plan = tell_all(MPI_COMM_WORLD, plan);
        if (!plan) return fail(plan.error());
        if (auto failed = send_libraries(*plan)) return *failed;
        auto report = copy(arguments_.sources, arguments_.destination, arguments_.options);
        if (!report) return fail(report.error());
        outcome_.report = std::move(*report);
        voice_.speaks = rank_ == lowest_left(outcome_.report);
        tell(voice_, arguments_, outcome_);
        if (voice_.json) voice_.print(to_json(arguments_, outcome_));
        const ExitCode code = exit_code(outcome_);
        if (!outcome_.report.lost.empty()) session_->leave_the_lost(code);
        return code;
    }

private:
    Result<CopyReport> copy(const std::vector<std::string>& sources, const std::string& destination,
                            CopyOptions options) {
        ProgressDisplay display(arguments_.progress, voice_);
        if (!options.dry_run) options.progress = display.callback();
        return copy_files(MPI_COMM_WORLD, sources, destination, options);
    }

    /// First, so that a program is not there without what it needs; and only when the program
    /// itself is likely to get through.
    std::optional<ExitCode> send_libraries(const LibraryPlan& plan) {
        if (plan.items.empty()) return std::nullopt;
        CopyOptions options = arguments_.options;
        options.dry_run = true;
        options.resume = false;  // what is left of the program is no concern of its libraries
        const auto likely = copy(arguments_.sources, arguments_.destination, options);
        if (!likely) return fail(likely.error());
        options.dry_run = arguments_.options.dry_run;
        options.parents = true;
        for (const LibraryPlan::Item& item : plan.items) {
            auto report = copy(item.libraries, item.folder + "/", options);
            if (!report) return fail(report.error());
            outcome_.libraries.push_back({item.folder, item.libraries, std::move(*report)});
        }
        return std::nullopt;
    }

    ExitCode fail(Error error) {
        // The same in the words of the command.
        constexpr std::string_view setting = "(setting \"mirrors\")";
        if (const auto at = error.text.find(setting); at != std::string::npos)
            error.text.replace(at, setting.size(), "(--mirror)");
        // Who was left out speaks for itself, and not in the place of the others.
        const bool alone = error.status == Status::evicted;
        voice_.speaks = alone || rank_ == lowest_left(error.failed);
        if (alone) voice_.json = false;
        const ExitCode code = voice_.fail("copy", error);
        if (alone) Session::leave_the_others(code);
        if (!error.failed.empty()) session_->leave_the_lost(code);
        return code;
    }

    const CopyArguments& arguments_;
    Voice& voice_;
    Session* session_ = nullptr;
    int rank_ = 0;
    CopyOutcome outcome_;
};

}  // namespace

void add_copy(CLI::App& app, Voice& voice, Action& action) {
    auto line = std::make_shared<CopyCommandLine>();
    CLI::App* command = app.add_subcommand("copy", description);
    line->add_to(*command, voice);
    command->callback([line, command, &voice, &action] {
        auto arguments = std::make_shared<const CopyArguments>(line->finish(*command));
        action = [arguments, &voice] { return CopyCommand(*arguments, voice).run(); };
    });
}

}  // namespace splitcast::cli
