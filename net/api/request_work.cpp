#include "net/api/request_work.hpp"
#include "net/http/gzip_body.hpp"
#include "net/http/url.hpp"
#include "storage/base/defaults.hpp"
#include <algorithm>
#include <string>

namespace treadmill::api {

namespace {

/// Copies of a body: its stored form, and the parts that are taken out of that.
constexpr size_t copies = 2;
/// For each member's name, including the growth of their list to twice its size.
constexpr size_t member_bytes = 24;
/// For each member, array or object of a patch: its begin and end, once in order and once sorted.
constexpr size_t patched_bytes = 96;
/// For each document of a bulk: the parsed document, its write, the outcome, the result in the
/// answer.
constexpr size_t item_bytes = 768;

/// For each revision that a replica names: a node of its tree.
constexpr size_t revision_bytes = 192;

/// Bytes of the shortest members and of the shortest documents of a bulk, of JSON that is not
/// inflated yet, so that nothing in it can be counted.
constexpr size_t least_member = 6;
constexpr size_t least_item = 3;

/// Like std::count, but in blocks of one length with a counter of one byte, which the compiler can
/// vectorize. Every body is counted, and byte by byte that takes 2 % of the time of a bulk.
size_t count(std::string_view body, char what) {
  constexpr size_t block = 128;
  size_t found = 0;
  for (; body.size() >= block; body.remove_prefix(block)) {
    const char* const bytes = body.data();
    unsigned char in_block = 0;
    for (size_t i = 0; i < block; ++i)
      in_block = static_cast<unsigned char>(in_block + (bytes[i] == what ? 1 : 0));
    found += in_block;
  }
  return found + static_cast<size_t>(std::count(body.begin(), body.end(), what));
}

/// The last piece of a raw path, decoded as the router decodes it; empty if its encoding is
/// invalid.
std::string last_piece(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  const std::string_view raw = path.substr(path.rfind('/') + 1);
  return http::percent_decode(raw, false).value_or(std::string());
}

/// The bound for a body that its handler inflates.
size_t inflated_work(const http::request& request, bool of_items, bool of_replicas) {
  const size_t bytes = http::promised_bytes(request.body);
  size_t work = (copies + 1) * bytes + member_bytes * (bytes / least_member);
  if (of_items) work += item_bytes * std::min(bytes / least_item, defaults::list_items);
  if (of_replicas) work += revision_bytes * std::min(bytes / least_item, bulk_revisions);
  return work;
}

} // namespace

size_t work_bytes(const http::request& request) {
  const std::string_view body = request.body;
  if (body.empty()) return 0;
  const std::string piece = last_piece(request.path);
  const bool lines = piece == "_import";
  const bool of_replicas = piece == "_bulk_docs";
  const bool of_items = lines || piece == "_bulk" || of_replicas;
  if (http::is_encoded(request)) return inflated_work(request, of_items, of_replicas);
  const size_t members = count(body, ',') + 1;
  size_t bytes = copies * body.size() + member_bytes * members;
  if (request.method == "PATCH")
    bytes += patched_bytes * (members + count(body, '[') + count(body, '{'));
  if (of_items) {
    const size_t items = std::max(lines ? 0 : members, count(body, '\n') + 1);
    bytes += item_bytes * std::min(items, defaults::list_items);
  }
  if (of_replicas) bytes += revision_bytes * std::min(members, bulk_revisions);
  return bytes;
}

size_t lines_work_bytes(std::string_view lines) {
  return copies * lines.size() + member_bytes * (count(lines, ',') + 1) +
         item_bytes * (count(lines, '\n') + 1);
}

} // namespace treadmill::api
