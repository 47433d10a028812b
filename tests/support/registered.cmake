# Fails when some *_test.cpp below FOLDER is not named in the file REGISTERED (absolute paths, one a line).
file(GLOB_RECURSE present ${FOLDER}/*_test.cpp)
file(STRINGS ${REGISTERED} registered)
set(forgotten ${present})
list(REMOVE_ITEM forgotten ${registered})
if(forgotten)
  list(JOIN forgotten "\n  " lines)
  message(FATAL_ERROR "tests that no CMakeLists.txt registers:\n  ${lines}")
endif()
