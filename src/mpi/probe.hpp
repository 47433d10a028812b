#pragma once

#include "splitcast/error.hpp"

#include <mpi.h>

#include <span>

namespace splitcast::mpi {

/// What a short measurement says about the links between some ranks; the same on all ranks of
/// `comm`.
struct LinkProbe {
    double latency = 0;    ///< seconds from one rank to the next, small message
    double bandwidth = 0;  ///< bytes per second of the slowest link, sending and receiving at once
    double overhead = 0;   ///< seconds per message when many small ones follow each other
};

/// Measures the links between `ranks` (two or more of `comm`, the same list on every rank), each of
/// which talks to the next in the list, the last to the first, all at the same time. Collective
/// over `comm`; ranks that are not in the list wait. Takes a few messages' time on a fast network
/// and some tens of milliseconds on a slow one.
Result<LinkProbe> probe_links(MPI_Comm comm, std::span<const int> ranks);

}  // namespace splitcast::mpi
