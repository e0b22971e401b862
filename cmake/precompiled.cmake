# Headers that nearly every file of a kind includes, compiled once for each kind: the standard library for rooms, CAF and
# the messages for actors, doctest for tests. A file still includes what it uses: the build works without them.
# Only trees with sanitizers have them: g++ 12 warns of the standard library's own code once it comes out of a precompiled
# header, so those trees do without four warnings, and the others have all.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND TREADMILL_SANITIZE)
  # The first is for ccache.
  target_compile_options(treadmill_language INTERFACE -fpch-preprocess
    -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
endif()

set(treadmill_standard_headers <algorithm> <array> <atomic> <chrono> <cstddef> <cstdint> <functional> <map> <memory> <mutex>
  <optional> <set> <span> <string> <string_view> <utility> <variant> <vector> <tl/expected.hpp>)

# treadmill_precompiled(<name> HEADERS <headers> [LIBRARIES <targets>] [OPTIONS <flags>]): a target of nothing but headers,
# for targets with the same flags.
function(treadmill_precompiled name)
  cmake_parse_arguments(arg "" "" "HEADERS;LIBRARIES;OPTIONS" ${ARGN})
  if(TREADMILL_SANITIZE)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled/${name}.cpp CONTENT "")
    add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/precompiled/${name}.cpp)
    target_link_libraries(${name} PRIVATE treadmill_options tl::expected ${arg_LIBRARIES})
    target_compile_options(${name} PRIVATE ${arg_OPTIONS})
    target_precompile_headers(${name} PRIVATE ${treadmill_standard_headers} ${arg_HEADERS})
  endif()
endfunction()

# treadmill_uses_precompiled(<target> <name>): the flags of the target are those of <name>.
function(treadmill_uses_precompiled target name)
  if(TREADMILL_SANITIZE)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()

treadmill_precompiled(treadmill_standard)
