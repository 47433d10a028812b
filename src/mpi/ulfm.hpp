#pragma once

#include "collectives/types.hpp"
#include "mpi/communicator.hpp"
#include "splitcast/error.hpp"

#include <mpi.h>

#include <vector>

/// What User Level Failure Mitigation (MPI 5's fault tolerance; Bland et al., "Post-failure
/// recovery of MPI communication capability", IJHPCA 27(3), 2013) tells of ranks that have died.
/// With an MPI library that has none of it nothing ever fails here: such a library ends the job.
namespace splitcast::mpi::ulfm {

/// The library that this was compiled with has it.
[[nodiscard]] bool compiled();

/// It is switched on in this job (Open MPI: mpirun --with-ft ulfm, or OMPI_MCA_mpi_ft_enable=1).
[[nodiscard]] bool enabled();

/// The code says that a rank has died, or that ranks have and a receive from any of them cannot be
/// trusted.
[[nodiscard]] bool is_death(int code);

/// Error classes: a rank that is needed has died; this rank is no longer part of the communicator.
[[nodiscard]] int death_class();
[[nodiscard]] int revoked_class();

/// Ranks of `comm` that this process knows to be dead, in the order in which it learnt of it.
/// Local.
[[nodiscard]] std::vector<collectives::Rank> dead(MPI_Comm comm);

/// From now on receives from any rank of `comm` work again although some are dead. Local.
void acknowledge(MPI_Comm comm);

/// Starts an agreement of all ranks of `comm` that are alive: complete, with or without an error,
/// when all of them have started it or died.
[[nodiscard]] int begin_agreement(MPI_Comm comm, int& flag, MPI_Request& request);

/// Whoever is inside a communication on `comm`, or begins one, gets an error: all then know that
/// something is wrong. Local; no communication but `shrink` and `agree` is possible afterwards.
void revoke(MPI_Comm comm);

/// The bits that all ranks of `comm` set that are alive; the same on all of them, whatever else
/// happens. Collective over those.
[[nodiscard]] Result<int> agree(MPI_Comm comm, int bits);

/// A communicator of the ranks of `comm` that are alive. Collective over those; survives further
/// deaths, but not ranks that are alive and do not answer.
[[nodiscard]] Result<Communicator> shrink(MPI_Comm comm);

}  // namespace splitcast::mpi::ulfm
