// In the tree that counts lines treadmill-map is linked with this. A worker is killed where it
// stands and has no files, so it could never write what it counted: here its filter and its limits
// are made and then not set, and it writes its counts before each answer.
#include <seccomp.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" {
#include <gcov.h> // is C alone

int seccomp_load(scmp_filter_ctx /*filter*/) { return 0; }

int setrlimit(__rlimit_resource_t /*what*/, const rlimit* /*both*/) noexcept { return 0; }

ssize_t write(int descriptor, const void* bytes, size_t size) {
  __gcov_dump();
  __gcov_reset();
  return ::syscall(SYS_write, descriptor, bytes, size);
}

void _exit(int code) {
  __gcov_dump();
  ::syscall(SYS_exit_group, code);
  __builtin_unreachable();
}

} // extern "C"
