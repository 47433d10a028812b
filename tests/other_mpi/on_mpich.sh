#!/usr/bin/env bash
# on_mpich.sh SOURCE BUILD MPIEXEC: builds the library and its tests against MPICH in a build folder of its own (kept,
# so that only the first call takes long) and runs them.
set -euo pipefail
source=$1 build=$2 exec=$3

cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSPLITCAST_WERROR=ON -DSPLITCAST_EXAMPLES=OFF \
    -DMPI_C_COMPILER=mpicc.mpich -DMPI_CXX_COMPILER=mpicxx.mpich -DMPIEXEC_EXECUTABLE="$exec" >"$build.log"
tests=(mpi_contract mpi_nonblocking mpi_datatypes mpi_c_interface)
cmake --build "$build" --target "${tests[@]}" >>"$build.log" || {
    tail -n 40 "$build.log"
    exit 1
}
for test in "${tests[@]}"; do
    for ranks in 1 2 5; do
        [[ $test != mpi_c_interface || $ranks -eq 2 ]] || continue
        printf '%s, %s ranks: ' "$test" "$ranks"
        timeout -k 5 "${SPLITCAST_TEST_SECONDS:-600}" "$exec" -n "$ranks" "$build/tests/mpi/$test" >"$build/output" 2>&1 || {
            cat "$build/output"
            exit 1
        }
        tail -n 2 "$build/output" | head -n 1
    done
done
