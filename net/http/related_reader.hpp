#pragma once
#include "net/http/multipart_reader.hpp"
#include <string>
#include <string_view>
#include <vector>

namespace treadmill::http {

/// A content that a document announces, in the order of the parts after it.
struct announced_part {
  std::string name;
  std::optional<uint64_t> length{}; ///< nullopt: the document does not say
};

/// Receives a document and the contents that it announces. An error ends the reading.
class related_receiver {
public:
  virtual ~related_receiver() = default;
  /// The text of the document. The result says which parts have to follow it.
  virtual result<std::vector<announced_part>> document(std::string_view text) = 0;
  virtual result<void> begin_content(size_t index, const part_head& head) = 0;
  virtual result<void> content_data(std::string_view bytes) = 0; ///< never empty
  virtual result<void> end_content(size_t index) = 0;
};

/// Reads a body of type multipart/related while it arrives: first a document, then each content
/// that it announces, in its order, and nothing else.
///
/// **Errors**: those of multipart_reader; bad_request (the first part is not JSON, or has an
/// encoding; a part that the document does not announce; a missing part; a length other than the
/// announced one; a file name that belongs to another content); too_large (the document); and those
/// of the receiver. After an error the reader must not be used.
/// **Units and limits**: it holds the text of the document until all of it is there.
class related_reader {
public:
  static result<related_reader> open(std::string_view content_type, size_t document_bytes,
                                     multipart_limits limits = {});

  result<void> take(std::string_view bytes, related_receiver& to);
  result<void> end() const; ///< the body is complete
  size_t memory() const { return document_.capacity(); }

private:
  class parts;
  related_reader(multipart_reader reader, size_t document_bytes)
      : reader_(std::move(reader)), document_bytes_(document_bytes) {}

  result<void> begin_part(const part_head& head, related_receiver& to);
  result<void> part_data(std::string_view bytes, related_receiver& to);
  result<void> end_part(related_receiver& to);

  multipart_reader reader_;
  size_t document_bytes_;
  std::string document_{};
  std::vector<announced_part> announced_{};
  size_t part_ = 0; ///< number of the current part; 0: the document
  uint64_t received_ = 0;
};

} // namespace treadmill::http
