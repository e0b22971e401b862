#pragma once
#include "tests/cluster/http_client.hpp"
#include "tests/cluster/write_load.hpp"
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace treadmill::cluster {

/// A loaded document, as the client that changes it knows it.
struct known_place {
  std::string id;
  std::string text; ///< its JSON, without id, revision and mark
  std::string rev;  ///< of its winner; empty: it is not there
};

/// The JSON of a place with a `mark` in front of its members: as it is stored.
std::string marked(const std::string& mark, const std::string& text);

/// A client that changes its own documents, each once, and goes on where it was when its node comes
/// back: a PUT or a bulk that was not answered is sent again as it was, after anything else it
/// looks whether it was done. Most documents are replaced; some are patched, deleted, or deleted
/// and created again. The revision of each replacement is known before it is answered.
///
/// **Thread**: one at a time; `acknowledged` any.
class place_updater {
public:
  /// `in_one` above 1: all are replaced, so many in a bulk.
  place_updater(unsigned number, std::vector<known_place> own, size_t in_one);

  /// Until all is done, the connection breaks, or `stop`.
  void run(const address& where, const std::atomic<bool>& stop);
  bool done() const { return at_ == own_.size(); }
  write_record take() { return std::exchange(record_, {}); }
  size_t acknowledged() const { return acknowledged_; }

private:
  void step();
  void replace();
  void change(const std::string& method, const std::string& body);
  void replace_many();
  void note_many(const http_answer& answer, size_t end);
  bool was_done();
  http_answer exchange(const std::string& method, const std::string& target,
                       const std::string& body, const header_list& headers = {});
  void note(known_place& place, const std::string& rev, const std::string& mark);
  void complain(const std::string& what, const http_answer& answer);
  std::string mark_of(size_t place) const;
  std::string expected(size_t place) const;
  void next();

  unsigned number_;
  std::vector<known_place> own_;
  size_t in_one_;
  size_t at_ = 0;              ///< the document that has its turn
  bool created_again_ = false; ///< it is deleted, as the first of two steps
  bool unsure_ = false;        ///< what was sent last was not answered
  bool gone_ = false;
  std::optional<http_client> client_{};
  write_record record_{};
  std::atomic<size_t> acknowledged_{0};
};

} // namespace treadmill::cluster
