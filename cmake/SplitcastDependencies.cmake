# Everything that is taken from elsewhere, in one place.

find_package(MPI REQUIRED COMPONENTS C CXX)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(hwloc REQUIRED IMPORTED_TARGET hwloc)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(lz4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
if(SPLITCAST_TESTS)
  find_package(Catch2 3 REQUIRED)
endif()

# HDF5 is for those who have it: SPLITCAST_HDF5 is AUTO, ON (its absence is an error) or OFF.
set(SPLITCAST_HDF5_FOUND FALSE)
if(NOT SPLITCAST_HDF5 STREQUAL "OFF")
  find_package(HDF5 QUIET COMPONENTS C)
  # 1.14.1 is the first whose H5Dchunk_iter tells offsets in elements.
  if(HDF5_FOUND AND HDF5_VERSION VERSION_GREATER_EQUAL 1.14.1)
    set(SPLITCAST_HDF5_FOUND TRUE)
  elseif(SPLITCAST_HDF5 STREQUAL "ON")
    message(FATAL_ERROR "HDF5 >= 1.14.1 was not found, and SPLITCAST_HDF5 is ON")
  else()
    message(STATUS "HDF5 >= 1.14.1 was not found: libsplitcast_h5 and the command's h5 are left out")
  endif()
endif()
