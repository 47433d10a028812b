# `cmake --install`: besides the targets, what lets others find them.
include(CMakePackageConfigHelpers)

install(EXPORT splitcast NAMESPACE splitcast:: FILE splitcastTargets.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/splitcast)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/splitcastConfig.cmake.in
  ${PROJECT_BINARY_DIR}/splitcastConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/splitcast)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/splitcastConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/splitcastConfig.cmake ${PROJECT_BINARY_DIR}/splitcastConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/splitcast)

file(RELATIVE_PATH SPLITCAST_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" SPLITCAST_PC_TO_PREFIX "${SPLITCAST_PC_TO_PREFIX}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/splitcast.pc.in ${PROJECT_BINARY_DIR}/splitcast.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/splitcast.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(SPLITCAST_HDF5_FOUND)
  # Where HDF5 is a pkg-config module, under whatever name, that says how it is used; else the paths do.
  set(SPLITCAST_H5_REQUIRES splitcast)
  set(SPLITCAST_H5_CFLAGS)
  set(SPLITCAST_H5_LIBS)
  pkg_search_module(hdf5_module QUIET hdf5-serial hdf5)
  if(hdf5_module_FOUND AND hdf5_module_VERSION VERSION_EQUAL HDF5_VERSION)
    string(APPEND SPLITCAST_H5_REQUIRES ", ${hdf5_module_MODULE_NAME}")
  else()
    list(TRANSFORM HDF5_C_INCLUDE_DIRS PREPEND "-I" OUTPUT_VARIABLE SPLITCAST_H5_CFLAGS)
    set(SPLITCAST_H5_LIBS ${HDF5_C_LIBRARIES})
    list(JOIN SPLITCAST_H5_CFLAGS " " SPLITCAST_H5_CFLAGS)
    list(JOIN SPLITCAST_H5_LIBS " " SPLITCAST_H5_LIBS)
  endif()
  configure_file(${CMAKE_CURRENT_LIST_DIR}/splitcast_h5.pc.in ${PROJECT_BINARY_DIR}/splitcast_h5.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/splitcast_h5.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()

# Jobs for Slurm, and a modulefile with this installation's folders, which are known when it is installed.
install(CODE "
  set(PROJECT_VERSION ${PROJECT_VERSION})
  set(CMAKE_INSTALL_BINDIR ${CMAKE_INSTALL_BINDIR})
  set(CMAKE_INSTALL_LIBDIR ${CMAKE_INSTALL_LIBDIR})
  set(CMAKE_INSTALL_MANDIR ${CMAKE_INSTALL_MANDIR})
  configure_file(${PROJECT_SOURCE_DIR}/slurm/modulefile.in
    \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/splitcast/slurm/modulefile @ONLY)")
install(FILES ${PROJECT_SOURCE_DIR}/slurm/bench.sbatch ${PROJECT_SOURCE_DIR}/slurm/check.sbatch
              ${PROJECT_SOURCE_DIR}/slurm/copy-and-run.sbatch ${PROJECT_SOURCE_DIR}/slurm/one-line.sbatch
              ${PROJECT_SOURCE_DIR}/slurm/reframe_splitcast.py
        DESTINATION ${CMAKE_INSTALL_DATADIR}/splitcast/slurm)
install(PROGRAMS ${PROJECT_SOURCE_DIR}/slurm/prolog.sh DESTINATION ${CMAKE_INSTALL_DATADIR}/splitcast/slurm)
