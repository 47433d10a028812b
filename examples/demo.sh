#!/usr/bin/env bash
# Makes a real HDF5 file, copies it to a file for each rank, and lets other people's tools compare them.
# `./dev demo` builds splitcast and calls this.

set -euo pipefail

usage() {
    cat <<'END'
usage: demo.sh BUILD_FOLDER [--size MEBIBYTES] [--ranks N] [--keep]

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
rate() { awk -v bytes="$1" -v s="$2" 'BEGIN { printf "%.0f MiB/s", bytes / 1048576 / (s > 0 ? s : 1e-9) }'; }

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
echo "2. copying it to $ranks ranks, a file for each"
echo "   mpirun -n $ranks splitcast copy $source $work/out/%r/data.h5 --parents"
timeout -k 10 600 mpirun -n "$ranks" "${flags[@]}" \
    "$splitcast" copy "$source" "$work/out/%r/data.h5" --parents --json >"$work/report.json" ||
    fail "splitcast ended with exit status $?"
seconds=$(sed -nE 's/^  "seconds": ([0-9.e+-]+),?$/\1/p' "$work/report.json")
digest=$(sed -nE 's/^ +"value": "([0-9a-f]+)"$/\1/p' "$work/report.json")
[[ -n $seconds && -n $digest ]] || fail "the report of splitcast has no time or no digest"

# ---- other people's tools ----------------------------------------------------------------------------

echo "3. comparing the copies with the file: byte by byte (cmp), by digest (sha256sum), as HDF5 (h5diff)"
expected=$(sha256sum "$source")
expected=${expected%% *}
for ((rank = 0; rank < ranks; rank++)); do
    copy=$work/out/$rank/data.h5
    [[ -f $copy ]] || fail "rank $rank has no copy"
    cmp "$source" "$copy" || fail "the copy of rank $rank differs"
    found=$(sha256sum "$copy")
    [[ ${found%% *} == "$expected" ]] || fail "the copy of rank $rank has another digest"
    h5diff "$source" "$copy" || fail "h5diff finds the copy of rank $rank different"
done
extra=$(find "$work/out" -type f | wc -l)
((extra == ranks)) || fail "there are $extra files instead of $ranks"
echo "   all $ranks are equal; sha256 $expected"
if command -v xxhsum >/dev/null; then
    found=$(xxhsum -H2 "$source")
    [[ ${found%% *} == "$digest" ]] || fail "xxhsum has another digest than splitcast"
fi

# ---- the medium --------------------------------------------------------------------------------------

# What it costs to write the same bytes as often, one after the other and with nothing on the way.
rm -rf "$work/out"
plain() {
    local rank
    for ((rank = 0; rank < ranks; rank++)); do
        cp --reflink=never "$source" "$work/plain.$rank"
    done
}
began=$(now)
plain
plain_seconds=$(since "$began")

echo
echo "splitcast: $ranks copies in $(printf %.3f "$seconds") s, $(rate $((bytes * ranks)) "$seconds") in all"
echo "plain cp:  $ranks copies in $plain_seconds s, $(rate $((bytes * ranks)) "$plain_seconds") in all, on the same medium"
echo "demo: passed"
