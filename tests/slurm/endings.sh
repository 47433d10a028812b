#!/usr/bin/env bash
# Copies that are ended in the middle, by scancel, by being queued again and by their time limit, leave nothing behind.
#
# usage: cluster run --rate 10mbit -- endings.sh SPLITCAST     (wants 4 nodes)

splitcast=$(readlink -f "$1")
. "$(dirname "$0")/harness.sh"
make_file source $((128 << 20)) # 112 s at 10 Mbit/s

# Slurm lets a minute or two pass before it starts a job again that was queued again. Not before all nodes are done with its
# first run: one that was started sooner has failed without a word, twice.
start_again() { # JOB
    until_true 60 eval '[[ $(sinfo --noheader --format=%T | sort -u) == idle ]]'
    sleep 1
    scontrol update JobId="$1" StartTime=now
}

begun() { writing h4 && [[ $(job_state "$1") == RUNNING ]]; }

ends_clean() { # TEXT SCANCEL-OPTION...
    local text=$1
    shift
    check "$text: it had begun" until_true 30 begun "$job"
    scancel "$@" "$job"
    check "$text: the job is cancelled" test "$(state_at_end "$job")" = CANCELLED
    check "$text: nothing stays on any node" until_true 10 all_clean
}

job=$(submit -N4 --ntasks-per-node=1 <<TEXT
srun $splitcast copy $work/source /dev/shm/data
TEXT
)
ends_clean "srun"

# Without --parents: Open MPI may end a rank whose daemon is gone before that has heard of the signal, and then the folders
# that it made stay. The file has no name yet and goes with the process.
job=$(submit -N4 --ntasks-per-node=1 <<TEXT
mpirun $splitcast copy $work/source /dev/shm/data
TEXT
)
ends_clean "mpirun"

# Only the step: srun ends with it, and the batch script can see so and go on.
job=$(submit -N4 --ntasks-per-node=1 <<TEXT
srun $splitcast copy $work/source /dev/shm/data || echo "the copy failed"
TEXT
)
check "the step: it had begun" until_true 30 begun "$job"
scancel "$job.0"
check "the step: the job goes on to its end" test "$(state_at_end "$job")" = COMPLETED
check "the step: the script knows" grep -q '^the copy failed' <(said "$job")
check "the step: nothing stays on any node" until_true 10 all_clean

# Queued again: the same job, from its beginning. The second time it has less to copy.
make_file less 2000001
job=$(submit -N4 --ntasks-per-node=1 --requeue --open-mode=append <<TEXT
((\${SLURM_RESTART_COUNT:-0} == 0)) || exec srun $splitcast copy $work/less /dev/shm/data
srun $splitcast copy $work/source /dev/shm/data
TEXT
)
check "requeue: it had begun" until_true 30 begun "$job"
scontrol requeue "$job"
check "requeue: nothing stays on any node" until_true 30 all_clean
check "requeue: it waits again" until_true 60 eval '[[ $(job_state "$job") == PENDING ]]'
start_again "$job"
check "requeue: the second time it ends well" test "$(state_at_end "$job")" = COMPLETED
check "requeue: every node has the copy" copied less /dev/shm/data h1 h2 h3 h4
for node in $(nodes); do "$cluster" at "$node" rm /dev/shm/data; done

# Queued again with --resume: the second time every node fetches only what it has not got. A segment is 0.16 s on its way
# when three flows share the link: hence a longer timeout.
make_file more $((24 << 20)) # 20 s
job=$(submit -N4 --ntasks-per-node=1 --requeue --open-mode=append <<TEXT
srun $splitcast copy --resume --json --settings segment=64K,timeout=5 $work/more /dev/shm/data
TEXT
)
has_some() { # that is proven: more than the journal's head, on every node
    local node
    for node in $(nodes); do
        (($("$cluster" at "$node" stat -c %s /dev/shm/.data.splitcast-journal 2>/dev/null || echo 0) > 80)) || return 1
    done
}
check "resume: it had begun" until_true 60 has_some
scontrol requeue "$job"
check "resume: it waits again" until_true 60 eval '[[ $(job_state "$job") == PENDING ]]'
start_again "$job"
check "resume: the second time it ends well" test "$(state_at_end "$job")" = COMPLETED
check "resume: every node has the copy" copied more /dev/shm/data h1 h2 h3 h4
had_some=$(cat "$work/${job}"_*.out | grep -c '"bytes_held": [1-9]') || true
check "resume: the nodes had some of it ($had_some)" test "$had_some" -ge 3
for node in $(nodes); do "$cluster" at "$node" rm /dev/shm/data; done

# Slurm's shortest limit is a minute, and it looks every half a minute.
job=$(submit -N4 --ntasks-per-node=1 --time=1 <<TEXT
srun $splitcast copy $work/source /dev/shm/data
TEXT
)
check "the time limit: it had begun" until_true 30 begun "$job"
check "the time limit: the job ends by it" test "$(state_at_end "$job")" = TIMEOUT
check "the time limit: nothing stays on any node" until_true 10 all_clean
verdict
