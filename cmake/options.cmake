# Two INTERFACE targets: treadmill_language carries the language standard and warnings, treadmill_options the
# sanitizers too. All of our code has the second, but for the process that runs V8.
option(TREADMILL_WITH_CAF "Build the actors, the treadmill executable and what tests them" ON)
option(TREADMILL_TESTS "Build the tests" ON)
set(treadmill_werror OFF)
if(DEFINED ENV{TREADMILL_WERROR})
  set(treadmill_werror $ENV{TREADMILL_WERROR})
endif()
option(TREADMILL_WERROR "Treat warnings as errors (the default is that of the environment)" ${treadmill_werror})
option(TREADMILL_FUZZERS "Build the libFuzzer targets (clang only)" OFF)
set(TREADMILL_SANITIZE "" CACHE STRING "Comma-separated sanitizers, for example address,undefined")

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # The last two are what ccache has to be told of precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

add_library(treadmill_language INTERFACE)
target_compile_features(treadmill_language INTERFACE cxx_std_20)
target_compile_options(treadmill_language INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
# An index out of range ends the process in every build: better than to read what is there.
target_compile_definitions(treadmill_language INTERFACE _GLIBCXX_ASSERTIONS)
if(TREADMILL_WERROR)
  target_compile_options(treadmill_language INTERFACE -Werror)
endif()
add_library(treadmill_options INTERFACE)
target_link_libraries(treadmill_options INTERFACE treadmill_language)
if(TREADMILL_SANITIZE)
  # CAF's own headers bind null references (init_fun_factory.hpp): the null check would only report those.
  target_compile_options(treadmill_options INTERFACE -fsanitize=${TREADMILL_SANITIZE} -fno-omit-frame-pointer)
  if(TREADMILL_SANITIZE MATCHES "undefined")
    target_compile_options(treadmill_options INTERFACE -fno-sanitize=null -fno-sanitize-recover=undefined)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Between the sanitizers' checks g++ 12 loses track of what is set, and finds faults in std::optional.
    target_compile_options(treadmill_options INTERFACE -Wno-maybe-uninitialized)
  endif()
  target_link_options(treadmill_options INTERFACE -fsanitize=${TREADMILL_SANITIZE})
endif()
if(TREADMILL_FUZZERS)
  target_compile_options(treadmill_options INTERFACE -fsanitize=fuzzer-no-link)
  # The lock rules of storage/base/lock_rules.hpp: only clang checks them.
  target_compile_options(treadmill_options INTERFACE -Wthread-safety -Werror=thread-safety)
endif()
