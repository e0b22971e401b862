#pragma once
#include <cstdint>
#include <string>

/// The rights that a worker gives up before it runs a user's function. js/README.md says what each
/// measure prevents. V8-free, so that tests can run it in a child process.
///
/// **Thread**: the main thread; `close_sandbox` applies to all threads of the process.
/// **Errors**: each function answers an empty text, or the step that failed: then the process
/// should end.
namespace treadmill::js {

struct sandbox_options {
  uint64_t address_space_bytes = 0; ///< 0: no limit
  bool executable_memory = true;    ///< a JIT compiler needs it
};

/// Call first. After it, the process dies with the thread that started it, other processes of its
/// user cannot trace it, and it leaves no core file.
[[nodiscard]] std::string tie_to_parent();
/// False: the parent died before `tie_to_parent` took effect.
bool parent_is(uint32_t process);
/// Call before V8 reserves memory, so that V8 fails at its start and not during a document.
[[nodiscard]] std::string limit_address_space(const sandbox_options& options);
/// The other rlimits. Call when no more files, threads or processes are needed.
[[nodiscard]] std::string lower_limits();
/// Sets no_new_privs and the allow-list of system calls; any other call ends the process by SIGSYS.
/// Reading and writing are allowed only on descriptor::socket.
[[nodiscard]] std::string close_sandbox(const sandbox_options& options);

} // namespace treadmill::js
