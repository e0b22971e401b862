// The floor of building an index: one thread that reads the documents of a store, runs them in one
// V8 isolate and writes the index's keys, unsynced.
//   index_floor <store> <folder of the index> <number of the bucket> <source of the map>
#include "storage/engine/keys.hpp"
#include "storage/engine/rows.hpp"
#include "storage/index/index.hpp"
#include "storage/index/term.hpp"
#include "storage/json/json.hpp"
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>
#include <libplatform/libplatform.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <v8.h>

namespace treadmill {
namespace {

constexpr size_t batch_bytes = 256 * 1024;

leveldb::Slice slice(const std::string& text) { return {text.data(), text.size()}; }

std::unique_ptr<leveldb::DB> open(const std::string& folder) {
  leveldb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = defaults::write_buffer_bytes;
  options.filter_policy = leveldb::NewBloomFilterPolicy(10);
  leveldb::DB* opened = nullptr;
  const leveldb::Status status = leveldb::DB::Open(options, folder, &opened);
  if (!status.ok()) throw std::runtime_error(status.ToString());
  return std::unique_ptr<leveldb::DB>(opened);
}

/// One isolate with one function.
class mapper {
public:
  explicit mapper(const std::string& source)
      : platform_(v8::platform::NewSingleThreadedDefaultPlatform()) {
    v8::V8::SetFlagsFromString(
        "--single-threaded"); // as the platform is; V8 would call it for threads
    v8::V8::InitializePlatform(platform_.get());
    v8::V8::Initialize();
    parameters_.array_buffer_allocator = v8::ArrayBuffer::Allocator::NewDefaultAllocator();
    isolate_ = v8::Isolate::New(parameters_);
    isolate_->Enter();
    const v8::HandleScope scope(isolate_);
    const auto context = v8::Context::New(isolate_);
    context_.Reset(isolate_, context);
    const v8::Context::Scope inside(context);
    const auto text = text_of("(" + source + ")");
    const v8::Local<v8::Value> made =
        v8::Script::Compile(context, text).ToLocalChecked()->Run(context).ToLocalChecked();
    function_.Reset(isolate_, made.As<v8::Function>());
  }

  /// What the map returns, as JSON.
  std::string map(const std::string& document) {
    const v8::HandleScope scope(isolate_);
    const auto context = context_.Get(isolate_);
    const v8::Context::Scope inside(context);
    v8::Local<v8::Value> argument = v8::JSON::Parse(context, text_of(document)).ToLocalChecked();
    const auto value =
        function_.Get(isolate_)->Call(context, context->Global(), 1, &argument).ToLocalChecked();
    const v8::String::Utf8Value text(isolate_,
                                     v8::JSON::Stringify(context, value).ToLocalChecked());
    return {*text, static_cast<size_t>(text.length())};
  }

private:
  v8::Local<v8::String> text_of(const std::string& text) {
    return v8::String::NewFromUtf8(isolate_, text.data(), v8::NewStringType::kNormal,
                                   static_cast<int>(text.size()))
        .ToLocalChecked();
  }

  std::unique_ptr<v8::Platform> platform_;
  v8::Isolate::CreateParams parameters_{};
  v8::Isolate* isolate_ = nullptr;
  v8::Global<v8::Context> context_{};
  v8::Global<v8::Function> function_{};
};

int run(const std::string& store, const std::string& folder, uint32_t bucket,
        const std::string& source) {
  const auto documents = open(store);
  const auto index = open(folder);
  mapper maps(source);
  size_t count = 0;
  leveldb::WriteBatch batch;
  const auto write = [&] {
    if (!index->Write(leveldb::WriteOptions(), &batch).ok())
      throw std::runtime_error("the index cannot be written");
    batch.Clear();
  };
  const auto began = std::chrono::steady_clock::now();
  const std::unique_ptr<leveldb::Iterator> at(documents->NewIterator(leveldb::ReadOptions()));
  const std::string end = keys::documents_end(bucket);
  for (at->Seek(slice(keys::document(bucket, "")));
       at->Valid() && at->key().compare(slice(end)) < 0; at->Next()) {
    const std::string key = at->key().ToString();
    const std::string id(keys::id_of(key));
    const std::string bytes = at->value().ToString();
    const auto row = document_row::decode(bytes);
    if (!row) throw std::runtime_error(row.error().reason);
    std::string document;
    append_document(document, id, row->winner.text(), row->body);
    std::string term;
    if (!append_term(term, stored_form(maps.map(document)).value()))
      throw std::runtime_error("a term cannot be made");
    batch.Put(slice(keys::index_row(bucket, 1, row_suffix(term, id, 0))), leveldb::Slice());
    const mapped_row mapped{term, {}};
    batch.Put(slice(keys::index_reverse(bucket, 1, id)), slice(encode_reverse({&mapped, 1})));
    ++count;
    if (batch.ApproximateSize() > batch_bytes) write();
  }
  write();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::cout << "documents a second " << static_cast<double>(count) / took.count() << " of " << count
            << std::endl;
  std::_Exit(0);
}

} // namespace
} // namespace treadmill

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  try {
    return treadmill::run(argv[1], argv[2], static_cast<uint32_t>(std::atol(argv[3])), argv[4]);
  } catch (const std::exception& problem) {
    std::cerr << "index_floor: " << problem.what() << '\n';
    return 1;
  }
}
