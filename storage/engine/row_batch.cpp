#include "storage/engine/row_batch.hpp"
#include "storage/engine/row_batch_impl.hpp"

namespace treadmill {
namespace {
leveldb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const leveldb::Slice& text) { return {text.data(), text.size()}; }

struct change_reader final : leveldb::WriteBatch::Handler {
  using put_function = std::function<void(std::string_view, std::string_view)>;
  using remove_function = std::function<void(std::string_view)>;
  change_reader(const put_function& put, const remove_function& removed)
      : put_(put), removed_(removed) {}
  void Put(const leveldb::Slice& key, const leveldb::Slice& value) override {
    put_(view(key), view(value));
  }
  void Delete(const leveldb::Slice& key) override { removed_(view(key)); }

private:
  const put_function& put_;
  const remove_function& removed_;
};
} // namespace

row_batch::row_batch() : impl_(std::make_unique<impl>()) {}
row_batch::~row_batch() = default;
row_batch::row_batch(row_batch&& other) noexcept = default;
row_batch& row_batch::operator=(row_batch&& other) noexcept = default;

void row_batch::put(std::string_view key, std::string_view value) {
  impl_->rows.Put(slice(key), slice(value));
  impl_->note_row(key);
}

void row_batch::remove(std::string_view key) {
  impl_->rows.Delete(slice(key));
  impl_->note_row(key);
}

void row_batch::append(const row_batch& other) {
  impl_->rows.Append(other.impl_->rows);
  impl_->empty = impl_->empty && other.impl_->empty;
  for (const writer& who : other.impl_->writers) impl_->add_writer(who);
}

void row_batch::name_writer(const writer& who) { impl_->add_writer(who); }

void row_batch::for_each(
    const std::function<void(std::string_view key, std::string_view value)>& put,
    const std::function<void(std::string_view key)>& removed) const {
  change_reader reader(put, removed);
  impl_->rows.Iterate(&reader); // cannot fail for a batch made here
}

void row_batch::clear() {
  impl_->rows.Clear();
  impl_->empty = true;
  impl_->writers.clear();
}

bool row_batch::empty() const { return impl_->empty; }
size_t row_batch::bytes() const { return impl_->rows.ApproximateSize(); }

} // namespace treadmill
