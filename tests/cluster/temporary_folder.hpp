#pragma once
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace treadmill::cluster {

/// A folder that is gone, with all that is in it, at the end of its test.
class temporary_folder {
public:
  temporary_folder() {
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary folder");
  }
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
  std::string path_ =
      (std::filesystem::temp_directory_path() / "treadmill-cluster-XXXXXX").string();
};

} // namespace treadmill::cluster
