#!/usr/bin/env bash
# `splitcast copy` in jobs: started by srun and by mpirun, in arrays, on any number of nodes.
#
# usage: cluster run -- copies.sh SPLITCAST     (wants 4 nodes)

splitcast=$(readlink -f "$1")
. "$(dirname "$0")/harness.sh"
make_file source 5000001

remove() { local node; for node in $(nodes); do "$cluster" at "$node" find /dev/shm -mindepth 1 -delete; done; }

# --- srun, with Slurm as the launcher -------------------------------------------------------------
check "srun starts one rank on each of 4 nodes" timeout -k 5 60 \
    srun -N4 --ntasks-per-node=1 --mpi=pmix "$splitcast" copy "$work/source" /dev/shm/data
check "every node has the copy" copied source /dev/shm/data h1 h2 h3 h4
status=0
timeout -k 5 60 srun -N4 --ntasks-per-node=1 --mpi=pmix "$splitcast" copy -q "$work/none" /dev/shm/none || status=$?
check "a failure is srun's exit status ($status)" test "$status" = 3
remove

check "7 ranks on 3 nodes are one copy on each" timeout -k 5 60 \
    srun -N3 -n7 -w 'h[1-3]' --mpi=pmix "$splitcast" copy -q "$work/source" /dev/shm/data
check "3 nodes have it" copied source /dev/shm/data h1 h2 h3
check "the fourth has nothing" clean h4
remove

# --- sbatch ---------------------------------------------------------------------------------------
job=$(submit -N4 --ntasks-per-node=2 <<TEXT
mpirun --map-by ppr:1:node $splitcast copy $work/source /dev/shm/data
TEXT
)
check "mpirun inside a batch job" test "$(state_at_end "$job")" = COMPLETED
check "every node has mpirun's copy" copied source /dev/shm/data h1 h2 h3 h4
check "one copy for each node" grep -q 'to 4 copies' <(said "$job")
remove

job=$(submit -N2 --ntasks-per-node=1 <<TEXT
srun $splitcast copy -q $work/source /dev/shm/%j && srun cmp $work/source /dev/shm/\$SLURM_JOB_ID
TEXT
)
check "srun inside a batch job; the next step finds the copy" test "$(state_at_end "$job")" = COMPLETED
remove

# --- arrays: several copies at once, from and to the same nodes ---------------------------------------
for i in 1 2 3; do make_file "source$i" $((2000000 + i)); done
job=$(submit --array=1-3 -N4 --ntasks-per-node=1 <<TEXT
srun $splitcast copy $work/source\$SLURM_ARRAY_TASK_ID /dev/shm/part\$SLURM_ARRAY_TASK_ID
TEXT
)
check "an array of 3 jobs" test "$(state_at_end "$job")" = COMPLETED
for i in 1 2 3; do
    check "every node has the copy of array job $i" copied "source$i" "/dev/shm/part$i" h1 h2 h3 h4
done
remove

# --- heterogeneous: one component of 1 node with 3 ranks, one of 2 nodes with 1 rank each -------------
job=$(submit -N1 -w h1 --ntasks-per-node=3 : -N2 -w 'h[2-3]' --ntasks-per-node=1 <<TEXT
srun --het-group=0,1 $splitcast copy $work/source /dev/shm/data
TEXT
)
state=$(state_at_end "$job")
check "a job of two components is one world" test "$state" = COMPLETED
check "its three nodes have one copy each" copied source /dev/shm/data h1 h2 h3
remove

verdict
