#!/usr/bin/env bash
# The acceptance job in slurm/, as an administrator would submit it.
#
# usage: cluster run --rate 200mbit -- check.sh SPLITCAST     (wants 4 nodes)

splitcast=$(readlink -f "$1")
. "$(dirname "$0")/harness.sh"
job_file=$here/../../slurm/check.sbatch
PATH=$(dirname "$splitcast"):$PATH

submitted() { # OPTION... : the job's number in `job`, its state at the end in `state`
    job=$(sbatch --parsable --output="$work/%j_.out" --nodes=4 "$job_file" --quick "$@") && state=$(state_at_end "$job")
}
exit_code() { scontrol show job "$job" | grep -o 'ExitCode=[0-9:]*' | cut -d= -f2; }

JUNIT=$work/report.xml JSON=$work/report.json submitted
check "a healthy cluster: the job is complete" test "$state" = COMPLETED
check "and says so" grep -q '^healthy: nothing found in 4 nodes' <(said "$job")
check "with all nodes" grep -q '^ *3 h4 ' <(said "$job")
check "a report for machines" grep -q '"success": true' report.json
check "and for test benches" grep -q '<testcase classname="splitcast.check.receive" name="node h4"/>' report.xml

SPLITCAST_FAULT=corrupt:rank=2,at=send:2,to=1 submitted
check "a link that spoils: the job fails" test "$state" = FAILED
check "with the status for that" test "$(exit_code)" = 11:0
check "and names the link" grep -q '^BAD: what node h3 sent to node h2 arrived with wrong bytes' <(said "$job")
verdict
