#pragma once

#include "bench/contender.hpp"
#include "bench/start_line.hpp"
#include "bench/statistics.hpp"
#include "splitcast/error.hpp"

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace splitcast::bench {

/// How one size is measured.
struct Method {
    int iterations = 0;      ///< 0: as many as iterations_for() says
    int warm_ups = -1;       ///< less than 0: as many as warm_ups_for() says
    int root = 0;            ///< less than 0: each rank in turn
    bool validate = false;   ///< look at every byte, after the clock has stopped
    std::uint64_t seed = 1;  ///< of the order in which the contenders run, and of the payload
};

/// What came of one contender.
struct Series {
    std::string name;
    std::vector<double> seconds = {};  ///< of each iteration: from the start to the last rank's end
    Summary summary = {};
    std::string choice = {};
};

struct Measured {
    std::int64_t bytes = 0;
    std::vector<Series> series;  ///< in the order of the contenders
    int repeated = 0;            ///< iterations run again because some rank started late
};

/// Measures the contenders at one size, side by side: every iteration runs each of them once, in an
/// order drawn anew, with a new payload, from a moment that all ranks wait for. Collective over the
/// line's communicator. The same on every rank, but for the texts of errors.
Result<Measured> measure(MPI_Comm communicator, StartLine& line,
                         std::span<Contender* const> contenders, std::span<std::byte> buffer,
                         const Method& method);

/// Runs a contender once, from a common start, and says how long the last rank took. Collective.
struct Run {
    double seconds = 0;
    double late = 0;  ///< seconds by which the last rank missed the start
};
Result<Run> run_once(MPI_Comm communicator, StartLine& line, Contender& contender,
                     std::span<std::byte> buffer, int root, std::uint64_t key, bool validate);

}  // namespace splitcast::bench
