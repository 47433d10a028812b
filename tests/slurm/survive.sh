#!/usr/bin/env bash
# Steps of srun that lose ranks, and go on: see survivor.cpp and docs/slurm.md. With REPEAT it counts.
#
# usage: cluster run --conf SlurmdTimeout=5 -- survive.sh SURVIVOR [REPEAT [HOW...]]     (wants 4 nodes)

survivor=$(readlink -f "$1")
repeat=${2:-1}
hows=("${@:3}")
((${#hows[@]})) || hows=(kill kill2 exit stop stepd crash)
. "$(dirname "$0")/harness.sh"

export OMPI_MCA_mpi_ft_enable=1 OMPI_MCA_async_mpi_finalize=1 OMPI_MCA_mpi_ft_propagator_with_rbcast=1
export OMPI_MCA_coll=^han,adapt,hcoll,portals4 OMPI_MCA_mpi_add_procs_cutoff=100000

# What happens: how the program is told, and which ranks of 8 (two on each node) it happens to.
declare -A told=([kill]="kill" [kill2]="kill" [exit]="exit" [stop]="stop" [stepd]="wait" [crash]="vanish")
declare -A victims=([kill]="3" [kill2]="2 5" [exit]="3" [stop]="3" [stepd]="6 7" [crash]="6 7")

all_ready() { [[ -e $folder/0 && $(find "$folder" -name '[0-9]*' | wc -l) == 8 ]]; }

from_outside() { # HOW
    case $1 in
        stop) ;;
        stepd)
            local pids
            mapfile -t pids < <("$cluster" ranks h4 slurmstepd && "$cluster" ranks h4 survivor)
            kill -KILL "${pids[@]}" ;;
        crash) "$cluster" crash h4 ;;
        *) return 0 ;;
    esac
    sleep 0.5 # a stopped rank has stopped by then
    touch "$folder/go"
}

# Prints how many survived and srun's exit status.
step() { # HOW
    local status=0 running
    folder=$(mktemp -d "$work/step.XXXXXX")
    # shellcheck disable=SC2086 # the victims are words
    timeout -k 5 60 srun -N4 --ntasks-per-node=2 --no-kill --kill-on-bad-exit=0 --wait=3 \
        "$survivor" "${told[$1]}" "$folder" ${victims[$1]} >"$folder.out" 2>"$folder.err" &
    running=$!
    if until_true 30 all_ready; then from_outside "$1"; fi
    wait "$running" || status=$?
    [[ $1 != crash ]] || "$cluster" restart h4
    echo "$(grep -c 'survived$' "$folder.out" || true) $status"
}

for how in "${hows[@]}"; do
    want=$((8 - $(wc -w <<<"${victims[$how]}")))
    good=0
    seen=
    for ((i = 0; i < repeat; i++)); do
        read -r survived status <<<"$(step "$how")"
        seen+=" $survived/$status"
        if ((survived == want && status != 124)); then
            good=$((good + 1))
        else
            tail -n 20 "$(ls -td "$work"/step.*.err | head -1)" >&2
        fi
    done
    check "$how: $good of $repeat steps went on (survivors/srun's status:$seen)" test "$good" = "$repeat"
done
verdict
