#!/usr/bin/env bash
# The jobs in slurm/, as a user would submit them.
#
# usage: cluster run -- jobs.sh SPLITCAST     (wants 4 nodes)

splitcast=$(readlink -f "$1")
. "$(dirname "$0")/harness.sh"
jobs=$here/../../slurm
PATH=$(dirname "$splitcast"):$PATH
make_file data 3000001
# What it says must be the source's digest, from each of 8 ranks.
printf '#!/bin/bash\nmd5sum <"${1:-$DATASET}"\n' >program
chmod +x program
digest=$(md5sum <data)

run() { # OPTION... FILE ARGUMENT...
    job=$(sbatch --parsable --output="$work/%j_.out" "$@") && test "$(state_at_end "$job")" = COMPLETED
}
digests() { said "$job" | grep -cxF "$digest"; }

LOCAL=/dev/shm check "copy-and-run" run -N4 --ntasks-per-node=2 "$jobs/copy-and-run.sbatch" "$work/data" "$work/program"
check "all 8 ranks read the copy" test "$(digests)" = 8
check "the copies are gone afterwards" all_clean
LOCAL=/dev/shm check "a failing program" eval \
    '! run -N2 --ntasks-per-node=1 "$jobs/copy-and-run.sbatch" "$work/data" false'
check "its copies are gone as well" all_clean

# /tmp is shared here, unlike on a cluster: the line is told of a folder of the node's own.
sed 's,/tmp/,/dev/shm/,g' "$jobs/one-line.sbatch" >one-line.sbatch
DATA=$work/data PROGRAM=$work/program check "one-line" run -N4 --ntasks-per-node=2 one-line.sbatch
check "all 8 ranks read the copy" test "$(digests)" = 8
DATA=$work/none PROGRAM=$work/program check "without its data the job fails" eval \
    '! run -N2 --ntasks-per-node=1 one-line.sbatch'

check "bench" run -N4 "$jobs/bench.sbatch" -m 64K --rivals shipped -i 3
check "bench tells of splitcast" grep -q splitcast <(said "$job")

STAGE_TO_NODES="$work/data:/dev/shm/a $work/data:/dev/shm/b" check "prolog" run -N4 --ntasks-per-node=2 <<TEXT
#!/bin/bash
srun --prolog=$jobs/prolog.sh $work/program /dev/shm/a && srun --prolog=$jobs/prolog.sh $work/program /dev/shm/b
TEXT
check "both steps of 8 ranks read the copies" test "$(digests)" = 16
printf '#!/bin/bash\nsrun --prolog=%s true\n' "$jobs/prolog.sh" >failing
STAGE_TO_NODES="$work/none:/dev/shm/c" run -N2 failing || true
check "srun tells of a prolog that failed" grep -q 'srun prolog failed rc = 3' <(said "$job")
check "prolog without anything to do" run -N2 <<TEXT
#!/bin/bash
srun --prolog=$jobs/prolog.sh true
TEXT
verdict
