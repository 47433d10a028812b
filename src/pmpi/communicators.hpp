#pragma once

#include "api/team_impl.hpp"
#include "mpi/communicator.hpp"

#include <mpi.h>

#include <atomic>
#include <memory>
#include <mutex>

namespace splitcast::pmpi {

/// What the drop-in keeps with a communicator of the program: an attribute, freed with it and not
/// copied.
struct State {
    std::atomic<MPI_Comm> comm = MPI_COMM_NULL;  ///< the program's; null once it has freed it
    std::unique_ptr<Team::Impl> team;            ///< null: broadcasts on it are left to MPI
    mpi::Communicator self;                      ///< of this process alone: see requests.hpp
    std::mutex mutex;                ///< held while a broadcast of the team begins or ends
    std::atomic<int> under_way = 0;  ///< nonblocking broadcasts that are not over
    std::atomic<int> failure =
        MPI_SUCCESS;      ///< error code of the latest nonblocking one that failed
    int largest_tag = 0;  ///< on `self`
    std::atomic<unsigned> next_ordinary_tag = 0;
    std::atomic<unsigned> next_persistent_tag = 0;
};
using StatePointer = std::shared_ptr<State>;

/// Once, before the others.
void open_communicators();

/// What is kept with `comm` already. Local. Null if there is nothing, or if it says that `comm` is
/// left to MPI.
StatePointer find_state(MPI_Comm comm);

struct Found {
    StatePointer state;      ///< null: the call is left to MPI
    int code = MPI_SUCCESS;  ///< otherwise the program's error handler has been called, and this is
                             ///< to be returned
};

/// The same, but makes a team at the first call. Collective over `comm`. `root` is looked at
/// because a call that the MPI library is going to refuse must not wait for the other ranks.
Found find_or_make_state(MPI_Comm comm, int root);

/// Puts the team of MPI_COMM_WORLD in place. False if it can have no requests.
[[nodiscard]] bool adopt_state(MPI_Comm comm, std::unique_ptr<Team::Impl> team);

/// Frees every team that is left.
void close_communicators();

}  // namespace splitcast::pmpi
