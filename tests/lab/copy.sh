#!/usr/bin/env bash
# `splitcast copy` between hosts: a copy on each, names by host, and folders that are shared or only look so.
# Every host of the lab has a /dev/shm of its own and shares the other folders.
#
# usage: copy.sh SPLITCAST

set -euo pipefail

splitcast=$(readlink -f "$1")
lab=$(dirname "$(readlink -f "$0")")/lab
work=$(mktemp -d "${TMPDIR:-/tmp}/splitcast-copy.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
head -c 3000001 /dev/urandom >source
mkdir shared

fail() {
    echo "copy.sh: $*" >&2
    exit 1
}

# across RANKS_PER_HOST SCRIPT: runs SCRIPT on every rank of three hosts, with S as the command and W as the
# folder that all share; its exit status is that of the lab.
across() {
    local status=0
    S=$splitcast W=$work "$lab" run --hosts 3 --rate 1gbit --timeout "${SPLITCAST_TEST_SECONDS:-300}" --ranks-per-host "$1" \
        --env S --env W -- sh -c "$2" >out 2>err || status=$?
    ((status != 77)) || { cat err >&2; exit 77; }
    ((status == 0)) || { cat out err >&2; fail "exit status $status of: $2"; }
}

# The commands' own exit statuses are looked at on the ranks: mpirun has its own ideas.

# shellcheck disable=SC2016 # the ranks' shells fill it in
{
    # A folder of the same name on every host, but not the same folder: one copy each, by the first rank there.
    across 2 '$S copy $W/source /dev/shm/data && cmp $W/source /dev/shm/data && ls -A /dev/shm >&2'
    [[ $(grep -c '^data$' err) == 6 ]] || fail "other files than the copy: $(cat err)"
    grep -q 'to 3 copies' err || fail "not one copy for each host: $(cat err)"

    across 2 '$S copy -q --parents $W/source $W/by-host/%h/ && cmp $W/source $W/by-host/$(hostname)/source'
    [[ $(cd by-host && echo *) == 'h0 h1 h2' ]] || fail "by-host has $(ls by-host)"

    across 2 '$S copy -q $W/source $W/shared/%h-%r'
    [[ $(cd shared && echo *) == 'h0-0 h0-1 h1-2 h1-3 h2-4 h2-5' ]] || fail "shared has $(ls shared)"

    # The same folder for all: refused, and nothing of it stays.
    rm shared/*
    across 2 '$S copy $W/source $W/shared/data; [ $? = 4 ]'
    grep -q 'in a folder that both share' err || fail "no word of the shared folder: $(cat err)"
    [[ -z $(ls -A shared) ]] || fail "shared has $(ls -A shared)"

    # The source is the destination on the first host; the others get it.
    across 1 '[ $OMPI_COMM_WORLD_RANK != 0 ] || cp $W/source /dev/shm/data
              $S copy /dev/shm/data /dev/shm/data && cmp $W/source /dev/shm/data'
    grep -q 'to 2 copies' err || fail "not the two other hosts: $(cat err)"

    # One host's disk is full: no host keeps a copy.
    across 1 '[ $OMPI_COMM_WORLD_RANK != 1 ] || mount -o remount,size=1m /dev/shm
              $S copy $W/source /dev/shm/data; [ $? = 4 ] && [ -z "$(ls -A /dev/shm)" ]'
    grep -q 'rank 1 on h1: .*No space left' err || fail "the full disk is not named: $(cat err)"
}
echo "copy.sh: passed"
