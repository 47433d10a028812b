#pragma once

namespace splitcast::fault {

/// Was this process started by `srun --mpi=pmix` itself, rather than by an mpirun inside of a job?
[[nodiscard]] bool started_by_srun();

/// Waits until the other ranks have most probably left MPI_Init, if the process was started by
/// srun; call it right after MPI_Init. Open MPI 5.0 crashes when a message reaches a rank that is
/// still in MPI_Init (ompi #12495), and Slurm lets ranks out of it at moments so different that
/// this happens. 0.1 s: no proof, but docs/slurm.md has the counts.
void wait_for_late_starters();

}  // namespace splitcast::fault
