#pragma once

#include "collectives/placement.hpp"
#include "collectives/selection.hpp"
#include "collectives/settings.hpp"

#include <mpi.h>

#include <atomic>
#include <cstdint>

namespace splitcast::pmpi {

/// What was found out about the processes of MPI_COMM_WORLD when MPI was initialized; other
/// communicators' teams are made from it without asking again. Nothing changes in it while the
/// drop-in is on, but the counters.
struct World {
    std::atomic<bool> on = false;
    bool nonblocking = false;  ///< the MPI library lets us make progress inside its own calls
    std::int64_t minimum = 0;  ///< shorter broadcasts are left to the MPI library
    MPI_Group group = MPI_GROUP_NULL;
    collectives::Placement placement;
    collectives::Links links;
    collectives::Resolved settings;

    // Calls of this process, for the line at the end.
    std::atomic<std::int64_t> blocking_calls = 0;
    std::atomic<std::int64_t> nonblocking_calls = 0;
    std::atomic<std::int64_t> persistent_starts = 0;
    std::atomic<std::int64_t> left_to_mpi = 0;  ///< of those that are long enough
};

/// The only one. It is never destroyed: MPI may still call back while the process ends.
World& world();

/// Collective over MPI_COMM_WORLD: finds out, and turns the drop-in on, on all ranks or on none.
void open();

/// Collective over MPI_COMM_WORLD, before MPI_Finalize: gives back everything that was taken from
/// MPI.
void close();

}  // namespace splitcast::pmpi
