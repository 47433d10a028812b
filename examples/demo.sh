#!/usr/bin/env bash
# Makes a real HDF5 file, copies it to a file for each rank, one of which is killed half-way, and lets other people's
# tools compare those of the others.
# `./dev demo` builds splitcast and calls this.

set -euo pipefail

usage() {
    cat <<'END'
usage: demo.sh BUILD_FOLDER [--size MEBIBYTES] [--ranks N] [--keep]

One rank, the sixth or the last, is killed half-way.

  --size MEBIBYTES  size of the file (256)
  --ranks N         ranks, and copies (8)
  --keep            leave the files where they are

The files go to /dev/shm if there is room, else to TMPDIR, and are removed at the end.
END
}

fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

build='' size=256 ranks=8 keep=''
while (($#)); do
    case $1 in
    --size | --ranks)
        [[ ${2:-} =~ ^[1-9][0-9]{0,5}$ ]] || { usage >&2; exit 2; }
        declare "${1#--}=$2"
        shift
        ;;
    --keep) keep=yes ;;
    -h | --help) usage && exit ;;
    *)
        [[ -z $build && $1 != -* ]] || { usage >&2; exit 2; }
        build=$1
        ;;
    esac
    shift
done
[[ -n $build ]] || { usage >&2; exit 2; }

find_program() {
    local found
    for found in "$build/$1" "$build/src/cli/$1" "$build/examples/$1"; do
        [[ ! -f $found || ! -x $found ]] || { readlink -f "$found"; return; }
    done
    fail "there is no $1 in $build; was it built?"
}
splitcast=$(find_program splitcast)
make_dataset=$(find_program make_dataset)
for tool in mpirun h5diff cmp; do
    command -v "$tool" >/dev/null || fail "$tool is not here"
done

# ---- a folder with room for the file, its copies, and one more copy for comparison -------------------

needed=$(((size + 1) * (ranks + 2)))
has_room() { [[ -d $1 && -w $1 ]] && (($(df --output=avail -BM "$1" | tail -n 1 | tr -dc 0-9) > needed + 64)); }
place=''
for candidate in /dev/shm "${TMPDIR:-/tmp}"; do
    if has_room "$candidate"; then
        place=$candidate
        break
    fi
done
[[ -n $place ]] || fail "neither /dev/shm nor ${TMPDIR:-/tmp} has $needed MiB of room; try --size or --ranks"
work=$(mktemp -d "$place/splitcast-demo.XXXXXX")
clean_up() {
    if [[ -n $keep ]]; then
        echo "demo: the files are in $work" >&2
    else
        rm -rf --one-file-system "$work"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.3f", b - a }'; }

# ---- the file ----------------------------------------------------------------------------------------

source=$work/data.h5
echo "1. making an HDF5 file of about $size MiB: tables, records, strings, chunked and compressed datasets"
began=$(now)
"$make_dataset" "$source" "$size"
bytes=$(stat -c %s "$source")
echo "   $source, $bytes bytes, in $(since "$began") s"

# ---- the copies --------------------------------------------------------------------------------------

# Ranks of this one machine. More of them than cores is the usual case here: then idle ones have to give way.
flags=(--bind-to none --oversubscribe --mca btl self,sm)
export OMPI_MCA_mpi_yield_when_idle=${OMPI_MCA_mpi_yield_when_idle:-1}
if [[ $EUID -eq 0 ]]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# A rank that gets bytes from others only, and relays them: no rank but the first may be missing.
((ranks > 1)) || fail "there must be 2 ranks or more: one of them is killed"
victim=$((ranks > 6 ? 5 : ranks - 1))
survivors=$((ranks - 1))
point=$((ranks > 3 ? 1 : 0))
fault="kill:rank=$victim,at=$( ((point)) && echo relay || echo receive):50%"
echo "2. copying it to $ranks ranks, a file for each; rank $victim is killed when it has half of it"
echo "   SPLITCAST_FAULT=$fault \\"
echo "   mpirun --with-ft ulfm -n $ranks splitcast copy $source $work/out/%r/data.h5 --parents"
# What mpirun ends with, and says about the killed rank, is its own affair: each rank's exit status is written down.
mkdir "$work/status"
SPLITCAST_FAULT=$fault timeout -k 10 600 mpirun --with-ft ulfm -n "$ranks" "${flags[@]}" \
    sh -c '"$@"; echo $? >'"$work"'/status/$OMPI_COMM_WORLD_RANK' sh \
    "$splitcast" copy "$source" "$work/out/%r/data.h5" --parents --json >"$work/report.json" 2>"$work/said" || true
for ((rank = 0; rank < ranks; rank++)); do
    expected=$((rank == victim ? 137 : 7))
    found=$(cat "$work/status/$rank" 2>/dev/null || echo none)
    [[ $found == "$expected" ]] || fail "rank $rank ended with $found instead of $expected: $(cat "$work/said")"
done
digest=$(sed -nE 's/^ +"value": "([0-9a-f]+)"$/\1/p' "$work/report.json")
[[ -n $digest ]] || fail "the report of splitcast has no digest"

# ---- other people's tools ----------------------------------------------------------------------------

echo "3. comparing the copies with the file: byte by byte (cmp), by digest (sha256sum), as HDF5 (h5diff)"
expected=$(sha256sum "$source")
expected=${expected%% *}
for ((rank = 0; rank < ranks; rank++)); do
    ((rank != victim)) || continue
    copy=$work/out/$rank/data.h5
    [[ -f $copy ]] || fail "rank $rank has no copy"
    cmp "$source" "$copy" || fail "the copy of rank $rank differs"
    found=$(sha256sum "$copy")
    [[ ${found%% *} == "$expected" ]] || fail "the copy of rank $rank has another digest"
    h5diff "$source" "$copy" || fail "h5diff finds the copy of rank $rank different"
done
extra=$(find "$work/out" -type f | wc -l)
((extra == survivors)) || fail "there are $extra files instead of $survivors"
echo "   all $survivors are equal; sha256 $expected"
if command -v xxhsum >/dev/null; then
    found=$(xxhsum -H2 "$source")
    [[ ${found%% *} == "$digest" ]] || fail "xxhsum has another digest than splitcast"
fi

# ---- what was said ----------------------------------------------------------------------------------

echo
grep '^splitcast: ' "$work/said"
echo "splitcast: $survivors whole copies, rank $victim was killed half-way and has none"
echo "demo: passed"
