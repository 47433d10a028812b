#include "cli/copy_options.hpp"

#include "cli/exit_codes.hpp"
#include "cli/job_check.hpp"
#include "collectives/settings.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <variant>

namespace splitcast::cli {

namespace {

constexpr const char* footer =
    "In DESTINATION %h stands for the host's name, %r for the rank, %j for the job's id and %% for "
    "a percent sign.\n"
    "With %r every rank gets a copy, otherwise every node gets one. A DESTINATION that ends in "
    "'/', or is a folder,\n"
    "gets copies with the sources' names. Copies appear under their final names when all are "
    "complete and verified;\n"
    "on any failure none does, and nothing stays behind. Started with mpirun --with-ft ulfm, or by "
    "srun, the others\n"
    "finish when processes die.\n\n"
    "The environment can say what options do: SPLITCAST_FORCE=yes, SPLITCAST_COMPRESS=lz4, ...; "
    "splitcast-copy(1)\n"
    "lists them, and which of sbcast's are heeded.\n\n"
    "Examples:\n"
    "  srun --mpi=pmix --ntasks-per-node=1 splitcast copy mesh.h5 /local/mesh.h5\n"
    "  mpirun -n 8 splitcast copy --parents input.dat out/%r/\n\n";

/// An option that the environment can give. What the command line says is stronger, then what is
/// meant for splitcast, then what is meant for sbcast: that says what is to be done in the same
/// way. How sbcast is to send (its block size, fan-out and message timeout) is no advice to
/// splitcast, which does it otherwise.
struct Variable {
    const char* option;
    const char* ours;
    const char* of_sbcast = nullptr;
    bool set_means_yes = false;  ///< of sbcast's: whatever its value
};
constexpr std::array variables{
    Variable{"--force", "SPLITCAST_FORCE", "SBCAST_FORCE", true},
    Variable{"--preserve", "SPLITCAST_PRESERVE", "SBCAST_PRESERVE", true},
    Variable{"--compress", "SPLITCAST_COMPRESS", "SBCAST_COMPRESS"},
    Variable{"--send-libs", "SPLITCAST_SEND_LIBS", "SBCAST_SEND_LIBS"},
    Variable{"--exclude", "SPLITCAST_EXCLUDE", "SBCAST_EXCLUDE"},
    Variable{"--parents", "SPLITCAST_PARENTS"},
    Variable{"--fsync", "SPLITCAST_FSYNC"},
    Variable{"--mirror", "SPLITCAST_MIRROR"},
    Variable{"--resume", "SPLITCAST_RESUME"},
    Variable{"--verify", "SPLITCAST_VERIFY"},
    Variable{"--progress", "SPLITCAST_PROGRESS"},
};

struct Codec {
    std::string_view name;
    Compression value;
};
constexpr std::array codecs{Codec{"none", Compression::none}, Codec{"lz4", Compression::lz4},
                            Codec{"zstd", Compression::zstd},
                            Codec{"auto", Compression::automatic}};

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

/// Checks the value of an option that is another word for a setting.
auto as_setting(const char* name) {
    return [name](const std::string& value) {
        if (value.find(',') != std::string::npos) return fmt::format("{} is not one value", value);
        return wrong_setting(fmt::format("{}={}", name, value));
    };
}

std::string wrong_codec(const std::string& name) {
    if (std::ranges::find(codecs, name, &Codec::name) != codecs.end()) return {};
    return fmt::format("{} is none of lz4, zstd, none and auto", name);
}

std::string wrong_progress(const std::string& text) {
    if (parse_progress(text)) return {};
    return fmt::format("{} is none of auto, yes, no and a number of seconds", text);
}

/// Folders without a '/' at their end.
std::vector<std::string> folders(const std::string& list) {
    if (list == "NONE") return {};
    std::vector<std::string> found;
    for (std::string folder : CLI::detail::split(list, ',')) {
        while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
        if (folder.empty()) continue;
        if (!folder.starts_with('/')) {
            throw CLI::ValidationError("--exclude", folder +
                                                        " does not begin with a '/'; what is "
                                                        "expected are names of folders, "
                                                        "separated by commas, or NONE");
        }
        found.push_back(std::move(folder));
    }
    return found;
}

}  // namespace

void CopyCommandLine::add_to(CLI::App& command, Voice& voice) {
    command.usage("Usage: splitcast copy [OPTIONS] SOURCE... DESTINATION");
    command
        .add_option("SOURCE", names_,
                    "Files and folders, which the first process reads; then DESTINATION: the name "
                    "of the copies, or a folder for them")
        ->required()
        ->type_name("... DESTINATION")
        ->expected(1, -1);
    add_what(command);
    add_how(command);
    add_libraries(command);
    add_voice(command, voice);
    command.footer(footer + exit_code_help());
}

void CopyCommandLine::add_what(CLI::App& command) {
    CopyOptions& options = arguments_.options;
    command.add_flag("-f,--force", options.force,
                     "Replace a destination that exists (else: an error)");
    command.add_flag("-p,--preserve", options.preserve,
                     "Copies get times, owner, all permissions and extended attributes");
    command.add_flag("--parents", options.parents, "Make the folders that the destination lies in");
    command.add_flag("--mirror", options.mirror,
                     "Every process that can read the same SOURCE helps to send it, and stands in "
                     "for the first");
    command.add_flag("--fsync", options.sync, "Wait until the disks have the copies");
    command.add_flag("--verify", options.verify, "Read every copy again before it gets its name");
    command.add_flag(
        "--resume", options.resume,
        "Keep what is there when the copy is interrupted, and fetch only the rest next time");
    command.add_flag("-n,--dry-run", options.dry_run,
                     "Check what can be checked without writing, and tell what would be copied");
}

void CopyCommandLine::add_how(CLI::App& command) {
    command
        .add_flag("-C{lz4},--compress{lz4}", compression_,
                  "Compress what is sent: =lz4 (if nothing is said), zstd, none or auto")
        ->check(wrong_codec, "", "");
    command
        .add_option("-s,--size", size_,
                    "Bytes sent at a time, as 512K or 1M: the setting \"segment\"")
        ->check(as_setting("segment"), "", "")
        ->type_name("SIZE");
    command
        .add_option("-t,--timeout", timeout_,
                    "How long to wait for an answer of a process: the setting \"timeout\"")
        ->check(as_setting("timeout"), "", "")
        ->type_name("SECONDS");
    command
        .add_option("-F,--fanout,--treewidth", fanout_,
                    "Groups that each group of processes feeds: the setting \"children\"")
        ->check(as_setting("children"), "", "")
        ->type_name("N");
    command
        .add_option("--settings", settings_,
                    "NAME=VALUE,... of the broadcast (see splitcast info --all)")
        ->check(wrong_setting, "", "")
        ->expected(1)
        ->allow_extra_args(false)  // those that follow are not settings
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->type_name("TEXT");
    command
        .add_option("-j,--jobid", job_,
                    "The job whose nodes are meant; another than that of this process is an error")
        ->type_name("ID");
}

void CopyCommandLine::add_libraries(CLI::App& command) {
    command.add_flag("--send-libs", arguments_.send_libs,
                     "[=yes|no] Also copy the shared libraries that a SOURCE which is a program "
                     "needs, to a folder beside it");
    command
        .add_option("--exclude", exclude_,
                    "Folders whose libraries are not sent, or NONE (" + exclude_ + ")")
        ->type_name("FOLDER,...");
}

void CopyCommandLine::add_voice(CLI::App& command, Voice& voice) {
    command
        .add_flag("--progress{yes}", progress_,
                  "[=auto|yes|no|SECONDS] Tell how far it is: on a terminal, always, never, or a "
                  "line every so many seconds")
        ->check(wrong_progress, "", "");
    command.add_flag("--json", voice.json, "Print one JSON object, with a record for each copy");
    auto* quiet = command.add_flag("-q,--quiet", voice.quiet, "Say nothing unless something fails");
    command
        .add_flag_function(
            "-v,--verbose",
            [&voice](std::int64_t times) { voice.verbose = static_cast<int>(times); },
            "A line for each copy; -vv: the settings as well")
        ->excludes(quiet);
}

void CopyCommandLine::take_environment(CLI::App& command) {
    for (const Variable& variable : variables) {
        CLI::Option* option = command.get_option(variable.option);
        if (option->count() > 0) continue;
        const char* name = variable.ours;
        const char* value = std::getenv(name);
        std::string text = value == nullptr ? "" : value;
        if (text.empty() && variable.of_sbcast != nullptr) {
            name = variable.of_sbcast;
            value = std::getenv(name);
            if (value != nullptr) text = variable.set_means_yes ? "yes" : value;
        }
        if (text.empty()) continue;
        try {
            option->add_result(text);
            option->run_callback();
        } catch (const CLI::ParseError& wrong) {
            throw CLI::ValidationError(fmt::format("environment variable {}", name), wrong.what());
        }
        arguments_.from_outside.push_back(fmt::format("{}={}", name, text));
    }
}

std::string CopyCommandLine::settings_text(const CLI::App& command) const {
    std::vector<std::string> all = settings_;
    const auto add = [&](const char* option, const char* name, const std::string& value) {
        if (command.get_option(option)->count() > 0)
            all.push_back(fmt::format("{}={}", name, value));
    };
    add("--size", "segment", size_);
    add("--timeout", "timeout", timeout_);
    add("--fanout", "children", fanout_);
    return CLI::detail::join(all, ",");
}

CopyArguments CopyCommandLine::finish(CLI::App& command) {
    take_environment(command);
    if (names_.size() < 2) {
        throw CLI::ValidationError("DESTINATION",
                                   "is missing: what is expected is SOURCE... DESTINATION");
    }
    if (command.get_option("--jobid")->count() > 0) {
        if (auto wrong = wrong_job(job_)) throw CLI::ValidationError(*wrong);
    }
    arguments_.destination = names_.back();
    arguments_.sources.assign(names_.begin(), names_.end() - 1);
    arguments_.options.settings = settings_text(command);
    arguments_.options.compression = std::ranges::find(codecs, compression_, &Codec::name)->value;
    arguments_.progress = *parse_progress(progress_);
    arguments_.excluded = folders(exclude_);
    return std::move(arguments_);
}

void spell_out_codec(std::vector<std::string>& arguments) {
    for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
        std::string& argument = arguments[i];
        if (argument.starts_with("-C") && argument.size() > 2) {
            argument = "--compress=" + argument.substr(argument[2] == '=' ? 3 : 2);
        } else if ((argument == "-C" || argument == "--compress") && i + 1 < arguments.size() &&
                   std::ranges::find(codecs, arguments[i + 1], &Codec::name) != codecs.end()) {
            argument = "--compress=" + arguments[i + 1];
            arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        }
    }
}

}  // namespace splitcast::cli
