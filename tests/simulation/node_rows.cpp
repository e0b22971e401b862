#include "storage/engine/keys.hpp"
#include "tests/simulation/node.hpp"
#include <utility>

/// What the links of a simulated node read of its disk.
namespace treadmill::simulation {

namespace {

/// Views are for the event in which they are made: a link that kept one would read old rows.
class disk_view final : public replication::row_view {
public:
  struct source {
    surroundings* around = nullptr;
    const disk* rows = nullptr;
    const uint64_t* event = nullptr;
    bool latest = false;
    bool readable = true;
    bool stale = false; ///< a fault: the last entry of each bucket does not show
  };
  explicit disk_view(source from) : from_(from), made_in_(*from.event) {}

  result<std::optional<std::string>> read(std::string_view key) const override {
    if (auto right = check(); !right) return tl::unexpected(right.error());
    const std::string* found =
        from_.latest ? from_.rows->read_latest(key) : from_.rows->read_synced(key);
    if (found == nullptr) return std::optional<std::string>();
    if (from_.stale && key.size() == 6 && key[5] == 0) return older_state(key, *found);
    return std::optional<std::string>(*found);
  }
  result<void> scan(
      std::string_view from, std::string_view to,
      const std::function<bool(std::string_view key, std::string_view value)>& row) const override {
    if (auto right = check(); !right) return right;
    if (from_.latest) {
      from_.rows->scan_latest(from, to, row);
    } else {
      from_.rows->scan_synced(from, to, row);
    }
    return {};
  }

private:
  result<void> check() const {
    if (made_in_ != *from_.event) from_.around->fail("a view is used after its event");
    if (!from_.readable) return fail(ec::overloaded, "the store is closed for a moment");
    if (from_.around->injects(fault::reads_fail)) return fail(ec::io_error, "a read failed");
    return {};
  }
  std::optional<std::string> older_state(std::string_view key, const std::string& bytes) const {
    auto state = bucket_state::decode(bytes);
    if (!state || state->sequence == 0) return bytes;
    if (!from_.around->injects(fault::synced_is_stale)) return bytes;
    --state->sequence;
    std::string entry_key(key);
    entry_key[5] = 4;
    for (int shift = 56; shift >= 0; shift -= 8)
      entry_key += static_cast<char>((state->sequence >> shift) & 0xff);
    const std::string* entry = from_.rows->read_synced(entry_key);
    state->chain = {};
    if (entry != nullptr) state->chain = activity_entry::decode(state->sequence, *entry)->chain;
    return state->encode();
  }

  source from_;
  uint64_t made_in_;
};

} // namespace

std::unique_ptr<replication::row_view> node::synced() const {
  const fault injected = around_.planned().injected;
  return std::make_unique<disk_view>(
      disk_view::source{&around_, &disk_, &event_, injected == fault::synced_shows_all,
                        store_ != store_life::closed, injected == fault::synced_is_stale});
}

std::unique_ptr<replication::row_view> node::latest() const {
  return std::make_unique<disk_view>(
      disk_view::source{&around_, &disk_, &event_, true, store_ != store_life::closed, false});
}

result<std::optional<std::string>> node::read_latest(std::string_view key) const {
  const std::string* found = disk_.read_latest(key);
  return found == nullptr ? std::optional<std::string>() : std::optional<std::string>(*found);
}

std::vector<bucket_info> node::buckets() const {
  std::vector<bucket_info> all;
  disk_.scan_synced(
      keys::catalogue(""), keys::catalogue_end(),
      [&](std::string_view key, std::string_view value) {
        const auto row = catalogue_row::decode(value);
        all.push_back({std::string(keys::bucket_name_of(key)), row->number, row->log_id});
        return true;
      });
  return all;
}

std::optional<bucket_info> node::find_bucket(std::string_view name) const {
  const std::string* bytes = disk_.read_synced(keys::catalogue(name));
  if (bytes == nullptr) return std::nullopt;
  const auto row = catalogue_row::decode(*bytes);
  return bucket_info{std::string(name), row->number, row->log_id};
}

bool node::left(std::string_view name) const { return is_left(disk_, name); }

} // namespace treadmill::simulation
