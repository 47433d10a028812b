#include "bench/sizes.hpp"
#include "check/examine.hpp"
#include "check/output.hpp"
#include "cli/commands.hpp"
#include "cli/session.hpp"
#include "mpi/communicator.hpp"

#include <mpi.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

namespace splitcast::cli {

namespace {

constexpr const char* description =
    "Examine the nodes of a cluster: rates, latencies, bytes, clocks, hardware; name the odd ones";

constexpr const char* footer =
    "One process on each node is wanted; of several on one node the first one measures. A node is "
    "named only when it\n"
    "was worse than the limit in most repetitions, and again when it was measured again.\n\n"
    "Examples:\n"
    "  srun --mpi=pmix --ntasks-per-node=1 splitcast check --junit report.xml\n"
    "  mpirun -n 16 --map-by ppr:1:node splitcast check --quick\n\n";

/// What the user typed.
struct Typed {
    check::Options options;
    std::string size;
    std::string at_least;
    std::string junit;
    bool quick = false;
    bool no_drill = false;
};

Result<std::int64_t> one_size(const std::string& option, const std::string& text) {
    auto sizes = bench::parse_sizes(text);
    if (!sizes) return Error{Status::argument, option + ": " + sizes.error().text};
    if (sizes->size() != 1 || sizes->front() < 1) {
        return Error{Status::argument, option + ": '" + text + "' is not one size such as 16M"};
    }
    return sizes->front();
}

Result<check::Options> options_from(const Typed& typed) {
    check::Options options = typed.options;
    options.drill = !typed.no_drill;
    if (typed.quick) {
        options.repetitions = 3;
        options.time_budget = std::min(options.time_budget, 30.0);
    }
    if (!typed.size.empty()) {
        const auto size = one_size("--size", typed.size);
        if (!size) return size.error();
        constexpr std::int64_t most = 1 << 30;
        if (*size > most) return Error{Status::argument, "--size: 1G is the most"};
        options.size = *size;
    }
    if (!typed.at_least.empty()) {
        const auto rate = one_size("--at-least", typed.at_least);
        if (!rate) return rate.error();
        options.at_least = static_cast<double>(*rate);
    }
    return options;
}

/// One rank of each node, or all; nothing on the ranks that only wait.
Result<mpi::Communicator> examined(bool every_rank) {
    MPI_Comm node = MPI_COMM_NULL;
    MPI_Comm chosen = MPI_COMM_NULL;
    int code = MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    if (code != MPI_SUCCESS) return mpi::failure("MPI_Comm_split_type", code);
    const mpi::Communicator own(node);
    const bool part = every_rank || own.rank() == 0;
    code = MPI_Comm_split(MPI_COMM_WORLD, part ? 0 : MPI_UNDEFINED, 0, &chosen);
    if (code != MPI_SUCCESS) return mpi::failure("MPI_Comm_split", code);
    if (chosen != MPI_COMM_NULL) MPI_Comm_set_errhandler(chosen, MPI_ERRORS_RETURN);
    return mpi::Communicator(chosen);
}

constexpr int verdict_tag = 31;

/// A rank that does not take part leaves the processor to those that do.
ExitCode wait_for_verdict() {
    int code = 0;
    MPI_Request request = MPI_REQUEST_NULL;
    if (MPI_Irecv(&code, 1, MPI_INT, 0, verdict_tag, MPI_COMM_WORLD, &request) != MPI_SUCCESS) {
        return ExitCode::mpi;
    }
    int done = 0;
    while (done == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        if (MPI_Test(&request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) return ExitCode::mpi;
    }
    return static_cast<ExitCode>(code);
}

/// Rank 0 tells all others; those that were killed on purpose do not mind.
ExitCode agree(int rank, int size, ExitCode code) {
    if (rank != 0) return wait_for_verdict();
    static int value = 0;
    value = static_cast<int>(code);
    for (int other = 1; other < size; ++other) {
        MPI_Request request = MPI_REQUEST_NULL;
        if (MPI_Isend(&value, 1, MPI_INT, other, verdict_tag, MPI_COMM_WORLD, &request) ==
            MPI_SUCCESS) {
            MPI_Request_free(&request);
        }
    }
    return code;
}

/// Under its name when it is whole.
Result<void> write_file(const std::string& path, const std::string& text) {
    const std::string unfinished = path + ".part";
    std::FILE* file = std::fopen(unfinished.c_str(), "w");
    bool good = file != nullptr;
    if (good) good = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    if (file != nullptr) good = std::fclose(file) == 0 && good;
    if (good) good = std::rename(unfinished.c_str(), path.c_str()) == 0;
    if (good) return {};
    std::remove(unfinished.c_str());
    return Error{Status::destination, fmt::format("--junit: {} cannot be written", path)};
}

ExitCode publish(const check::Report& report, const Typed& typed, const Voice& voice) {
    const ExitCode code = report.healthy() ? ExitCode::success : ExitCode::outliers;
    fmt::print(voice.json ? stderr : stdout, "{}", check::to_text(report));
    std::fflush(stdout);
    if (voice.json) {
        auto object = check::to_json(report);
        object["exit_code"] = static_cast<int>(code);
        voice.print(object);
    }
    if (!typed.junit.empty()) {
        const auto written = write_file(typed.junit, check::to_junit(report));
        if (!written) {
            voice.say("error: " + written.error().text);
            return exit_code(written.error().status);
        }
    }
    return code;
}

/// Some node neither answers nor will ever finalize: what is left of the job is ended.
[[noreturn]] void end_job(bool ends, ExitCode code) {
    constexpr auto longer_than_it_takes = std::chrono::seconds(20);
    constexpr auto until_launchers_have_passed_on_what_was_said = std::chrono::seconds(1);
    std::this_thread::sleep_for(ends ? until_launchers_have_passed_on_what_was_said
                                     : longer_than_it_takes);
    MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
    _exit(static_cast<int>(code));
}

ExitCode run_check(const Typed& typed, const check::Options& options, Voice& voice) {
    auto session = Session::open();
    if (!session) return voice.fail("check", session.error());
    const int rank = (*session)->rank();
    const int size = (*session)->size();
    voice.speaks = rank == 0;
    auto comm = examined(options.every_rank);
    if (!comm) return voice.fail("check", comm.error());
    if (comm->get() == MPI_COMM_NULL) return wait_for_verdict();
    if (comm->size() < size) {
        voice.say(fmt::format("{} of {} ranks measure, one on each node", comm->size(), size));
    }
    const check::Progress say = [&voice](const std::string& text) { voice.detail(text); };
    const auto outcome =
        check::examine(comm->get(), options, static_cast<int>(ExitCode::outliers), say);
    if (!outcome) {
        const ExitCode code = voice.fail("check", outcome.error());
        return agree(rank, size, code);
    }
    if (outcome->leaderless) {
        fmt::print(stderr, "splitcast check: error: rank 0 does not answer rank {} on {}\n", rank,
                   mpi::host_name());
        end_job(true, ExitCode::outliers);
    }
    ExitCode code = ExitCode::outliers;
    if (voice.speaks) code = publish(outcome->report, typed, voice);
    if (!outcome->report.complete) end_job(voice.speaks, code);
    static_cast<void>(comm->release());  // a rank may have been killed: nobody waits for it here
    return agree(rank, size, code);
}

void add_limits(CLI::App& command, check::Options& options) {
    command
        .add_option("--slow", options.slow,
                    "A node or link below this share of the median rate is slow")
        ->check(CLI::Range(0.01, 0.99))
        ->capture_default_str();
    command
        .add_option("--latency", options.latency,
                    "A node or link above this many times the median latency is late,")
        ->check(CLI::Range(1.01, 1000.0))
        ->capture_default_str();
    command
        .add_option("--latency-floor", options.latency_floor,
                    "and by at least so many seconds later")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    command
        .add_option("--clock-offset", options.clock_offset,
                    "Seconds that a wall clock may differ from the median clock")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command
        .add_option("--memory", options.memory_tolerance,
                    "Share of the median memory that a node may have more or less")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
}

}  // namespace

void add_check(CLI::App& app, Voice& voice, Action& action) {
    auto typed = std::make_shared<Typed>();
    check::Options& options = typed->options;
    CLI::App* command = app.add_subcommand("check", description);
    add_limits(*command, options);
    command->add_option("--at-least", typed->at_least,
                        "Bytes per second (as 10G) that every node has to reach, whatever the "
                        "others do");
    command->add_option("--size", typed->size,
                        "Of a large transfer [what takes a tenth of a second, 256K to 16M]");
    command
        ->add_option("--rounds", options.repetitions, "How often everything is repeated, 3 or more")
        ->check(CLI::Range(3, 1000))
        ->capture_default_str();
    command
        ->add_option("--time-budget", options.time_budget,
                     "Seconds after which nothing is repeated that was done often enough")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command->add_flag("--quick", typed->quick, "3 rounds, and a time budget of 30 s at most");
    command
        ->add_option("--patience", options.patience,
                     "Seconds of silence after which a node is given up")
        ->check(CLI::Range(1.0, 3600.0))
        ->capture_default_str();
    command->add_flag("--mixed", options.mixed, "Nodes may have different hardware");
    command->add_flag("--every-rank", options.every_rank,
                      "Each process counts as a node, also where several share one");
    command->add_flag("--no-drill", typed->no_drill,
                      "Do not spoil a segment on purpose to see whether that is found");
    command->add_flag("--kill", options.kill,
                      "At last kill a process on purpose: do the others go on? (mpirun --with-ft "
                      "ulfm)");
    command->add_option("--seed", options.seed, "Of orders and groups")->capture_default_str();
    command->add_option("--junit", typed->junit, "Write JUnit's XML to this file");
    command->add_flag("--json", voice.json,
                      "Print one JSON object; the text for people goes to stderr");
    command->add_flag("-v,--verbose", voice.verbose, "Tell how far it is");
    command->footer(footer + exit_code_help());
    command->callback([typed, &voice, &action] {
        const auto wanted = options_from(*typed);
        if (!wanted) throw CLI::ValidationError(wanted.error().text);
        action = [typed, wanted = *wanted, &voice] { return run_check(*typed, wanted, voice); };
    });
}

}  // namespace splitcast::cli
