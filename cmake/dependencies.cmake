# Everything comes from Debian's packages, as SYSTEM includes.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(RapidJSON REQUIRED)
find_package(doctest REQUIRED)
find_package(tl-expected REQUIRED)
find_package(PkgConfig REQUIRED)

# LevelDB's own CMake target pulls a snappy target in; the plain library needs neither.
find_path(LEVELDB_INCLUDE leveldb/db.h REQUIRED)
find_library(LEVELDB_LIBRARY leveldb REQUIRED)
add_library(treadmill_leveldb INTERFACE)
target_include_directories(treadmill_leveldb SYSTEM INTERFACE ${LEVELDB_INCLUDE})
target_link_libraries(treadmill_leveldb INTERFACE ${LEVELDB_LIBRARY})

find_library(MEMENV_LIBRARY memenv REQUIRED)
add_library(treadmill_memenv INTERFACE)
target_link_libraries(treadmill_memenv INTERFACE ${MEMENV_LIBRARY} treadmill_leveldb)

# cpp-httplib must be compiled with the -D flags of its package: they change the layout of its classes.
pkg_check_modules(HTTPLIB REQUIRED cpp-httplib)
add_library(treadmill_httplib INTERFACE)
target_compile_options(treadmill_httplib INTERFACE ${HTTPLIB_CFLAGS} ${HTTPLIB_CFLAGS_OTHER})
target_link_libraries(treadmill_httplib INTERFACE ${HTTPLIB_LINK_LIBRARIES} OpenSSL::SSL OpenSSL::Crypto)

if(TREADMILL_WITH_CAF)
  # Debian's CAF ships neither a CMake config nor a .pc file.
  find_path(CAF_INCLUDE caf/all.hpp REQUIRED)
  find_library(CAF_CORE_LIBRARY caf_core REQUIRED)
  add_library(treadmill_caf INTERFACE)
  target_include_directories(treadmill_caf SYSTEM INTERFACE ${CAF_INCLUDE})
  target_compile_definitions(treadmill_caf INTERFACE CAF_ENABLE_TYPE_ID_CHECKS)
  target_link_libraries(treadmill_caf INTERFACE ${CAF_CORE_LIBRARY} Threads::Threads)
  find_package(CLI11 REQUIRED)
  find_package(spdlog REQUIRED)
endif()
