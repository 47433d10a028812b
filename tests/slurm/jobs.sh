#!/usr/bin/env bash
# The jobs in slurm/, as an administrator installs splitcast and as users submit them. --transcripts also writes down what
# was typed and what came of it.
#
# usage: cluster run --rate 100mbit -- jobs.sh BUILD [--transcripts PAGE]     (wants 4 nodes)

build=$(readlink -f "$1")
page=
[[ ${2:-} != --transcripts ]] || page=$(realpath -m "$3")
. "$(dirname "$0")/harness.sh"

cmake --install "$build" --prefix "$work/opt/splitcast" >install.log
jobs=$work/opt/splitcast/share/splitcast/slurm
# As `module load` would, which is not to be had everywhere: its lines are simple enough for sed.
sed -n 's/^set prefix /prefix=/p; s/^prepend-path \([A-Z_]*\) \(.*\)/export \1="\2:${\1-}"/p' "$jobs/modulefile" >module.sh
check "the modulefile's folders" test "$(wc -l <module.sh)" = 6
. ./module.sh
check "the modulefile leads to what was installed" test "$(command -v splitcast)" = "$work/opt/splitcast/bin/splitcast"

make_file data 3000001
make_file large $((64 << 20)) # 5.6 s at 100 Mbit/s
# What it says must be the source's digest, from each of 8 ranks.
printf '#!/bin/bash\nmd5sum <"${1:-$DATASET}"\n' >program
chmod +x program
digest() { md5sum <"$1"; }
digests() { said "$job" | grep -cxF "$(digest "$1")"; } # FILE: how many ranks had it

transcript=$work/transcript
: >"$transcript"
tell() { # TEXT: the next part of the transcripts
    printf '\n## %s\n\n' "$1" >>"$transcript"
}
wrote() { # JOB: the transcript of what it printed and how it ended
    { cat "$work/$1"_*.out; printf '[%s]\n' "$(job_state "$1")"; } | sed 's/^/    /' >>"$transcript"
}

# sbatch with these arguments, and a wait for the end.
run() { # OPTION... FILE ARGUMENT...
    start "$@" && finish
}
start() {
    local set='' name
    for name in LOCAL LONGEST DATA PROGRAM STAGE_TO_NODES; do
        [[ -z ${!name:-} ]] || set+="$name='${!name}' "
    done
    printf '    $ %ssbatch %s\n' "$set" "$*" >>"$transcript"
    job=$(sbatch --parsable --output="$work/%j_.out" "$@")
}
finish() {
    local state
    state=$(state_at_end "$job")
    wrote "$job"
    [[ $state == COMPLETED ]]
}

cp "$jobs"/*.sbatch "$jobs/prolog.sh" . # the one file that a user copies

tell "A dataset on every node, and a program on it"
export LOCAL=/dev/shm
check "copy-and-run" run -N4 --ntasks-per-node=2 copy-and-run.sbatch "$work/data" ./program
check "all 8 ranks read the copy" test "$(digests data)" = 8
check "the copies are gone afterwards" all_clean
tell "The program fails"
check "a failing program" eval '! run -N2 --ntasks-per-node=1 copy-and-run.sbatch "$work/data" false'
check "its copies are gone as well" all_clean
tell "A node crashes while it copies"
export LONGEST=1
before=$(received h3)
start -N4 --ntasks-per-node=2 copy-and-run.sbatch "$work/large" ./program
until_moving h3 "$before" || true
"$cluster" crash h3
check "copy-and-run goes on without a node that crashed" finish
check "it names that node" grep -q '^lost: h3; going on with 3 nodes' <(said "$job")
check "the 6 ranks that are left read the copy" test "$(digests large)" = 6
"$cluster" restart h3
unset LOCAL LONGEST
check "the other copies are gone afterwards" until_true 10 all_clean

# /tmp is shared here, unlike on a cluster: the line is told of a folder of the node's own.
tell "One line in a script that exists"
sed -i 's,/tmp/,/dev/shm/,g' one-line.sbatch
export DATA=$work/data PROGRAM=./program
check "one-line" run -N4 --ntasks-per-node=2 one-line.sbatch
check "all 8 ranks read the copy" test "$(digests data)" = 8
tell "The same without the data"
export DATA=$work/none
check "without its data the job fails" eval '! run -N2 --ntasks-per-node=1 one-line.sbatch'
unset DATA PROGRAM

tell "Before a step: a prolog"
cat >steps.sbatch <<TEXT
#!/bin/bash
srun --prolog=$work/prolog.sh ./program /dev/shm/a && srun --prolog=$work/prolog.sh ./program /dev/shm/b
TEXT
sed 's/^/    /' steps.sbatch | cat <(printf 'steps.sbatch is\n\n') - <(printf '\nand then\n\n') >>"$transcript"
export STAGE_TO_NODES="$work/data:/dev/shm/a $work/data:/dev/shm/b"
check "prolog" run -N4 --ntasks-per-node=2 steps.sbatch
check "both steps of 8 ranks read the copies" test "$(digests data)" = 16
tell "A prolog that fails"
export STAGE_TO_NODES="$work/none:/dev/shm/c"
run -N2 steps.sbatch || true
check "srun tells of a prolog that failed" grep -q 'srun prolog failed rc = 3' <(said "$job")
unset STAGE_TO_NODES
tell "A prolog without anything to do"
for node in $(nodes); do "$cluster" at "$node" sh -c 'cp "$1" /dev/shm/a; cp "$1" /dev/shm/b' sh "$work/data"; done
check "prolog without anything to do" run -N2 steps.sbatch

tell "Measuring"
check "bench" run -N4 bench.sbatch -m 64K --rivals shipped -i 3
check "bench tells of splitcast" grep -q splitcast <(said "$job")

tell "What it says of itself"
job=$(submit -N1 <<<'srun --mpi=pmix splitcast info')
check "info" test "$(state_at_end "$job")" = COMPLETED
check "info says that copies survive here" grep -q 'copy survives the death of ranks under srun' <(said "$job")
printf '    $ srun --mpi=pmix splitcast info\n' >>"$transcript"
wrote "$job"
job=$(submit -N1 <<<'SPLITCAST_SURVIVE=off srun --mpi=pmix splitcast info')
check "info, switched off" test "$(state_at_end "$job")" = COMPLETED
check "info says so when that is switched off" grep -q 'switched off' <(said "$job")

if [[ -n $page ]]; then
    {
        cat <<'TEXT'
# The jobs in slurm/, run

Each job that is installed to `share/splitcast/slurm/`, submitted to a Slurm of four nodes (`tests/slurm/cluster`), and
what came of it: what the job printed, and its state. Made by

    tests/slurm/cluster run --rate 100mbit -- \
        tests/slurm/jobs.sh build/release --transcripts docs/slurm-transcripts.md

with nothing changed but the names of folders (the shared one is called `/shared` here) and times. `program` prints the
digest of the copy that it is given, on every rank.
TEXT
        sed "s,$work,/shared,g; s/\(CANCELLED AT\) [^ ]*/\1 .../; s/ *$//" "$transcript" | cat -s
    } >"$page"
fi
verdict
