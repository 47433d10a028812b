#!/usr/bin/env bash
# What `cluster` can do to its nodes: cut them off, crash them, bring them back.
#
# usage: cluster run --conf SlurmdTimeout=20 -- nodes.sh

. "$(dirname "$0")/harness.sh"

sleepers() { "$cluster" ranks "$1" sleep; }
sleeps() { [[ -n $(sleepers "$1") ]]; }
down() { [[ $(sinfo --noheader --nodes="$1" --format=%T) == down* ]]; }
# To h1's slurmd, since that listens.
reaches() { "$cluster" at "$1" timeout 2 bash -c '</dev/tcp/h1/6818' 2>/dev/null; }

check "nodes have names of their own" test "$(srun -N4 hostname | sort | tr '\n' ' ')" = "h1 h2 h3 h4 "
check "a job learns its node's switches" test "$(srun -N1 -w h3 printenv SLURM_TOPOLOGY_ADDR)" = top.s2.h3
srun -N1 -w h2 touch /dev/shm/here
check "a node's /dev/shm is its own" test "$("$cluster" at h2 ls /dev/shm) $("$cluster" at h3 ls /dev/shm)" = "here "

# A job that asked to go on without lost nodes; another node's process does not notice.
job=$(submit -N3 -w 'h[1-3]' --ntasks-per-node=1 --no-kill <<<'srun --no-kill --kill-on-bad-exit=0 sleep 600')
check "a step runs on h2" until_true 30 sleeps h2
check "a step runs on h3" until_true 30 sleeps h3
"$cluster" crash h3
check "nothing runs on the crashed node" test -z "$(sleepers h3)"
check "the others' ranks go on" sleeps h2
check "Slurm takes the node for down" until_true 120 down h3
check "the job goes on" test "$(job_state "$job")" = RUNNING
scancel "$job"
check "the job can be cancelled" test "$(state_at_end "$job")" = CANCELLED

"$cluster" restart h3
check "the node comes back and runs steps" test "$(srun -N1 -w h3 hostname)" = h3

"$cluster" cut h4
check "a node that is cut off reaches nobody" eval '! reaches h4'
check "the node next to it does" reaches h3
"$cluster" mend h4
check "the mended one does" until_true 20 reaches h4

# As when Slurm is updated: steps stay.
job=$(submit -N1 -w h2 <<<'srun sleep 600')
check "a step runs on h2" until_true 30 sleeps h2
before=$(sleepers h2)
"$cluster" restart h2
check "a step outlives its slurmd's restart" test "$(sleepers h2)" = "$before"
scancel "$job"
state_at_end "$job" >/dev/null
verdict
