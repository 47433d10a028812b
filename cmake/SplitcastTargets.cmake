# How a folder becomes a target.
#
# Every folder of the source tree is one static library. Its headers are included as "<folder>/<name>.hpp"
# and are visible only to targets that link it: each folder gets an include root of its own that holds nothing
# but a link to the folder. A wrong include therefore does not compile.

add_library(splitcast_options INTERFACE)
target_compile_features(splitcast_options INTERFACE cxx_std_20)
target_compile_options(splitcast_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual>
  $<$<BOOL:${SPLITCAST_WERROR}>:-Werror>)
if(SPLITCAST_SANITIZE)
  string(REPLACE ";" "," _sanitizers "${SPLITCAST_SANITIZE}")
  target_compile_options(splitcast_options INTERFACE -fsanitize=${_sanitizers} -fno-omit-frame-pointer -g)
  target_link_options(splitcast_options INTERFACE -fsanitize=${_sanitizers})
endif()

# splitcast_folder(<name> SOURCES <files...> [LINK <targets...>])
function(splitcast_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  set(root ${PROJECT_BINARY_DIR}/include-roots/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${name} SYMBOLIC)
  add_library(splitcast_${name} STATIC ${ARG_SOURCES})
  set_target_properties(splitcast_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(splitcast_${name} PUBLIC ${root})
  target_link_libraries(splitcast_${name} PUBLIC ${ARG_LINK} PRIVATE splitcast_options)
endfunction()
