#include "net/replication/replication_defaults.hpp"
#include "net/replication/replication_link.hpp"
#include "storage/base/coding.hpp"
#include "tests/fuzz/require.hpp"
#include <algorithm>
#include <map>
#include <string>

namespace replication = treadmill::replication;

namespace {

constexpr size_t most = 4096;
constexpr uint64_t peer_session = 99;

/// Reads what is read, writes it, reads it again: the same.
void check_codec(std::string_view bytes) {
  const auto read = replication::decode_frame(bytes, most);
  if (!read) return;
  const std::string written = replication::encode_frame(*read, false);
  const auto again = replication::decode_frame(written, most + 64);
  REQUIRE_THAT(again && replication::encode_frame(*again, false) == written);
  const std::string packed = replication::encode_frame(*read, true);
  const auto unpacked = replication::decode_frame(packed, most + 64);
  REQUIRE_THAT(unpacked && replication::encode_frame(*unpacked, false) == written);
}

/// A node with one bucket that has no rows.
class empty_rows : public replication::local_rows {
  class no_rows : public replication::row_view {
  public:
    treadmill::result<std::optional<std::string>> read(std::string_view) const override {
      return std::optional<std::string>();
    }
    treadmill::result<void>
    scan(std::string_view, std::string_view,
         const std::function<bool(std::string_view, std::string_view)>&) const override {
      return {};
    }
  };

public:
  std::vector<treadmill::bucket_info> buckets() const override { return {{"b", 1, {}}}; }
  std::optional<treadmill::bucket_info> find_bucket(std::string_view name) const override {
    if (name != "b") return std::nullopt;
    return treadmill::bucket_info{"b", 1, {}};
  }
  bool left(std::string_view) const override { return false; }
  std::unique_ptr<replication::row_view> synced() const override {
    return std::make_unique<no_rows>();
  }
  std::unique_ptr<replication::row_view> latest() const override {
    return std::make_unique<no_rows>();
  }
};

/// A peer that says whatever the input is, on a link that is made: nothing that it wants done may
/// be against the rules.
void check_link(std::string_view input) {
  const empty_rows rows;
  uint64_t next = 1;
  replication::link_options options;
  options.node_id = "me";
  options.name = "me";
  options.random = [&next] { return next++; };
  replication::link link(options, rows);
  replication::hello greeting;
  greeting.session = peer_session;
  greeting.node_id = greeting.name = "peer";
  link.received(replication::encode_frame({1, greeting}, false), treadmill::ticks(0));
  treadmill::ticks now{0};
  while (!input.empty()) {
    // Pieces of the input, each with its length before it, become frames of this session.
    const size_t size = std::min<size_t>(input.size() - 1, static_cast<uint8_t>(input.front()));
    std::string frame("\xd7\x00\x00", 3);
    treadmill::put_fixed64_be(frame, 1);
    if (size > 0) frame[1] = static_cast<char>(1 + static_cast<uint8_t>(input[1]) % 12);
    treadmill::put_fixed32_be(frame, 0);
    if (size > 1) frame += input.substr(2, size - 1);
    replication::seal_frame(frame);
    input.remove_prefix(1 + size);
    link.received(frame, now);
    now += treadmill::ticks(50);
    link.tick(now);
    for (const replication::apply_batch& batch : link.take().batches) {
      for (const auto& document : batch.documents)
        REQUIRE_THAT(treadmill::check_replicated(document, {}));
      link.applied(batch.bucket, batch.ticket, treadmill::ec::none, now);
    }
    static_cast<void>(link.status(now));
    static_cast<void>(link.due());
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = as_text(data, size);
  check_codec(input);
  std::string enveloped("\xd7\x01\x00", 3);
  treadmill::put_fixed64_be(enveloped, 1);
  treadmill::put_fixed32_be(enveloped, 0);
  if (!input.empty()) enveloped[1] = static_cast<char>(1 + static_cast<uint8_t>(input[0]) % 10);
  if (size > 1) enveloped += input.substr(1);
  replication::seal_frame(enveloped);
  check_codec(enveloped);
  check_link(input);
  return 0;
}
