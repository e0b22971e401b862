#include "tests/cluster/node_process.hpp"
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace treadmill::cluster {

namespace {

/// What the child does between fork and exec. Other threads may have held locks at the fork, so
/// nothing here allocates.
[[noreturn]] void become(char* const* arguments, int output, uint64_t open_files, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126); // the parent went before the line above
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  if (open_files > 0) {
    const rlimit limit{open_files, open_files};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

process_end end_of(int status) {
  process_end end;
  if (WIFEXITED(status)) end.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  return end;
}

} // namespace

child_process::child_process(process_options options) {
  std::vector<char*> arguments{options.executable.data()};
  for (std::string& one : options.arguments) arguments.push_back(one.data());
  arguments.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("no process");
  if (pid_ == 0) become(arguments.data(), ends[1], options.open_files, parent);
  ::close(ends[1]);
  pipe_ = ends[0];
  // Not pidfd_open(): its header in Debian 12 cannot be linked from C++.
  process_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  collector_ = std::thread([this] { collect(); });
}

child_process::~child_process() {
  kill();
  collector_.join();
  ::close(pipe_);
  ::close(process_);
}

void child_process::collect() {
  std::array<char, 4096> bytes{};
  while (true) {
    const ssize_t size = ::read(pipe_, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    const std::lock_guard lock(mutex_);
    if (size > 0) output_.append(bytes.data(), static_cast<size_t>(size));
    closed_ = size <= 0;
    news_.notify_all();
    if (closed_) return;
  }
}

void child_process::signal(int number) const {
  if (!end_) ::kill(pid_, number);
}

std::optional<process_end> child_process::wait(milliseconds limit) {
  if (end_) return end_;
  pollfd one{process_, POLLIN, 0};
  if (::poll(&one, 1, static_cast<int>(limit.count())) <= 0) return std::nullopt;
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) return std::nullopt;
  end_ = end_of(status);
  std::unique_lock lock(mutex_);
  news_.wait_for(lock, std::chrono::seconds(5), [this] { return closed_; });
  return end_;
}

void child_process::kill() {
  signal(SIGKILL);
  wait(std::chrono::seconds(60));
}

std::string child_process::output() const {
  const std::lock_guard lock(mutex_);
  return output_;
}

std::string child_process::wait_for_line(std::string_view text, milliseconds limit) {
  std::unique_lock lock(mutex_);
  std::string line;
  news_.wait_for(lock, limit, [&] {
    const size_t at = output_.find(text);
    const size_t end = at == std::string::npos ? at : output_.find('\n', at);
    if (end == std::string::npos) return closed_;
    const size_t before = output_.rfind('\n', at);
    const size_t begin = before == std::string::npos ? 0 : before + 1;
    line = output_.substr(begin, end - begin);
    return true;
  });
  return line;
}

child_process::milliseconds child_process::cpu_time() const {
  std::ifstream in("/proc/" + std::to_string(pid_) + "/stat");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  // The name, in brackets, may hold anything; 11 fields lie between it and the two times.
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  int64_t user = 0;
  int64_t system = 0;
  fields >> user >> system;
  return milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
}

uint64_t child_process::memory_kib(std::string_view name) const {
  std::ifstream in("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(std::string(name) + ":")) continue;
    return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10);
  }
  return 0;
}

namespace {

process_options of_node(const node_options& options) {
  process_options made{options.executable, {}, options.open_files};
  made.arguments = {"serve",      "--name", options.name, "--data",       options.data, "--http",
                    options.http, "--zmq",  options.zmq,  "--log-format", "json"};
  made.arguments.insert(made.arguments.end(), options.arguments.begin(), options.arguments.end());
  return made;
}

} // namespace

node_process::node_process(const node_options& options) : child_process(of_node(options)) {}

bool node_process::wait_ready(milliseconds limit) {
  const std::string line = wait_for_line(R"("message":"ready")", limit);
  constexpr std::string_view before = R"("http":")";
  const size_t begin = line.find(before);
  if (begin == std::string::npos) return false;
  const size_t from = begin + before.size();
  const std::string at = line.substr(from, line.find('"', from) - from);
  const size_t colon = at.rfind(':');
  where_.host = at.front() == '[' ? at.substr(1, colon - 2) : at.substr(0, colon);
  where_.port = static_cast<uint16_t>(std::strtoul(at.c_str() + colon + 1, nullptr, 10));
  return where_.port != 0;
}

} // namespace treadmill::cluster
