#include "bench/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace splitcast::bench {

double quantile(std::span<const double> sorted, double part) {
    if (sorted.empty()) return 0;
    const double place = std::clamp(part, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
    const double below = std::floor(place);
    const auto index = static_cast<std::size_t>(below);
    if (index + 1 == sorted.size()) return sorted[index];
    return std::lerp(sorted[index], sorted[index + 1], place - below);
}

Summary summarize(std::span<const double> values) {
    std::vector<double> sorted(values.begin(), values.end());
    std::ranges::sort(sorted);
    return {.count = sorted.size(),
            .min = quantile(sorted, 0),
            .lower = quantile(sorted, 0.25),
            .median = quantile(sorted, 0.5),
            .upper = quantile(sorted, 0.75),
            .max = quantile(sorted, 1)};
}

int iterations_for(double seconds) {
    constexpr double budget = 1;
    constexpr double least = 10;
    constexpr double most = 100;
    if (seconds > budget) return 5;
    return static_cast<int>(std::clamp(budget / std::max(seconds, 1e-9), least, most));
}

int warm_ups_for(double seconds) { return seconds > 1 ? 1 : 2; }

}  // namespace splitcast::bench
