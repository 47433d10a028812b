#include "bench/comparison.hpp"
#include "bench/memory.hpp"
#include "bench/output.hpp"
#include "bench/sizes.hpp"
#include "cli/commands.hpp"
#include "cli/session.hpp"

#include <mpi.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

namespace splitcast::cli {

namespace {

constexpr const char* description =
    "Measure broadcasts, side by side with those of the MPI library";

constexpr const char* footer =
    "Every iteration runs each contender once, in an order drawn anew, with a new payload, from a "
    "moment that all\n"
    "ranks wait for until the last one has everything. A ratio is a rival's median over "
    "splitcast's: above 1 splitcast\n"
    "is faster. The best rival is the fastest of Open MPI's algorithms and segment sizes at that "
    "size.\n\n"
    "Examples:\n"
    "  srun --mpi=pmix --ntasks-per-node=1 splitcast bench -m 64K:64M -c\n"
    "  mpirun -n 4 splitcast bench -m 1M -f --rivals shipped,tuned:binomial:1m\n\n";

/// What the user typed.
struct Typed {
    std::string sizes = "1K:64M:4";
    int iterations = 0;
    int warm_ups = -1;
    std::string root = "0";
    std::string rivals = "best";
    std::string settings;
    std::string memory;  // whose
    std::uint64_t seed = 1;
    bool validate = false;
    bool full = false;
    bool json = false;
};

Result<bench::Comparison> comparison_from(const Typed& typed) {
    bench::Comparison comparison;
    auto sizes = bench::parse_sizes(typed.sizes);
    if (!sizes) return Error{Status::argument, "-m: " + sizes.error().text};
    comparison.sizes = std::move(sizes).value();
    comparison.method = {.iterations = typed.iterations,
                         .warm_ups = typed.warm_ups,
                         .root = 0,
                         .validate = typed.validate,
                         .seed = typed.seed};
    if (typed.root == "rotate") {
        comparison.method.root = -1;
    } else if (!CLI::detail::lexical_cast(typed.root, comparison.method.root) ||
               comparison.method.root < 0) {
        return Error{Status::argument,
                     "--root: '" + typed.root + "' is neither a rank nor 'rotate'"};
    }
    comparison.settings = typed.settings;
    if (typed.rivals == "none") {
        comparison.field = bench::Field::none;
    } else if (typed.rivals == "all") {
        comparison.field = bench::Field::all;
    } else if (typed.rivals == "best") {
        comparison.field = bench::Field::best;
    } else {
        comparison.field = bench::Field::named;
        comparison.names = bench::split_names(typed.rivals);
    }
    return comparison;
}

ExitCode bench(const Typed& typed, const bench::Comparison& comparison, Voice& voice) {
    auto session = Session::open();
    if (!session) return voice.fail("bench", session.error());
    voice.speaks = (*session)->rank() == 0;
    const auto where = bench::surroundings(MPI_COMM_WORLD);
    std::optional<bench::Table> table;
    if (voice.speaks) {
        table.emplace(voice.json ? stderr : stdout, comparison, where, typed.full);
    }
    auto json = bench::to_json(comparison, where);
    const auto outcome = bench::compare(MPI_COMM_WORLD, comparison, [&](const bench::Row& row) {
        if (table) table->add(row);
        json["sizes"].push_back(bench::to_json(row));
    });
    if (!outcome) return voice.fail("bench", outcome.error());
    if (voice.json) voice.print(json);
    return ExitCode::success;
}

ExitCode bench_memory(const bench::MemoryRun& run, Voice& voice) {
    auto session = Session::open();
    if (!session) return voice.fail("bench", session.error());
    voice.speaks = (*session)->rank() == 0;
    std::FILE* table = voice.json ? stderr : stdout;
    const auto where = bench::surroundings(MPI_COMM_WORLD);
    if (voice.speaks) bench::begin_table(table, run, where);
    auto json = bench::to_json(run, where);
    const auto done = [&](const bench::MemoryRow& row) {
        if (voice.speaks) bench::add_row(table, row);
        json["sizes"].push_back(bench::to_json(row));
    };
    const auto outcome = bench::measure_memory(MPI_COMM_WORLD, run, done);
    if (!outcome) return voice.fail("bench", outcome.error());
    if (voice.json) voice.print(json);
    return ExitCode::success;
}

}  // namespace

void add_bench(CLI::App& app, Voice& voice, Action& action) {
    auto typed = std::make_shared<Typed>();
    CLI::App* command = app.add_subcommand("bench", description);
    command
        ->add_option("-m,--message-size", typed->sizes,
                     "SIZE, or MIN:MAX, or MIN:MAX:FACTOR; several with commas")
        ->capture_default_str();
    command
        ->add_option(
            "-i,--iterations", typed->iterations,
            "How often everybody broadcasts [10 to 100 times, within a second if it can be; "
            "5 times if one takes over a second]")
        ->check(CLI::PositiveNumber);
    command->add_option("-x,--warmup", typed->warm_ups, "And how often before that, uncounted [2]")
        ->check(CLI::NonNegativeNumber);
    command->add_flag("-f,--full", typed->full, "A line for every contender, with its spread");
    command->add_flag("-c,--validation", typed->validate,
                      "Look at every byte that was received, outside of the timing");
    command->add_option("--root", typed->root, "The root's rank, or 'rotate' for each in turn")
        ->capture_default_str();
    command
        ->add_option("--rivals", typed->rivals,
                     "Whom to compare with: best, all, none, or names such as "
                     "shipped,tuned:pipeline:32k")
        ->capture_default_str();
    command->add_option("--settings", typed->settings,
                        "NAME=VALUE,... of splitcast (see splitcast info --all)");
    command
        ->add_option("--memory", typed->memory,
                     "Measure memory instead of time: splitcast's, or that of the rival named")
        ->expected(0, 1)
        ->default_str("splitcast");
    command->add_option("--seed", typed->seed, "Of the order of the contenders, and of the payload")
        ->capture_default_str();
    command->add_flag("--json", voice.json,
                      "Print one JSON object, with every single time; the table goes to stderr");
    command->footer(footer + exit_code_help());
    command->callback([typed, &voice, &action] {
        const auto comparison = comparison_from(*typed);
        if (!comparison) {
            throw CLI::ValidationError(comparison.error().text);
        }
        if (!typed->memory.empty()) {
            const bench::MemoryRun run{.sizes = comparison->sizes,
                                       .iterations = typed->iterations > 0 ? typed->iterations : 3,
                                       .settings = typed->settings,
                                       .contender = typed->memory};
            action = [run, &voice] { return bench_memory(run, voice); };
            return;
        }
        action = [typed, wanted = *comparison, &voice] { return bench(*typed, wanted, voice); };
    });
}

}  // namespace splitcast::cli
