# Everything comes from Debian's packages, as SYSTEM includes.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(RapidJSON REQUIRED)
if(NOT TARGET rapidjson)
  # Debian's config sets variables only.
  add_library(rapidjson INTERFACE)
  target_include_directories(rapidjson SYSTEM INTERFACE ${RapidJSON_INCLUDE_DIR} ${RAPIDJSON_INCLUDE_DIRS})
endif()
find_package(doctest REQUIRED)
find_package(tl-expected REQUIRED)
find_package(ZLIB REQUIRED)
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

pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-i18n icu-uc)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)

pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq)
find_path(CPPZMQ_INCLUDE zmq.hpp REQUIRED)
add_library(treadmill_zmq INTERFACE)
target_include_directories(treadmill_zmq SYSTEM INTERFACE ${CPPZMQ_INCLUDE})
target_link_libraries(treadmill_zmq INTERFACE PkgConfig::ZMQ)

pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
add_library(treadmill_seccomp INTERFACE)
target_link_libraries(treadmill_seccomp INTERFACE PkgConfig::SECCOMP)

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

# V8, from libnode-dev: the package, or where deploy/install-deps.sh unpacked it because another nodejs is installed. Headers and library
# must come from the same place: other nodejs packages bring headers of another V8 into /usr/include/node.
set(V8_ROOT "")
if(EXISTS ${CMAKE_SOURCE_DIR}/.deps/libnode/usr/include/node/v8.h)
  set(V8_ROOT ${CMAKE_SOURCE_DIR}/.deps/libnode)
endif()
find_library(V8_LIBRARY node PATHS ${V8_ROOT}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE} NO_DEFAULT_PATH)
find_path(V8_INCLUDE v8.h PATHS ${V8_ROOT}/usr/include/node NO_DEFAULT_PATH)
mark_as_advanced(V8_LIBRARY V8_INCLUDE)
if(V8_LIBRARY AND V8_INCLUDE)
  add_library(treadmill_v8 SHARED IMPORTED)
  set_target_properties(treadmill_v8 PROPERTIES IMPORTED_LOCATION ${V8_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${V8_INCLUDE})
else()
  # One without the other is of another package; what deploy/install-deps.sh brings later is to be found then.
  unset(V8_LIBRARY CACHE)
  unset(V8_INCLUDE CACHE)
endif()
