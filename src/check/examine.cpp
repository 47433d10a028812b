#include "check/examine.hpp"

#include "check/broadcast_stage.hpp"
#include "check/clocks.hpp"
#include "check/pairs.hpp"
#include "check/watchdog.hpp"
#include "fault/saboteur.hpp"
#include "mpi/communicator.hpp"
#include "mpi/ulfm.hpp"
#include "topology/slurm_place.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>

namespace splitcast::check {

namespace {

// Of the time budget, until when a stage may repeat itself.
constexpr double pairs_part = 0.5;
constexpr double roots_part = 0.75;

/// What a node tells of itself, as bytes.
struct Card {
    std::array<char, 80> host{};
    std::array<char, 80> switches{};
    std::array<char, 80> processor{};
    std::int64_t memory = 0;
    std::int32_t packages = 0;
    std::int32_t numa_nodes = 0;
    std::int32_t cores = 0;
    std::int32_t processing_units = 0;
};
static_assert(std::is_trivially_copyable_v<Card>);

template <std::size_t n>
void put(std::array<char, n>& field, std::string_view text) {
    std::copy_n(text.begin(), std::min(text.size(), n - 1), field.begin());
}

Card own_card() {
    const topology::Inventory has = topology::local_inventory();
    Card card{.memory = has.memory,
              .packages = has.packages,
              .numa_nodes = has.numa_nodes,
              .cores = has.cores,
              .processing_units = has.processing_units};
    put(card.host, mpi::host_name());
    put(card.switches, topology::slurm_switches());
    put(card.processor, has.processor);
    return card;
}

// A collective of MPI: nothing has been measured yet, and the watchdog is awake.
void introduce(Crew& crew, Report& report) {
    crew.enters("asking every node what it is");
    const Card card = own_card();
    std::vector<Card> cards(static_cast<std::size_t>(crew.conducts() ? crew.size() : 0));
    const int bytes = static_cast<int>(sizeof(Card));
    MPI_Gather(&card, bytes, MPI_BYTE, cards.data(), bytes, MPI_BYTE, 0, crew.comm());
    for (int rank = 0; rank < static_cast<int>(cards.size()); ++rank) {
        const Card& theirs = cards[static_cast<std::size_t>(rank)];
        Node node;
        node.rank = rank;
        node.host = theirs.host.data();
        node.switches = theirs.switches.data();
        node.inventory = {.memory = theirs.memory,
                          .packages = theirs.packages,
                          .numa_nodes = theirs.numa_nodes,
                          .cores = theirs.cores,
                          .processing_units = theirs.processing_units,
                          .processor = theirs.processor.data()};
        report.nodes.push_back(std::move(node));
    }
}

void tell_losses(const Crew& crew, Report& report) {
    report.complete = false;
    for (const Loss& loss : crew.losses()) {
        report.findings.push_back(
            {.kind = Kind::alive,
             .nodes = {loss.rank},
             .text = fmt::format("{} {} ({})", report.name(loss.rank),
                                 loss.died ? "died" : "does not answer", loss.during)});
    }
    if (!crew.losses().empty()) return;
    constexpr std::size_t enough = 8;
    for (const Complaint& complaint : crew.complaints()) {
        if (report.findings.size() == enough) break;
        report.findings.push_back(
            {.kind = Kind::alive,
             .nodes = {complaint.about},
             .text = fmt::format("{} waited for {} in vain, which answers {}: look at what is "
                                 "between them",
                                 report.name(complaint.by), report.name(complaint.about),
                                 report.name(0))});
    }
    if (report.findings.empty()) {
        report.findings.push_back(
            {.kind = Kind::alive,
             .nodes = {},
             .text = "some nodes waited in vain, and all of them answer: a broadcast did not end"});
    }
}

/// The stages in their order, until one is stopped.
bool run_stages(Crew& crew, PairStage& pairs, std::unique_ptr<BroadcastStage>& broadcasts,
                const Options& options, const Progress& say, Report& report) {
    const double begin = now();
    const auto until = [&](double part) { return begin + part * options.time_budget; };
    introduce(crew, report);
    say(fmt::format("{} nodes", crew.size()));
    const auto offsets = compare_clocks(crew);
    if (!offsets) return false;
    if (crew.conducts()) {
        take_hardware(report);
        take_clocks(report, *offsets);
    }
    if (!pairs.run(until(pairs_part), report)) return false;
    broadcasts = std::make_unique<BroadcastStage>(crew, options, pairs.size(), pairs.rate(), say);
    return broadcasts->roots(until(roots_part), report) && broadcasts->groups(until(1), report) &&
           (!options.drill || broadcasts->drill(report)) &&
           (!options.kill || broadcasts->kill(report));
}

/// On rank 0: what is said of what was seen.
void conclude(const Crew& crew, const PairStage& pairs, const BroadcastStage* broadcasts,
              Report& report) {
    for (Node& node : report.nodes) node[Kind::alive].looked_at = true;
    if (!report.complete) tell_losses(crew, report);
    std::vector<Spoilt> spoilt = pairs.spoilt();
    if (broadcasts != nullptr) {
        for (const Spoilt& one : broadcasts->spoilt()) spoilt.push_back(one);
    }
    take_spoilt(report, spoilt);
    if (report.nodes.size() == 1)
        report.notes.emplace_back("one node: there is nothing to compare");
}

}  // namespace

Result<Examination> examine(MPI_Comm comm, const Options& options, int exit_code,
                            const Progress& say) {
    if (options.kill && !mpi::ulfm::enabled()) {
        return Error{Status::argument,
                     "--kill: in this job the death of one rank is that of all; start it with "
                     "mpirun --with-ft ulfm (docs/launching.md)"};
    }
    int rank = 0;
    MPI_Comm_rank(comm, &rank);
    auto trigger = fault::trigger_from_environment(rank);
    if (!trigger) return trigger.error();
    std::unique_ptr<engine::Saboteur> saboteur;
    if (*trigger) saboteur = std::make_unique<fault::SelfHarm>(*trigger, 0);

    Watchdog watchdog(5 * options.patience + 30,
                      fmt::format("rank {} on {}", rank, mpi::host_name()), exit_code);
    auto crew = std::make_unique<Crew>(comm, options.patience, watchdog);
    auto pairs = std::make_unique<Pairs>(*crew, std::move(saboteur));
    auto stage = std::make_unique<PairStage>(*crew, *pairs, options, say);
    std::unique_ptr<BroadcastStage> broadcasts;
    Examination outcome;
    Report& report = outcome.report;
    report.options = options;
    const double begin = now();
    report.complete = run_stages(*crew, *stage, broadcasts, options, say, report);
    report.seconds = now() - begin;
    outcome.leaderless = crew->leaderless();
    if (crew->conducts()) conclude(*crew, *stage, broadcasts.get(), report);
    if (!report.complete || options.kill) {
        // What a request uses that nobody will finish must stay until the process ends.
        static_cast<void>(crew.release());
        static_cast<void>(pairs.release());
        static_cast<void>(broadcasts.release());
    }
    return outcome;
}

}  // namespace splitcast::check
