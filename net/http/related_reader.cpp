#include "net/http/related_reader.hpp"
#include "net/http/header_parameters.hpp"
#include "storage/base/free_text.hpp"
#include <algorithm>

namespace treadmill::http {

namespace {

tl::unexpected<error> bad(const char* reason) { return fail(ec::bad_request, reason); }

bool is_json(const part_head& head) {
  const auto type = read_header_value(head.content_type);
  return type && type->word == "application/json";
}

} // namespace

/// Gives the parts to the reader, with the receiver of the current call.
class related_reader::parts final : public part_receiver {
public:
  parts(related_reader& reader, related_receiver& to) : reader_(reader), to_(to) {}
  result<void> begin_part(const part_head& head) override { return reader_.begin_part(head, to_); }
  result<void> part_data(std::string_view bytes) override { return reader_.part_data(bytes, to_); }
  result<void> end_part() override { return reader_.end_part(to_); }

private:
  related_reader& reader_;
  related_receiver& to_;
};

result<related_reader> related_reader::open(std::string_view content_type, size_t document_bytes,
                                            multipart_limits limits) {
  limits.nested = false;
  auto reader = multipart_reader::open(content_type, "multipart/related", limits);
  if (!reader) return tl::unexpected(reader.error());
  return related_reader(std::move(*reader), document_bytes);
}

result<void> related_reader::take(std::string_view bytes, related_receiver& to) {
  parts receiver(*this, to);
  return reader_.take(bytes, receiver);
}

result<void> related_reader::end() const {
  if (auto complete = reader_.end(); !complete) return complete;
  if (reader_.parts() <= announced_.size())
    return bad("a content that the document announces is missing");
  return {};
}

result<void> related_reader::begin_part(const part_head& head, related_receiver& to) {
  part_ = reader_.parts() - 1;
  received_ = 0;
  if (part_ == 0) {
    if (!is_json(head) || !head.encoding.empty())
      return bad("the first part is the document, as application/json");
    return {};
  }
  if (part_ > announced_.size()) return bad("a part that the document does not announce");
  const announced_part& expected = announced_[part_ - 1];
  // A name that belongs to no content was written in another way than this node reads it.
  const auto named = std::find_if(announced_.begin(), announced_.end(),
                                  [&](const auto& one) { return one.name == head.file_name; });
  if (named != announced_.end() && named->name != expected.name)
    return bad("the parts are not in the order of the document's attachments");
  if (head.length && expected.length && *head.length != *expected.length)
    return bad("a part has another length than the document says");
  return to.begin_content(part_ - 1, head);
}

result<void> related_reader::part_data(std::string_view bytes, related_receiver& to) {
  received_ += bytes.size();
  if (part_ == 0) {
    if (received_ > document_bytes_)
      return fail(ec::too_large, "the document is larger than the limit");
    document_ += bytes;
    return {};
  }
  const auto& expected = announced_[part_ - 1].length;
  if (expected && received_ > *expected) return bad("a part is longer than the document says");
  return to.content_data(bytes);
}

result<void> related_reader::end_part(related_receiver& to) {
  if (part_ == 0) {
    auto announced = to.document(document_);
    free_text(document_);
    if (!announced) return tl::unexpected(announced.error());
    announced_ = std::move(*announced);
    return {};
  }
  const auto& expected = announced_[part_ - 1].length;
  if (expected && received_ != *expected) return bad("a part is shorter than the document says");
  return to.end_content(part_ - 1);
}

} // namespace treadmill::http
