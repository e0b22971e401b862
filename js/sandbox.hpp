#pragma once
#include <cstdint>
#include <string>

/// What a worker takes from itself before it runs the first foreign line. js/README.md says what
/// each measure stops. V8-free, so that tests try it in a child of their own.
///
/// **Thread**: the main thread; `close_sandbox` binds all threads of the process.
/// **Errors**: nothing, or what could not be done: the process should end then.
namespace treadmill::js {

struct sandbox_options {
  uint64_t address_space_bytes = 0; ///< 0: no limit
  bool executable_memory = true;    ///< a JIT compiler needs it
};

/// To be called first: the process dies with the thread that started it, cannot be traced by others
/// of its user, and leaves no core file.
[[nodiscard]] std::string tie_to_parent();
/// False: the parent was gone before it was tied to it.
bool parent_is(uint32_t process);
/// Before V8 reserves what it needs: it is to fail now, not in the middle of a document.
[[nodiscard]] std::string limit_address_space(const sandbox_options& options);
/// The other rlimits, once no more files, threads or processes are needed.
[[nodiscard]] std::string lower_limits();
/// no_new_privs and the allow-list of system calls; any other ends the process by SIGSYS. Writing
/// and reading are for descriptor::socket alone.
[[nodiscard]] std::string close_sandbox(const sandbox_options& options);

} // namespace treadmill::js
