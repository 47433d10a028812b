#!/usr/bin/env bash
# How long `splitcast copy` and Slurm's own sbcast take for the same file to the same nodes, in turns, from the start of
# the command to its end. Prints one JSON object: lists of seconds by contender.
#
# usage: cluster run --nodes N -- against_sbcast.sh SPLITCAST BYTES REPEATS

splitcast=$(readlink -f "$1")
bytes=$2
repeats=$3
. "$(dirname "$0")/harness.sh"
make_file source "$bytes"
nodes=$(nodes | wc -l)

# sbcast sends each block to all nodes, or along a tree when told of a fan-out.
job=$(submit -N "$nodes" --ntasks-per-node=1 <<TEXT
set -e
take() { # NAME COMMAND...
    local name=\$1 begin=\$EPOCHREALTIME
    shift
    "\$@" 2>/dev/null
    echo "took \$name \$begin \$EPOCHREALTIME"
    srun --mpi=none cmp $work/source /dev/shm/copy && srun --mpi=none rm /dev/shm/copy
}
for ((i = 0; i < $repeats; i++)); do
    take sbcast sbcast $work/source /dev/shm/copy
    take sbcast_fanout_2 sbcast --fanout=2 $work/source /dev/shm/copy
    take srun_splitcast srun --mpi=pmix $splitcast copy -q $work/source /dev/shm/copy
done
TEXT
)
until_true 7000 job_over "$job"
if [[ $(job_state "$job") != COMPLETED ]]; then
    said "$job" >&2
    exit 1
fi
awk '$1 == "took" { times[$2] = times[$2] (times[$2] == "" ? "" : ", ") sprintf("%.3f", $4 - $3) }
     END { for (name in times) { printf "%s\"%s\": [%s]", sep, name, times[name]; sep = ", " } }' \
    "$work/${job}"_*.out | sed 's/.*/{&}/'
