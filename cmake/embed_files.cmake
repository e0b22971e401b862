# Makes a C++ source of files, for the build of net/:   cmake -DFILES=<file|file…> -DOUTPUT=<source> -P embed_files.cmake
string(REPLACE "|" ";" files "${FILES}")
set(arrays "")
set(rows "")
set(number 0)
foreach(file ${files})
  get_filename_component(name ${file} NAME)
  file(SHA256 ${file} hash)
  string(SUBSTRING ${hash} 0 32 hash)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
  string(APPEND arrays "constexpr char file_${number}[] = {${bytes}};\n")
  string(APPEND rows "    {\"${name}\", \"${hash}\", {file_${number}, sizeof(file_${number})}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUTPUT} "#include \"net/rest/console_files.hpp\"

namespace treadmill::rest {

namespace {

${arrays}
constexpr console_file files[] = {
${rows}};

} // namespace

std::span<const console_file> console_files() { return files; }

} // namespace treadmill::rest
")
