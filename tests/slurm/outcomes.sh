#!/usr/bin/env bash
# What becomes of `splitcast copy` in a job when something is lost in the middle of it: for each way to start it and each
# kind of loss the launcher's exit status, what the command itself said, which nodes have the file, and how long it took.
# Prints a line for each run and checks what docs/slurm.md promises; --table also writes that page's table, from runs of
# every way and loss.
#
# usage: cluster run --rate 100mbit --conf SlurmdTimeout=5 -- outcomes.sh SPLITCAST [--table PAGE] [REPEAT [WAY:LOSS...]]
#
# WAY is srun, srun_off (without survival, as other programs) or mpirun. The columns printed: way, loss, the launcher's
# status, the status in the command's JSON, the nodes that it says are lost, the nodes that have the file, seconds.

splitcast=$(readlink -f "$1")
shift
page=
if [[ ${1:-} == --table ]]; then
    page=$(realpath "$2")
    shift 2
fi
repeat=${1:-1}
cases=("${@:2}")
. "$(dirname "$0")/harness.sh"

readonly LIMIT=40 # seconds for a copy to end by itself, if it is not a long one
readonly LOSSES=(nothing kill kill2 reader stop crash cut slurmd crash_long)
readonly SRUN="srun --mpi=pmix --no-kill --kill-on-bad-exit=0 --wait"
declare -A told=([nothing]="nothing" [kill]="a rank dies (SIGKILL)" [kill2]="two ranks die"
    [reader]="the reading rank dies" [stop]="a rank stands still (SIGSTOP)"
    [crash]="a node crashes" [cut]="a node's link is cut" [slurmd]="a slurmd is restarted"
    [crash_long]="a node crashes early in a copy of 34 s")
declare -A commands=([srun]="$SRUN=10" [srun_off]="$SRUN=10" [mpirun]="mpirun --with-ft ulfm --map-by ppr:1:node")
# What makes ranks fail from inside. Rank i is on node h(i+1); h1 also runs the batch script, and mpirun.
declare -A faults=([kill]='kill:rank=3,at=receive:30%' [kill2]='kill:rank=2+3,at=receive:30%'
    [reader]='kill:rank=0,at=send:100' [stop]='stop:rank=3,at=receive:30%')
# Which nodes are to have the file.
declare -A complete=([nothing]="h1 h2 h3 h4" [kill]="h1 h2 h3" [kill2]="h1 h2" [reader]="-" [stop]="h1 h2 h3"
    [crash]="h1 h2 h3" [cut]="h1 h2 h3" [slurmd]="h1 h2 h3 h4" [crash_long]="h1 h2 h3")

from_outside() { # LOSS
    case $1 in
        crash*) "$cluster" crash h4 ;;
        cut) "$cluster" cut h4 ;;
        slurmd) "$cluster" restart h4 ;;
    esac
}

# Ends what a launcher left, and makes the nodes as they were.
tidy() { # LOSS
    local node pids
    case $1 in
        crash*) "$cluster" restart h4 ;;
        cut) "$cluster" mend h4 ;;
    esac
    scancel --quiet "$job" 2>/dev/null || true
    for node in $(nodes); do
        mapfile -t pids < <("$cluster" ranks "$node" splitcast && "$cluster" ranks "$node" splitcast-guard)
        ((${#pids[@]} == 0)) || kill -KILL "${pids[@]}" 2>/dev/null || true
        "$cluster" at "$node" find /dev/shm -mindepth 1 -delete
    done
    until_true 60 job_over "$job" || true
    until_true 60 all_usable || true
}

all_usable() { [[ $(sinfo --noheader --Node --format=%t | sort -u) == idle ]]; }

# From the command's JSON, which has a line for each value.
said_status() { sed -n 's/.*"exit_code": \([0-9]*\).*/\1/p' "$1"; }
said_lost() { sed -n '/"lost": \[$/,/\]/s/.*"host": "\(.*\)".*/\1/p' "$1" | paste -sd ' '; }

# Runs it as a job; leaves the row in $row, and what the command said in $last/err.
one_run() { # WAY LOSS
    local way=$1 loss=$2 before out off='' have=() node lost said status seconds limit=$LIMIT file=source
    out=$(mktemp -d "$work/run.XXXXXX")
    last=$out
    [[ $way != srun_off ]] || off='SPLITCAST_SURVIVE=off'
    before=$(received h4)
    [[ $loss != *_long ]] || { limit=80 file=long; }
    job=$(submit -N4 --ntasks-per-node=1 --no-kill <<TEXT
export $off ${faults[$loss]:+SPLITCAST_FAULT='${faults[$loss]}'}
begin=\$EPOCHREALTIME
timeout -k 5 $limit ${commands[$way]} $splitcast copy --json $work/$file /dev/shm/data >$out/json 2>$out/err
echo "\$? \$(awk "BEGIN {print \$EPOCHREALTIME - \$begin}")" >$out/end.new
mv $out/end.new $out/end
TEXT
)
    if [[ $loss =~ crash|cut|slurmd ]] && until_moving h4 "$before"; then
        from_outside "$loss"
    fi
    until_true $((limit + 30)) test -e "$out/end" || echo "- $limit" >"$out/end"
    read -r status seconds <"$out/end"
    for node in $(nodes); do
        if timeout 20 "$cluster" at "$node" cmp -s "$file" /dev/shm/data; then have+=("$node"); fi
    done
    lost=$(said_lost "$out/json")
    said=$(said_status "$out/json")
    printf -v row '%s\t%s\t%s\t%s\t%s\t%s\t%.1f' "$way" "$loss" "$status" "${said:--}" "${lost:--}" "${have[*]:--}" "$seconds"
    echo "$row"
    [[ ${have[*]:--} == "${complete[$loss]}" ]]
}

# Of a case's runs, how they ended and the median of the seconds; how often where they ended differently.
in_table() { # ROWS
    sort -t$'\t' -k7n "$1" | awk -F'\t' '
        { seen[$6 FS $4 FS $3]++; seconds[NR] = $7 }
        END {
            several = length(seen) > 1
            for (s in seen) {
                split(s, said, FS)
                often = several ? sprintf(" (%d of %d)", seen[s], NR) : ""
                files = files sep (said[1] == "-" ? "none" : said[1]) often
                json = json sep (said[2] == "-" ? "nothing" : said[2]) often
                status = status sep (said[3] == 124 ? "did not end" : said[3]) often
                sep = "; "
            }
            printf "%s | %s | %s | %s", files, json, status, seconds[int((NR + 1) / 2)]
        }'
}

# Puts the table between the page's two marks.
write_table() { # TABLE
    awk -v table="$1" '
        /<!-- outcomes: end -->/ { inside = 0 }
        !inside { print }
        /<!-- outcomes -->/ { inside = 1; print ""; while ((getline line < table) > 0) print line; print "" }
    ' "$page" >"$work/page" && cat "$work/page" >"$page"
}

make_file source $((32 << 20)) # 2.8 s at 100 Mbit/s
[[ -z $page && ! "${cases[*]:-}" =~ long ]] || make_file long $((400 << 20))
if [[ -n $page ]]; then
    cases=()
    for loss in "${LOSSES[@]}"; do cases+=("srun:$loss" "mpirun:$loss" "srun_off:$loss"); done
fi
((${#cases[@]})) || cases=(srun:{nothing,kill,kill2,reader,stop,crash,cut,slurmd} mpirun:{nothing,kill})

table=$work/table
printf '| lost | started by | nodes with the file | status in the JSON | exit status of the launcher | seconds |\n' >"$table"
printf '|---|---|---|---|---|---|\n' >>"$table"
for case in "${cases[@]}"; do
    way=${case%%:*}
    loss=${case#*:}
    good=0
    : >"$work/rows"
    for ((i = 0; i < repeat; i++)); do
        if one_run "$way" "$loss"; then
            good=$((good + 1))
        elif [[ -z $page ]]; then
            tail -n 12 "$last/err" >&2
        fi
        echo "$row" >>"$work/rows"
        tidy "$loss"
    done
    unset job
    echo "| ${told[$loss]} | ${way/srun_off/srun, \`survive=off\`} | $(in_table "$work/rows") |" >>"$table"
    # What others than srun do about a loss is told in the table, and not promised.
    [[ -n $page ]] || check "$way, $loss: $good of $repeat" test "$good" = "$repeat"
done
[[ -z $page ]] || write_table "$table"
verdict
