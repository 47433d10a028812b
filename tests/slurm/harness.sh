# What the tests under Slurm share. To be sourced; the test runs as the COMMAND of `cluster run`.
# shellcheck shell=bash
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cluster=$here/cluster
me=$(basename "$0")
work=$SPLITCAST_CLUSTER/work # shared by all nodes
mkdir -p "$work"
cd "$work"

failures=0
check() { # TEXT COMMAND...
    local text=$1
    shift
    if "$@"; then
        echo "$me: ok: $text"
    else
        echo "$me: FAILED: $text" >&2
        failures=$((failures + 1))
        [[ -z ${job:-} ]] || { echo "$me: job $job is $(job_state "$job")"; said "$job"; } >&2 || true
    fi
}

# Ends the test with the verdict.
verdict() {
    ((failures == 0)) || { echo "$me: $failures checks failed" >&2; exit 1; }
    echo "$me: passed"
}

make_file() { # NAME BYTES
    head -c "$2" /dev/urandom >"$1"
}

nodes() { sinfo --noheader --Node --format=%N; }

# Is the file on every one of these nodes, and equal to the source?
copied() { # SOURCE PATH NODE...
    local source=$1 path=$2 node
    shift 2
    for node in "$@"; do
        "$cluster" at "$node" cmp "$source" "$path" || return 1
    done
}

# Submits the script on standard input with these options; prints the job's number.
submit() { # OPTION...
    local script
    script=$(mktemp "$work/job.XXXXXX")
    { echo '#!/bin/bash'; cat; } >"$script"
    sbatch --parsable --output="$work/%A_%a.out" "$@" "$script"
}

job_state() { scontrol show job "$1" 2>/dev/null | grep -o 'JobState=[A-Z_]*' | cut -d= -f2 | sort -u; }

until_true() { # SECONDS COMMAND...: a generous limit, so that nothing hangs
    local i limit=$(($1 * 10))
    shift
    for ((i = 0; i < limit; i++)); do
        if "$@"; then return 0; fi
        sleep 0.1
    done
    return 1
}

# Only states that are an end are one: slurmctld may not answer once, and a job that is queued again passes through others.
job_over() {
    local states
    states=$(job_state "$1")
    [[ -n $states ]] &&
        ! grep -qvxE 'BOOT_FAIL|CANCELLED|COMPLETED|DEADLINE|FAILED|NODE_FAIL|OUT_OF_MEMORY|TIMEOUT' <<<"$states"
}

# Waits for a job's end and prints its state, e.g. COMPLETED.
state_at_end() { # JOB
    until_true 120 job_over "$1" || echo "$me: job $1 does not end" >&2
    job_state "$1"
}

said() { tail -q -n 50 "$work/$1"_*.out; } # JOB: what it printed at last

# Is nothing there of a copy: no file, named or not, and no process?
clean() { # NODE
    [[ -z $("$cluster" at "$1" find /dev/shm -mindepth 1 -print -quit) ]] &&
        (($("$cluster" at "$1" df --output=used -k /dev/shm | tail -n 1) == 0)) &&
        [[ -z $("$cluster" ranks "$1" splitcast; "$cluster" ranks "$1" splitcast-guard) ]]
}

all_clean() {
    local node
    for node in $(nodes); do clean "$node" || return 1; done
}

# Bytes that a node has received.
received() { # NODE
    "$cluster" at "$1" awk '$1 == "eth0:" { print $2 }' /proc/net/dev
}

# Waits until the bytes of a copy move: its set-up, in which nobody is missed who falls silent, is over. Ask how much the node
# had received before it began.
until_moving() { # NODE BYTES-BEFORE
    until_true 60 eval "((\$(received $1) > $2 + (3 << 20)))"
}

# Has some node begun to write (be it to a file without a name)?
writing() { # NODE
    (($("$cluster" at "$1" df --output=used -k /dev/shm | tail -n 1) > 0))
}
