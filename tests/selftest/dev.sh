#!/usr/bin/env bash
# Checks how ./dev answers: usage, exit statuses, what goes to which stream. Builds and installs nothing.
set -uo pipefail

dev=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../../dev")
checkout=$(dirname "$dev")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

call() {
    "$dev" "$@" >"$work/out" 2>"$work/err" </dev/null
    status=$?
}

expect() {
    local what=$1
    shift
    "$@" && return
    printf 'not so: %s (exit status %s)\n' "$what" "$status"
    sed 's/^/  | /' "$work/out" "$work/err"
    failures=$((failures + 1))
}

call --help
expect "--help succeeds" [ "$status" -eq 0 ]
for command in demo test bench shell format tidy clean help; do
    expect "--help tells of $command" grep -q "^  $command " "$work/out"
done

for wrong in tset --demo ''; do
    call "$wrong"
    expect "'$wrong' is a wrong call" [ "$status" -eq 2 ]
    expect "'$wrong' shows the usage on stderr" grep -q '^usage:' "$work/err"
    expect "'$wrong' writes nothing to stdout" [ ! -s "$work/out" ]
done
call clean --everything
expect "clean refuses what it does not know" [ "$status" -eq 2 ]

call shell -c pwd
if [[ $status -eq 3 ]]; then
    echo "skipped: no environment can be had here"
    exit 77
fi
expect "a command runs in the checkout" [ "$(cat "$work/out")" = "$checkout" ]
expect "a command's stderr is its own" [ ! -s "$work/err" ]
call shell -c 'exit 42'
expect "a command's exit status is passed on" [ "$status" -eq 42 ]
# shellcheck disable=SC2016 # for the inner shell
call shell -c 'printf %s "$1"' name 'two words'
expect "arguments arrive as they are" [ "$(cat "$work/out")" = "two words" ]
call shell -x
expect "shell refuses what it does not know" [ "$status" -eq 2 ]
call format --chekc
expect "format refuses what it does not know" [ "$status" -eq 2 ]

exit $((failures > 0))
