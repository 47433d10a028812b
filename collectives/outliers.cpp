#include "collectives/outliers.hpp"

#include <algorithm>
#include <cmath>

namespace splitcast::collectives {

namespace {

// From the median of the deviations to a standard deviation, where the noise is normal.
constexpr double to_deviation = 1.4826;
constexpr double deviations = 3;
constexpr std::size_t fewest = 3;

}  // namespace

double median(std::span<const double> values) {
    std::vector<double> known;
    known.reserve(values.size());
    for (const double value : values) {
        if (!std::isnan(value)) known.push_back(value);
    }
    if (known.empty()) return unknown;
    const auto upper = known.begin() + static_cast<std::ptrdiff_t>(known.size() / 2);
    std::ranges::nth_element(known, upper);
    if (known.size() % 2 == 1) return *upper;
    return (*upper + *std::max_element(known.begin(), upper)) / 2;
}

Norm norm_of(std::span<const double> values) {
    const double middle = median(values);
    std::vector<double> away;
    away.reserve(values.size());
    for (const double value : values) away.push_back(std::abs(value - middle));
    const double spread = median(away);
    return {.middle = middle, .spread = std::isnan(spread) ? 0 : to_deviation * spread};
}

bool worse(double value, const Norm& norm, const Limit& limit) {
    if (std::isnan(value)) return false;
    const bool higher = limit.better == Better::higher;
    const auto beyond = [&](double bound) { return higher ? value < bound : value > bound; };
    if (limit.absolute && beyond(*limit.absolute)) return true;
    if (std::isnan(norm.middle)) return false;
    const double apart = higher ? norm.middle - value : value - norm.middle;
    return beyond(limit.factor * norm.middle) && apart > limit.floor &&
           apart > deviations * norm.spread;
}

Standings stand(const Series& series, const Limit& limit, Needed needed) {
    Standings standings{.reference = unknown, .nodes = std::vector<Standing>(series.size())};
    std::size_t repetitions = 0;
    for (const auto& values : series) repetitions = std::max(repetitions, values.size());
    Series relative(series.size());
    std::vector<double> middles;
    for (std::size_t repetition = 0; repetition < repetitions; ++repetition) {
        std::vector<double> values;
        for (const auto& own : series) {
            values.push_back(repetition < own.size() ? own[repetition] : unknown);
        }
        Norm norm = norm_of(values);
        middles.push_back(norm.middle);
        if (series.size() < fewest) norm.middle = unknown;
        for (std::size_t node = 0; node < series.size(); ++node) {
            if (std::isnan(values[node])) continue;
            Standing& standing = standings.nodes[node];
            ++standing.measured;
            standing.worse += worse(values[node], norm, limit) ? 1 : 0;
            relative[node].push_back(values[node] / middles.back());
        }
    }
    standings.reference = median(middles);
    for (std::size_t node = 0; node < series.size(); ++node) {
        Standing& standing = standings.nodes[node];
        standing.value = median(series[node]);
        standing.relative = median(relative[node]);
        standing.outlier = needed == Needed::every
                               ? standing.measured > 0 && standing.worse == standing.measured
                               : 2 * standing.worse > static_cast<int>(repetitions);
    }
    return standings;
}

Standings confirmed(const Standings& first, const Standings& second) {
    Standings both = first;
    for (std::size_t node = 0; node < both.nodes.size(); ++node) {
        if (!both.nodes[node].outlier) continue;
        // Without a second look there is no verdict.
        both.nodes[node].outlier = node < second.nodes.size() && second.nodes[node].outlier;
        if (node < second.nodes.size() && second.nodes[node].measured > 0) {
            both.nodes[node] = second.nodes[node];
        }
    }
    return both;
}

std::vector<ClockOffset> from_median(std::span<const ClockOffset> offsets) {
    std::vector<ClockOffset> moved(offsets.begin(), offsets.end());
    if (moved.size() < fewest) return moved;
    std::vector<double> ahead;
    for (const ClockOffset& offset : offsets) ahead.push_back(offset.ahead);
    const double middle = median(ahead);
    for (ClockOffset& offset : moved) offset.ahead -= middle;
    return moved;
}

bool off(const ClockOffset& offset, double limit) {
    return std::abs(offset.ahead) - offset.doubt > limit;
}

}  // namespace splitcast::collectives
