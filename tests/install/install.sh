#!/usr/bin/env bash
# install.sh BUILD SOURCE SCRATCH GENERATOR MPIRUN [FLAGS...]: installs, then builds and runs the smallest examples against
# what was installed, once through CMake's package and once through pkg-config.
set -euo pipefail
build=$1 source=$2 scratch=$3 generator=$4
shift 4
run=("$@")

rm -rf "$scratch"
mkdir -p "$scratch/program"
cmake --install "$build" --prefix "$scratch/prefix" >"$scratch/install.log"
cp "$source/examples/hello.c" "$source/examples/hello.cpp" "$scratch/program"
cat >"$scratch/program/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.20)
project(program C CXX)
find_package(splitcast 0.1 REQUIRED)
add_executable(hello_c hello.c)
target_link_libraries(hello_c splitcast::splitcast)
add_executable(hello_cpp hello.cpp)
target_link_libraries(hello_cpp splitcast::splitcast)
CMAKE
cmake -G "$generator" -S "$scratch/program" -B "$scratch/program/build" -DCMAKE_PREFIX_PATH="$scratch/prefix" >"$scratch/configure.log"
cmake --build "$scratch/program/build" >"$scratch/build.log"

library=$(dirname "$(find "$scratch/prefix" -name 'libsplitcast.so')")
export PKG_CONFIG_PATH=$library/pkgconfig LD_LIBRARY_PATH=$library${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# shellcheck disable=SC2046 # flags are words
mpicc "$scratch/program/hello.c" -o "$scratch/hello_pkg" $(pkg-config --cflags --libs splitcast)

for program in "$scratch/program/build/hello_c" "$scratch/program/build/hello_cpp" "$scratch/hello_pkg"; do
    timeout -k 5 60 "${run[@]}" -n 3 "$program"
done
timeout -k 5 60 "$scratch/prefix/bin/splitcast" --version

# The HDF5 component, where it was built.
[[ -e $library/libsplitcast_h5.so ]] || exit 0
cp "$source/examples/h5_shared.c" "$source/examples/h5_to_memory.cpp" "$scratch/program"
cat >"$scratch/program/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.20)
project(program CXX)
find_package(splitcast 0.1 REQUIRED COMPONENTS h5)
add_executable(h5_to_memory h5_to_memory.cpp)
target_link_libraries(h5_to_memory splitcast::h5)
CMAKE
cmake -G "$generator" -S "$scratch/program" -B "$scratch/program/h5" -DCMAKE_PREFIX_PATH="$scratch/prefix" >"$scratch/configure.log"
cmake --build "$scratch/program/h5" >"$scratch/build.log"
# shellcheck disable=SC2046 # flags are words
mpicc "$scratch/program/h5_shared.c" -o "$scratch/h5_pkg" $(pkg-config --cflags --libs splitcast_h5)
"$build/examples/make_dataset" "$scratch/data.h5" 2
timeout -k 5 60 "${run[@]}" -n 3 "$scratch/program/h5/h5_to_memory" "$scratch/data.h5" /state/temperature
timeout -k 5 60 "${run[@]}" -n 3 "$scratch/h5_pkg" "$scratch/data.h5" /state/temperature
