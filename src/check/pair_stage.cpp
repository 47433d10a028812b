#include "check/pair_stage.hpp"

#include "check/clocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace splitcast::check {

using collectives::LinkVerdict;
using collectives::Matching;
using collectives::no_partner;
using collectives::stand;
using collectives::Standings;
using collectives::unknown;

namespace {

constexpr std::int64_t kibi = 1 << 10;
constexpr std::int64_t mebi = 1 << 20;
constexpr std::int64_t least_size = 256 * kibi;
constexpr std::int64_t most_size = 16 * mebi;
// What is as slow as this is given time; what is faster is measured in shorter.
constexpr double seconds_per_transfer = 0.1;
constexpr int least_repetitions = 3;

// What each hands in after a round.
enum Column : std::size_t {
    rate_column,
    latency_column,
    wrong_column,
    busy_column,
    processor_column,
    columns
};

std::size_t at(int index) { return static_cast<std::size_t>(index); }

bool any(const Standings& standings) {
    return std::ranges::any_of(standings.nodes,
                               [](const auto& standing) { return standing.outlier; });
}

}  // namespace

PairStage::PairStage(Crew& crew, Pairs& pairs, const Options& options, const Progress& say)
    : crew_(crew), pairs_(pairs), options_(options), say_(say) {}

// A round, and the meeting after it. `enough` is what rank 0 decided.
bool PairStage::measure_round(const Rounds& rounds, std::size_t round, double processor,
                              const Crew::Decide& decide, bool& enough) {
    crew_.enters("measuring pairs");
    PairFigure figure{.rate = unknown, .latency = unknown};
    const int partner = rounds[round][at(crew_.rank())];
    // Whoever has lost its partner goes to the meeting all the same, and says so there.
    if (partner != no_partner && !pairs_.measure(partner, figure)) figure = {};
    const std::array<double, columns> mine{figure.rate, figure.latency, figure.wrong ? 1.0 : 0.0,
                                           figure.busy ? 1.0 : 0.0, processor};
    const auto look = [&](const Crew::Gathered& gathered) {
        look_for_spoilt(rounds[round], gathered);
        return decide(gathered);
    };
    const auto decided = crew_.meet("measuring pairs", mine, 1, look);
    if (!decided) return false;
    enough = decided->front() != 0;
    return true;
}

bool PairStage::choose_size(const Rounds& rounds) {
    size_ = options_.size;
    // The second one counts: the first may have to make connections.
    for (const std::int64_t trial : {least_size, mebi}) {
        pairs_.size(options_.size > 0 ? std::min(trial, options_.size) : trial);
        bool enough = false;
        const auto decide = [&](const Crew::Gathered& gathered) {
            std::vector<double> rates;
            for (const auto& report : gathered) rates.push_back(report[rate_column]);
            rate_ = collectives::median(rates);
            return std::vector{0.0};
        };
        if (!measure_round(rounds, 0, unknown, decide, enough)) return false;
    }
    const auto chosen = crew_.meet("choosing a size", {}, 2, [&](const Crew::Gathered&) {
        const auto wanted = static_cast<std::int64_t>(rate_ * seconds_per_transfer);
        const auto size = static_cast<std::int64_t>(
            std::bit_floor(static_cast<std::uint64_t>(std::clamp(wanted, least_size, most_size))));
        return std::vector{static_cast<double>(options_.size > 0 ? options_.size : size), rate_};
    });
    if (!chosen) return false;
    size_ = static_cast<std::int64_t>(chosen->front());
    rate_ = chosen->back();
    pairs_.size(size_);
    return true;
}

void PairStage::enter(const Matching& matching, const Crew::Gathered& gathered, Figures& figures,
                      std::size_t round) {
    const std::size_t nodes = gathered.size();
    if (round == 0) {
        figures.rates.values.emplace_back();
        figures.latencies.values.emplace_back();
    }
    auto& rates = figures.rates.values.back().emplace_back(nodes, unknown);
    auto& latencies = figures.latencies.values.back().emplace_back(nodes, unknown);
    for (std::size_t node = 0; node < nodes; ++node) {
        if (round == 0) figures.processors[node].push_back(gathered[node][processor_column]);
        const int from = matching[node];
        if (from == no_partner) continue;
        rates[node] = gathered[node][rate_column];
        // A round trip needs both processors; without one it tells nothing of the way between.
        const bool busy = gathered[node][busy_column] != 0 || gathered[at(from)][busy_column] != 0;
        if (!busy) latencies[node] = gathered[node][latency_column];
    }
}

void PairStage::look_for_spoilt(const Matching& matching, const Crew::Gathered& gathered) {
    for (std::size_t node = 0; node < gathered.size(); ++node) {
        if (gathered[node][wrong_column] == 0) continue;
        const int from = matching[node];
        const int to = static_cast<int>(node);
        const auto known = std::ranges::find_if(
            spoilt_, [&](const Spoilt& one) { return one.from == from && one.to == to; });
        if (known != spoilt_.end()) {
            ++known->times;
        } else {
            spoilt_.push_back({.from = from, .to = to, .times = 1});
        }
    }
}

bool PairStage::measure(const Rounds& rounds, int repetitions, double deadline, Figures& figures) {
    figures.rates.rounds = rounds;
    figures.latencies.rounds = rounds;
    figures.processors.resize(at(crew_.size()));
    bool enough = false;
    for (int repetition = 0; repetition < repetitions && !enough; ++repetition) {
        const double processor = fixed_computation();
        for (std::size_t round = 0; round < rounds.size(); ++round) {
            const auto decide = [&](const Crew::Gathered& gathered) {
                enter(rounds[round], gathered, figures, round);
                const bool last = round + 1 == rounds.size();
                return std::vector{
                    last && repetition + 1 >= least_repetitions && now() > deadline ? 1.0 : 0.0};
            };
            if (!measure_round(rounds, round, processor, decide, enough)) return false;
        }
    }
    return true;
}

bool PairStage::run(double deadline, Report& report) {
    const Rounds rounds = collectives::pair_rounds(crew_.size());
    if (rounds.empty()) return true;
    if (!choose_size(rounds)) return false;
    say_(fmt::format("pairs: {} rounds, {} to {} repetitions", rounds.size(), least_repetitions,
                     options_.repetitions));
    Figures first;
    if (!measure(rounds, options_.repetitions, deadline, first)) return false;

    const collectives::Limit rate_limit{.factor = options_.slow, .absolute = options_.at_least};
    const collectives::Limit latency_limit{.better = collectives::Better::lower,
                                           .factor = options_.latency,
                                           .floor = options_.latency_floor};
    const collectives::Limit processor_limit{.better = collectives::Better::lower,
                                             .factor = 1 / options_.slow};
    LinkVerdict rates;
    LinkVerdict latencies;
    Standings processors;
    const int all = static_cast<int>(rounds.size());
    const auto again =
        crew_.meet("judging pairs", {}, 1 + rounds.size(), [&](const Crew::Gathered&) {
            rates = judge(first.rates, rate_limit);
            latencies = judge(first.latencies, latency_limit);
            processors = stand(first.processors, processor_limit);
            auto list = to_measure_again(all, rates);
            const auto more = to_measure_again(all, latencies);
            if (more.size() > list.size()) list = more;
            if (list.empty() && any(processors)) list.push_back(0);
            std::vector<double> answer{static_cast<double>(list.size())};
            answer.insert(answer.end(), list.begin(), list.end());
            answer.resize(1 + rounds.size());
            return answer;
        });
    if (!again) return false;
    Rounds chosen;
    for (std::size_t i = 1; i <= static_cast<std::size_t>(again->front()); ++i) {
        chosen.push_back(rounds[static_cast<std::size_t>((*again)[i])]);
    }
    if (!chosen.empty()) {
        say_(fmt::format("somebody is suspected: measuring {} rounds again", chosen.size()));
        Figures second;
        if (!measure(chosen, options_.repetitions, deadline, second)) return false;
        if (crew_.conducts()) {
            rates = confirmed(rates, judge(second.rates, rate_limit));
            latencies = confirmed(latencies, judge(second.latencies, latency_limit));
            processors = confirmed(processors, stand(second.processors, processor_limit));
        }
    }
    if (!crew_.conducts()) return true;
    explain(rates);
    explain(latencies);
    take_links(report, rates, latencies);
    take_standings(report, Kind::processor, processors);
    report.rounds = all;
    report.repetitions = static_cast<int>(first.rates.values.size());
    report.size = size_;
    return true;
}

}  // namespace splitcast::check
