#pragma once

#include <cstddef>
#include <span>

/// Figures about series of times. Pure.
namespace splitcast::bench {

/// What a series comes to. All zero for an empty one.
struct Summary {
    std::size_t count = 0;
    double min = 0;
    double lower = 0;  ///< a quarter of the values are less
    double median = 0;
    double upper = 0;  ///< a quarter of the values are greater
    double max = 0;
};

[[nodiscard]] Summary summarize(std::span<const double> values);

/// The value below which the given part (0 to 1) of the sorted values lies; between two values, the
/// straight line between them.
[[nodiscard]] double quantile(std::span<const double> sorted, double part);

/// How often to repeat what takes so many seconds: for about a second, but at least 10 times and at
/// most 100; 5 times where one takes over a second.
[[nodiscard]] int iterations_for(double seconds);

/// And how often to run it before that, uncounted.
[[nodiscard]] int warm_ups_for(double seconds);

}  // namespace splitcast::bench
