#!/bin/bash
# A prolog for steps: makes sure that datasets are on all nodes of the job before the program starts.
#
#   export STAGE_TO_NODES="/shared/a.h5:/tmp/a.h5 /shared/b.h5:/tmp/b.h5"
#   srun --prolog=prolog.sh --mpi=pmix ./program
#
# or, for all jobs of a cluster, `SrunProlog=/.../prolog.sh` in slurm.conf: nothing happens in jobs that do not set
# STAGE_TO_NODES. srun runs it on its own host, as the user, before the step. (Slurm's Prolog and TaskProlog run on every
# node by itself and must not start steps.) A dataset that is on all nodes already is left as it is. When a copy fails, srun
# says so and ends the step, but its exit status may still be 0: let the program check that its file is there.
set -uo pipefail

# Our own steps have a prolog too.
[[ -n ${STAGE_TO_NODES:-} && -z ${STAGE_TO_NODES_RUNS:-} && -n ${SLURM_JOB_ID:-} ]] || exit 0
export STAGE_TO_NODES_RUNS=1
# A step's variables would shape the copy's step.
unset SLURM_STEP_ID SLURM_STEPID SLURM_NTASKS SLURM_NPROCS SLURM_DISTRIBUTION SLURM_MPI_TYPE

per_node=(--overlap --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1)
for pair in $STAGE_TO_NODES; do
    srun "${per_node[@]}" --quiet --mpi=none test -s "${pair#*:}" 2>/dev/null && continue
    srun "${per_node[@]}" --mpi=pmix splitcast copy --quiet --force --parents "${pair%%:*}" "${pair#*:}" || exit
done
