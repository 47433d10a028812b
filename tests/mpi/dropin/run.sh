#!/usr/bin/env bash
# Runs a program as it is and with the drop-in, and compares:
#
#   run.sh both|preloaded LIBRARY MPIRUN [FLAG...] -- PROGRAM [ARGUMENT...]
#
# Both runs must succeed. The drop-in's own line at the end proves that it was there; if the program
# says which calls it ought to have taken ("expected: BCAST IBCAST STARTS ..."), they must be those.
set -euo pipefail

which=$1 library=$2
shift 2
launcher=()
while [[ $1 != -- ]]; do
    launcher+=("$1")
    shift
done
shift

if [[ $which == both ]]; then
    echo "== as it is"
    "${launcher[@]}" "$@"
fi

echo "== with the drop-in"
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status=0
"${launcher[@]}" -x LD_PRELOAD="$library" -x SPLITCAST_REPORT=1 "$@" >"$output" 2>&1 || status=$?
grep -av '; took ' "$output" || true # a line per broadcast
reports=$(grep -ac '; took ' "$output" || true)
((status == 0)) || exit "$status"

line=$(grep -a 'splitcast: drop-in: rank 0 made' "$output") || {
    echo "run.sh: the drop-in was not there" >&2
    exit 1
}
read -r bcast ibcast starts < <(
    sed -E 's/.*made ([0-9]+) .*Bcast, ([0-9]+) .*Ibcast and ([0-9]+) .*/\1 \2 \3/' <<<"$line"
)
echo "== $bcast + $ibcast + $starts calls of rank 0 through splitcast, $reports broadcasts reported"
if expected=$(grep -a '^expected: ' "$output"); then
    read -r _ want_bcast want_ibcast want_starts _ <<<"$expected"
    [[ "$bcast $ibcast $starts" == "$want_bcast $want_ibcast $want_starts" ]] || {
        echo "run.sh: expected were $want_bcast + $want_ibcast + $want_starts" >&2
        exit 1
    }
fi
((bcast + ibcast + starts > 0 && reports > 0)) || {
    echo "run.sh: nothing went through splitcast" >&2
    exit 1
}
