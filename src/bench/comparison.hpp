#pragma once

#include "bench/measure.hpp"
#include "bench/rivals.hpp"
#include "splitcast/error.hpp"

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace splitcast::bench {

/// Whom splitcast is compared with.
enum class Field {
    none,
    best,  ///< at each size those that come out of screen(), and "shipped"
    all,   ///< default_rivals(), each at every size
    named,
};

struct Comparison {
    std::vector<std::int64_t> sizes;
    Method method;
    Field field = Field::best;
    std::vector<std::string> names;  ///< of rivals, for Field::named
    std::string settings;            ///< of splitcast
};

/// One size, with who is to be looked at.
struct Row {
    Measured measured;                        ///< the first of its series is splitcast's
    std::optional<std::size_t> best = {};     ///< the rival with the least median
    std::optional<std::size_t> shipped = {};  ///< the library's own choice

    [[nodiscard]] const Series& ours() const { return measured.series.front(); }
    [[nodiscard]] const Series* series(std::optional<std::size_t> which) const {
        return which ? &measured.series[*which] : nullptr;
    }
    /// How many times as fast as that one splitcast is, by the medians.
    [[nodiscard]] std::optional<double> ratio(std::optional<std::size_t> which) const;
};

/// Where it ran.
struct Surroundings {
    Spread spread;
    std::string mpi = {};         ///< the library, in its own words
    std::string congestion = {};  ///< TCP's congestion control on rank 0's host; empty if unknown
};
[[nodiscard]] Surroundings surroundings(MPI_Comm communicator);

/// Measures splitcast and its rivals at each size, and tells of each when it is done. Collective;
/// every rank is told the same.
Result<void> compare(MPI_Comm communicator, const Comparison& comparison,
                     const std::function<void(const Row&)>& done);

/// Names, separated by commas.
[[nodiscard]] std::vector<std::string> split_names(std::string_view text);

}  // namespace splitcast::bench
