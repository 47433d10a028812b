#include "bench/output.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string>

namespace splitcast::bench {

namespace {

constexpr double microseconds = 1e6;

std::string root_text(int root) { return root < 0 ? "each in turn" : std::to_string(root); }

std::string median_text(const Series* series) {
    return series == nullptr ? "-" : fmt::format("{:.2f}", series->summary.median * microseconds);
}

std::string ratio_text(const Row& row, std::optional<std::size_t> which) {
    const auto ratio = row.ratio(which);
    return ratio ? fmt::format("{:.3f}", *ratio) : "-";
}

double megabytes_per_second(const Row& row) {
    const double seconds = row.ours().summary.median;
    return seconds > 0 ? static_cast<double>(row.measured.bytes) / seconds * 1e-6 : 0;
}

nlohmann::json number_or_null(std::optional<double> number) {
    return number ? nlohmann::json(*number) : nlohmann::json();
}

nlohmann::json name_or_null(const Series* series) {
    return series != nullptr ? nlohmann::json(series->name) : nlohmann::json();
}

}  // namespace

Table::Table(std::FILE* file, const Comparison& comparison, const Surroundings& where, bool full)
    : file_(file), full_(full), alone_(comparison.field == Field::none) {
    fmt::print(file_, "# splitcast bench: broadcast to {} ranks on {} nodes, root {}\n",
               where.spread.ranks, where.spread.nodes, root_text(comparison.method.root));
    fmt::print(file_, "# {}{}\n", where.mpi,
               where.spread.nodes > 1 && !where.congestion.empty()
                   ? "; TCP congestion control " + where.congestion
                   : "");
    fmt::print(file_, "# Times are medians, from a common start to the last rank's end{}.\n",
               comparison.method.validate ? "; every byte is checked" : "");
    if (full_) {
        fmt::print(file_, "# {:<10} {:<28} {:>14} {:>14} {:>14} {:>14} {:>14} {:>10} {:>9}\n",
                   "Size", "Contender", "Median(us)", "Min(us)", "Max(us)", "25%(us)", "75%(us)",
                   "Iterations", "Ratio");
    } else if (alone_) {
        fmt::print(file_, "# {:<10} {:>14} {:>12}\n", "Size", "Median(us)", "MB/s");
    } else {
        fmt::print(file_, "# {:<10} {:>14} {:>12} {:>14} {:>7} {:>14} {:>7}  {}\n", "Size",
                   "Splitcast(us)", "MB/s", "Shipped(us)", "Ratio", "Best rival(us)", "Ratio",
                   "which is");
    }
    std::fflush(file_);
}

void Table::add(const Row& row) {
    const Summary& ours = row.ours().summary;
    if (full_) {
        add_series(row);
    } else if (alone_) {
        fmt::print(file_, "{:<12} {:>14.2f} {:>12.2f}\n", row.measured.bytes,
                   ours.median * microseconds, megabytes_per_second(row));
    } else {
        const Series* best = row.series(row.best);
        fmt::print(file_, "{:<12} {:>14.2f} {:>12.2f} {:>14} {:>7} {:>14} {:>7}  {}\n",
                   row.measured.bytes, ours.median * microseconds, megabytes_per_second(row),
                   median_text(row.series(row.shipped)), ratio_text(row, row.shipped),
                   median_text(best), ratio_text(row, row.best),
                   best == nullptr ? "-" : best->name);
    }
    if (!row.ours().choice.empty()) fmt::print(file_, "#   {}\n", row.ours().choice);
    std::fflush(file_);
}

void Table::add_series(const Row& row) {
    for (std::size_t i = 0; i < row.measured.series.size(); ++i) {
        const Series& series = row.measured.series[i];
        const Summary& times = series.summary;
        fmt::print(file_,
                   "{:<12} {:<28} {:>14.2f} {:>14.2f} {:>14.2f} {:>14.2f} {:>14.2f} {:>10} {:>9}\n",
                   row.measured.bytes, series.name, times.median * microseconds,
                   times.min * microseconds, times.max * microseconds, times.lower * microseconds,
                   times.upper * microseconds, times.count, i == 0 ? "-" : ratio_text(row, i));
    }
    if (row.measured.repeated > 0) {
        fmt::print(file_, "#   {} iterations were repeated, since a rank had started late\n",
                   row.measured.repeated);
    }
}

nlohmann::json to_json(const Comparison& comparison, const Surroundings& where) {
    return {{"benchmark", "broadcast"},
            {"ranks", where.spread.ranks},
            {"nodes", where.spread.nodes},
            {"mpi", where.mpi},
            {"tcp_congestion_control", where.congestion},
            {"root", comparison.method.root < 0 ? nlohmann::json("rotate")
                                                : nlohmann::json(comparison.method.root)},
            {"seed", comparison.method.seed},
            {"validated", comparison.method.validate},
            {"settings", comparison.settings},
            {"sizes", nlohmann::json::array()}};
}

nlohmann::json to_json(const Row& row) {
    auto contenders = nlohmann::json::array();
    for (const Series& series : row.measured.series) {
        const Summary& times = series.summary;
        contenders.push_back({{"name", series.name},
                              {"median", times.median},
                              {"min", times.min},
                              {"max", times.max},
                              {"lower_quartile", times.lower},
                              {"upper_quartile", times.upper},
                              {"seconds", series.seconds}});
    }
    return {{"bytes", row.measured.bytes},
            {"iterations", row.ours().summary.count},
            {"repeated_late_starts", row.measured.repeated},
            {"choice", row.ours().choice},
            {"seconds", row.ours().summary.median},
            {"contenders", std::move(contenders)},
            {"best_rival", name_or_null(row.series(row.best))},
            {"ratio_to_best", number_or_null(row.ratio(row.best))},
            {"ratio_to_shipped", number_or_null(row.ratio(row.shipped))}};
}

void begin_table(std::FILE* file, const MemoryRun& run, const Surroundings& where) {
    fmt::print(file, "# splitcast bench: memory of {} for a broadcast to {} ranks on {} nodes\n",
               run.contender, where.spread.ranks, where.spread.nodes);
    fmt::print(file, "# {}\n", where.mpi);
    fmt::print(
        file,
        "# Peak: resident memory at most, less the payload and what there was before the {}; "
        "on the rank where it is most.\n"
        "# Heap: what malloc has handed out afterwards, likewise.\n",
        run.contender == "splitcast" ? "team" : "communicator");
    fmt::print(file, "# {:<10} {:>14} {:>14}\n", "Size", "Peak(KiB)", "Heap(KiB)");
    std::fflush(file);
}

void add_row(std::FILE* file, const MemoryRow& row) {
    fmt::print(file, "{:<12} {:>14} {:>14}\n", row.bytes, row.peak / 1024, row.heap / 1024);
    if (!row.choice.empty()) fmt::print(file, "#   {}\n", row.choice);
    std::fflush(file);
}

nlohmann::json to_json(const MemoryRun& run, const Surroundings& where) {
    return {{"benchmark", "memory"},
            {"contender", run.contender},
            {"ranks", where.spread.ranks},
            {"nodes", where.spread.nodes},
            {"mpi", where.mpi},
            {"settings", run.settings},
            {"sizes", nlohmann::json::array()}};
}

nlohmann::json to_json(const MemoryRow& row) {
    return {{"bytes", row.bytes},
            {"peak_bytes", row.peak},
            {"heap_bytes", row.heap},
            {"choice", row.choice}};
}

}  // namespace splitcast::bench
