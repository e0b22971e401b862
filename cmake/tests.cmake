# The tests of a build tree. ctest's entries are one a file of tests, named <tree>.<executable>.<file>, for example
# dev.unit_storage_json.json_patch. An entry that ends with 77 could not run on this machine: it is counted as skipped, and says why.
set(TREADMILL_TREE "" CACHE STRING "Name of this build tree: the first part of its tests' names")
set(TREADMILL_SUITE "" CACHE STRING "Labels of the tests that deploy/test.sh runs in this tree")
set(TREADMILL_PATIENCE 1 CACHE STRING "Multiplies the time limits of the tests, for long runs")
option(TREADMILL_NO_SKIP "A test that cannot run on this machine fails" OFF)

set(treadmill_prefix "")
if(TREADMILL_TREE)
  set(treadmill_prefix "${TREADMILL_TREE}.")
endif()

# What deploy/test.sh builds in this tree.
add_custom_target(suite)

# treadmill_entry(<name> LABEL <label> [TIMEOUT <seconds>] [PROCESSORS <n>] COMMAND <command>…): one entry of ctest.
# deploy/test.sh counts two processors a core. An entry takes two; one that mostly waits takes one.
function(treadmill_entry name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT;PROCESSORS" "COMMAND" ${ARGN})
  set(entry ${treadmill_prefix}${name})
  set(labels ${arg_LABEL})
  if(arg_LABEL IN_LIST TREADMILL_SUITE)
    list(APPEND labels suite)
  endif()
  math(EXPR timeout "${arg_TIMEOUT} * ${TREADMILL_PATIENCE}")
  add_test(NAME ${entry} COMMAND ${arg_COMMAND})
  set_tests_properties(${entry} PROPERTIES LABELS "${labels}" TIMEOUT ${timeout})
  if(NOT arg_PROCESSORS)
    set(arg_PROCESSORS 2)
  endif()
  set_tests_properties(${entry} PROPERTIES PROCESSORS ${arg_PROCESSORS})
  if(NOT TREADMILL_NO_SKIP)
    set_tests_properties(${entry} PROPERTIES SKIP_RETURN_CODE 77)
  endif()
endfunction()

# treadmill_begins_early(<seconds> <entries>…): about how long they take, so that ctest does not begin them last.
function(treadmill_begins_early seconds)
  foreach(name ${ARGN})
    if(TEST ${treadmill_prefix}${name})
      set_tests_properties(${treadmill_prefix}${name} PROPERTIES COST ${seconds})
    endif()
  endforeach()
endfunction()

# treadmill_test(<name> LABEL <label> SOURCES <files> [LIBRARIES <targets>] [TIMEOUT <seconds>] [UNSANITIZED]
# [PRECOMPILED <name>]): one doctest
# executable, and an entry for each of its files. Nothing where there is no file.
function(treadmill_test name)
  cmake_parse_arguments(arg "UNSANITIZED" "LABEL;TIMEOUT;PRECOMPILED" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT arg_SOURCES)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  set(main test_main)
  if(arg_UNSANITIZED)
    set(main test_main_unsanitized)
  endif()
  target_link_libraries(${name} PRIVATE ${main} ${arg_LIBRARIES})
  # The files of tests are compiled more often than they run, and what they test is optimised: without it they compile in
  # half of the time. In trees without sanitizers, what computes in its own files (properties, crashes, simulation) keeps it.
  if(NOT TREADMILL_SANITIZE AND arg_LABEL MATCHES "^(unit|actors|cluster)$")
    target_compile_options(${name} PRIVATE -O0 -g0 -U_FORTIFY_SOURCE)
  elseif(TREADMILL_SANITIZE AND NOT arg_UNSANITIZED)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  if(NOT arg_PRECOMPILED)
    set(arg_PRECOMPILED test_precompiled)
  endif()
  if(NOT arg_UNSANITIZED)
    treadmill_uses_precompiled(${name} ${arg_PRECOMPILED})
  endif()
  if(arg_LABEL IN_LIST TREADMILL_SUITE)
    add_dependencies(suite ${name})
  endif()
  foreach(source ${arg_SOURCES})
    get_filename_component(unit ${source} NAME)
    if(NOT unit MATCHES "\\.test\\.cpp$")
      continue()
    endif()
    string(REPLACE ".test.cpp" "" entry ${unit})
    treadmill_entry(${name}.${entry} LABEL ${arg_LABEL} TIMEOUT ${arg_TIMEOUT}
      COMMAND ${name} --source-file=*/${unit})
    # A filter that finds nothing is no success.
    set_tests_properties(${treadmill_prefix}${name}.${entry} PROPERTIES FAIL_REGULAR_EXPRESSION "test cases: +0 \\|")
  endforeach()
endfunction()
