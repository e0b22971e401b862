#pragma once
#include "tests/cluster/temporary_folder.hpp"
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace treadmill::cluster {

/// A disk of some MiB in memory, mounted for the time of a test.
class small_disk {
public:
  explicit small_disk(unsigned mebibytes) {
    const std::string options = "mode=700,size=" + std::to_string(mebibytes) + "m";
    if (::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, options.c_str()) != 0)
      problem_ = std::strerror(errno);
  }
  ~small_disk() {
    if (problem_.empty()) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  /// Why there is none; empty: there is.
  const std::string& problem() const { return problem_; }
  std::string operator/(const std::string& name) const { return folder_ / name; }
  uint64_t free_bytes() const {
    struct statvfs facts {};
    ::statvfs(folder_.path().c_str(), &facts);
    return facts.f_bavail * facts.f_bsize;
  }

  /// What is on it, for a test that fails.
  std::string files() const {
    std::string text = std::to_string(free_bytes()) + " bytes are free";
    std::error_code gone;
    for (const auto& one : std::filesystem::recursive_directory_iterator(folder_.path(), gone))
      if (one.is_regular_file(gone))
        text += "\n" + one.path().filename().string() + " " + std::to_string(one.file_size(gone));
    return text;
  }

  /// Fills the disk but for about `left` bytes. LevelDB may be writing meanwhile, so it may take
  /// more than one attempt.
  void place_ballast(uint64_t left) const {
    const int file = ::open((*this / "ballast").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    int problem = ENOSPC;
    for (int attempt = 0; attempt < 1000 && problem == ENOSPC; ++attempt) {
      const uint64_t free = free_bytes();
      problem = free > left ? ::posix_fallocate(file, 0, static_cast<off_t>(free - left)) : 0;
    }
    ::close(file);
    REQUIRE(problem == 0);
  }
  void remove_ballast() const { ::unlink((*this / "ballast").c_str()); }

private:
  temporary_folder folder_{};
  std::string problem_{};
};

} // namespace treadmill::cluster
