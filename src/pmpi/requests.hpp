#pragma once

#include "pmpi/communicators.hpp"

#include <mpi.h>

#include <functional>

namespace splitcast::pmpi {

// The MPI_Request that a program gets for a nonblocking broadcast is a receive from itself, on a
// communicator of its own process (State::self), which a message from itself completes when the
// broadcast is over. So everything that MPI can do with a request works, and nothing has to stand
// in front of MPI_Wait, MPI_Test and their kin. A broadcast that failed sends a message that is too
// long: the request fails, and the handler of that communicator raises the error where it belongs
// (communicators.cpp).
//
// Segments move, and ends are noticed, in a callback of MPI's own progress engine.

/// What is to be broadcast. The datatype is held for as long as it is needed.
struct Arguments {
    void* buffer;
    MPI_Count count;
    MPI_Datatype type;
    int root;
};

/// MPI_Ibcast on a communicator that has a team.
int start_broadcast(const StatePointer& state, const Arguments& what, MPI_Request* request);

/// MPI_Bcast_init on a communicator that has a team.
int prepare_broadcast(const StatePointer& state, const Arguments& what, MPI_Request* request);

/// After MPI has started `request`: starts the broadcast that belongs to it, if it is one of ours.
void start_prepared(MPI_Request request);

/// After MPI has freed the request that was called `request`.
void forget_prepared(MPI_Request request);

/// Lets segments move, and completes the requests of the broadcasts that are over. Never blocks.
int progress_requests() noexcept;

/// Until `finished` says so; requests of other broadcasts are completed meanwhile.
void wait_beside_requests(const std::function<bool()>& finished);

/// Until no nonblocking broadcast of this communicator is under way.
void wait_for_requests(State& state);

/// Drops what is left of requests that the program has not freed.
void close_requests();

}  // namespace splitcast::pmpi
