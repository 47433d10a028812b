#pragma once

#include "splitcast/error.hpp"

/// How ranks are started, where that decides what their job survives.
namespace splitcast {

/// For programs that Slurm starts itself (`srun --mpi=pmix ./program`) and that shall survive the
/// death of ranks: keeps Slurm from killing the whole step when one of its ranks dies.
///
/// Call it on every rank right after MPI_Init, while little memory is in use, since it forks.
/// It does not communicate. Where srun is not the launcher (mpirun, also inside a job) it
/// does nothing and succeeds. Start the step with
///
///     . PREFIX/share/splitcast/splitcast-env.sh
///     srun --mpi=pmix --no-kill --kill-on-bad-exit=0 --wait=60 ./program
///
/// What it does: waits for 0.1 s, because Open MPI 5.0 may crash when a message reaches a rank that
/// srun still has in MPI_Init; then lets a child process (splitcast-guard) hold this rank's
/// connection to Slurm's PMIx server as well, answers libmpi's reports of failed ranks itself, and
/// ignores SIGPIPE unless the program handles it. The guard ends with MPI_Finalize, or with the
/// step.
///
/// It is a hack, and depends on how PMIx 5 and Slurm's pmix plugin work. Its limits:
/// - The death of a rank no longer ends the step (MPI_Abort does): the program has to notice it, as
///   a team does, and has to end.
/// - A rank that was evicted and is alive keeps MPI_Finalize waiting in the others: end by _exit
///   then, after all others have had time to leave their last call. srun's --wait ends the rest.
/// - srun's exit status is the worst rank's: 137 after a SIGKILL, whatever the survivors return.
/// - Not for networks whose library forbids fork (old verbs), nor for a splitcast that is loaded by
///   dlopen: its symbol PMIx_Notify_event must be found before libpmix's, or this is an error.
///
/// Status::state if MPI is not initialized, ULFM is not switched on, or the connection is not
/// found; the step is then as any other. Each rank has its own result.
Result<void> survive_direct_launch();

}  // namespace splitcast
