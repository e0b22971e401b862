#include "net/client/text_input.hpp"
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>
#include <zlib.h>
#include <zstd.h>

namespace treadmill::http {

namespace {

constexpr size_t piece_bytes = 64 * 1024;
constexpr size_t sniffed_bytes = 4096;
constexpr std::string_view gzip_magic = "\x1f\x8b";
constexpr std::string_view zstd_magic = "\x28\xb5\x2f\xfd";

struct binary_form {
  std::string_view magic;
  std::string_view name;
  size_t at = 0;
};

using namespace std::string_view_literals;
constexpr std::array binary_forms{
    binary_form{"SQLite format 3\0"sv, "an SQLite database"},
    binary_form{"BZh"sv, "bzip2"},
    binary_form{"\xfd"
                "7zXZ\0"sv,
                "xz"},
    binary_form{"PK\3\4"sv, "a ZIP archive (as files of Excel and OpenDocument are)"},
    binary_form{"PK\5\6"sv, "an empty ZIP archive"},
    binary_form{"7z\xbc\xaf\x27\x1c"sv, "a 7z archive"},
    binary_form{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, "an old file of Excel or Word"},
    binary_form{"\x04\x22\x4d\x18"sv, "lz4"},
    binary_form{"PAR1"sv, "Parquet"},
    binary_form{"Obj\1"sv, "Avro"},
    binary_form{"%PDF-"sv, "PDF"},
    binary_form{"\x7f"
                "ELF"sv,
                "an executable"},
    binary_form{gzip_magic, "gzip within another packing"},
    binary_form{zstd_magic, "zstd within another packing"},
    binary_form{"\xff\xfe\0\0"sv, "a text in UTF-32 (UTF-8 is taken)"},
    binary_form{"\0\0\xfe\xff"sv, "a text in UTF-32 (UTF-8 is taken)"},
    binary_form{"\xff\xfe"sv, "a text in UTF-16 (UTF-8 is taken)"},
    binary_form{"\xfe\xff"sv, "a text in UTF-16 (UTF-8 is taken)"},
    binary_form{"ustar"sv, "a tar archive", 257},
};

tl::unexpected<error> system_failure() { return fail(ec::io_error, std::strerror(errno)); }

/// A source of which some bytes were read already; it returns those first.
class begun_source {
public:
  begun_source(byte_source& from, std::string begun) : from_(from), begun_(std::move(begun)) {}
  result<size_t> read(char* to, size_t size) {
    if (at_ == begun_.size()) return from_.read(to, size);
    const size_t taken = begun_.copy(to, size, at_);
    at_ += taken;
    return taken;
  }

private:
  byte_source& from_;
  std::string begun_;
  size_t at_ = 0;
};

class plain_source final : public byte_source {
public:
  explicit plain_source(begun_source from) : from_(std::move(from)) {}
  result<size_t> read(char* to, size_t size) override { return from_.read(to, size); }

private:
  begun_source from_;
};

/// gzip data of one or several members.
class gzip_source final : public byte_source {
public:
  explicit gzip_source(begun_source from) : from_(std::move(from)) {
    constexpr int with_gzip_header = 15 + 16;
    usable_ = inflateInit2(&stream_, with_gzip_header) == Z_OK;
  }
  ~gzip_source() override {
    if (usable_) inflateEnd(&stream_);
  }
  gzip_source(const gzip_source&) = delete;
  gzip_source& operator=(const gzip_source&) = delete;

  result<size_t> read(char* to, size_t size) override {
    if (!usable_) return fail(ec::internal, "gzip cannot be unpacked");
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(size);
    while (stream_.avail_out == size) {
      if (stream_.avail_in == 0 && !full_) {
        auto came = refill();
        if (!came) return tl::unexpected(std::move(came.error()));
        if (!*came && between_) return 0;
        if (!*came) return fail(ec::corrupt, "the gzip data is truncated");
      }
      if (between_ && !begin_member()) continue;
      const int done = inflate(&stream_, Z_NO_FLUSH);
      between_ = done == Z_STREAM_END;
      full_ = !between_ && stream_.avail_out == 0;
      if (done != Z_OK && done != Z_STREAM_END && done != Z_BUF_ERROR)
        return fail(ec::corrupt, "the gzip data is damaged");
    }
    return size - stream_.avail_out;
  }

private:
  result<bool> refill() {
    auto came = from_.read(in_.data(), in_.size());
    if (!came) return tl::unexpected(std::move(came.error()));
    stream_.next_in = reinterpret_cast<Bytef*>(in_.data());
    stream_.avail_in = static_cast<uInt>(*came);
    return *came > 0;
  }
  /// Skips zeros after a member (padding of tapes and block devices) and starts the next one.
  /// Returns false if this piece has nothing but zeros.
  bool begin_member() {
    while (stream_.avail_in > 0 && *stream_.next_in == 0) {
      ++stream_.next_in;
      --stream_.avail_in;
    }
    if (stream_.avail_in == 0) return false;
    inflateReset(&stream_);
    return true;
  }

  begun_source from_;
  std::vector<char> in_ = std::vector<char>(piece_bytes);
  z_stream stream_{};
  bool usable_ = false;
  bool between_ = false; ///< between two members
  bool full_ = false;    ///< the last output was full: there may be more without more input
};

/// zstd data of one or several frames.
class zstd_source final : public byte_source {
public:
  explicit zstd_source(begun_source from) : from_(std::move(from)), stream_(ZSTD_createDStream()) {}
  ~zstd_source() override { ZSTD_freeDStream(stream_); }
  zstd_source(const zstd_source&) = delete;
  zstd_source& operator=(const zstd_source&) = delete;

  result<size_t> read(char* to, size_t size) override {
    if (stream_ == nullptr) return fail(ec::internal, "zstd cannot be unpacked");
    ZSTD_outBuffer out{to, size, 0};
    while (out.pos == 0) {
      if (input_.pos == input_.size && !full_) {
        auto came = from_.read(in_.data(), in_.size());
        if (!came) return tl::unexpected(std::move(came.error()));
        if (*came == 0 && !within_) return 0;
        if (*came == 0) return fail(ec::corrupt, "the zstd data is truncated");
        input_ = {in_.data(), *came, 0};
      }
      const size_t left = ZSTD_decompressStream(stream_, &out, &input_);
      if (ZSTD_isError(left) != 0)
        return fail(ec::corrupt,
                    std::string("the zstd data cannot be unpacked: ") + ZSTD_getErrorName(left));
      within_ = left != 0;
      full_ = out.pos == out.size && within_;
    }
    return out.pos;
  }

private:
  begun_source from_;
  std::vector<char> in_ = std::vector<char>(piece_bytes);
  ZSTD_inBuffer input_{in_.data(), 0, 0};
  ZSTD_DStream* stream_;
  bool within_ = false; ///< inside a frame
  bool full_ = false;   ///< the last output was full: there may be more without more input
};

/// As many bytes as one read returns, but at least the `least` that identify the format.
result<std::string> read_first(begun_source& from, size_t least) {
  std::string first(sniffed_bytes, '\0');
  size_t size = 0;
  while (size < least) {
    auto came = from.read(first.data() + size, first.size() - size);
    if (!came) return tl::unexpected(std::move(came.error()));
    if (*came == 0) break;
    size += *came;
  }
  first.resize(size);
  return first;
}

} // namespace

result<std::unique_ptr<file_source>> file_source::open(const std::string& path) {
  const bool standard = path == "-";
  const int descriptor = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return system_failure();
  std::unique_ptr<file_source> made(new file_source(descriptor, !standard));
  struct stat facts {};
  if (::fstat(descriptor, &facts) != 0) return system_failure();
  if (S_ISDIR(facts.st_mode)) return fail(ec::io_error, "it is a directory");
  made->regular_ = S_ISREG(facts.st_mode) && !standard;
  made->bytes_ = S_ISREG(facts.st_mode) ? static_cast<uint64_t>(facts.st_size) : 0;
  return made;
}

file_source::~file_source() {
  if (owned_) ::close(descriptor_);
}

result<size_t> file_source::read(char* to, size_t size) {
  ssize_t came = -1;
  do came = ::read(descriptor_, to, size);
  while (came < 0 && errno == EINTR);
  if (came < 0) return system_failure();
  bytes_read_ += static_cast<uint64_t>(came);
  return static_cast<size_t>(came);
}

result<size_t> memory_source::read(char* to, size_t size) {
  const size_t taken = rest_.copy(to, size);
  rest_.remove_prefix(taken);
  return taken;
}

std::string name_of_binary(std::string_view first) {
  for (const binary_form& form : binary_forms)
    if (first.size() > form.at && first.substr(form.at).starts_with(form.magic))
      return std::string(form.name);
  // A text that begins like JSON counts as JSON; a control character further on is a fault of its
  // own line.
  const size_t nul = first.find('\0');
  const bool begins_json = !first.empty() && (first[0] == '{' || first[0] == '[');
  if (begins_json && nul >= 8) return {};
  if (nul < 2) return "binary, or a text in UTF-16 (UTF-8 is taken)";
  const auto controls = std::count_if(first.begin(), first.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
  const bool many = static_cast<size_t>(controls) * 32 > first.size();
  return nul != std::string_view::npos || many ? "binary" : "";
}

result<std::unique_ptr<byte_source>> open_text(byte_source& packed) {
  constexpr size_t magic_bytes = 16;
  begun_source whole(packed, {});
  auto first = read_first(whole, magic_bytes);
  if (!first) return tl::unexpected(std::move(first.error()));
  const bool gzip = first->starts_with(gzip_magic);
  const bool zstd = first->starts_with(zstd_magic) ||
                    (first->size() >= 4 && first->substr(1, 3) == "\x2a\x4d\x18" &&
                     ((*first)[0] & 0xf0) == 0x50); // a skippable frame
  if (!gzip && !zstd) {
    if (const std::string name = name_of_binary(*first); !name.empty())
      return fail(ec::unsupported_media_type, "it is " + name);
    return std::make_unique<plain_source>(begun_source(packed, std::move(*first)));
  }
  begun_source from(packed, std::move(*first));
  std::unique_ptr<byte_source> unpacked;
  if (gzip) {
    unpacked = std::make_unique<gzip_source>(std::move(from));
  } else {
    unpacked = std::make_unique<zstd_source>(std::move(from));
  }
  struct owning_source final : byte_source {
    owning_source(std::unique_ptr<byte_source> its, std::string begun)
        : source(std::move(its)), rest(*source, std::move(begun)) {}
    result<size_t> read(char* to, size_t size) override { return rest.read(to, size); }
    std::unique_ptr<byte_source> source;
    begun_source rest;
  };
  begun_source text(*unpacked, {});
  auto inside = read_first(text, sniffed_bytes);
  if (!inside) return tl::unexpected(std::move(inside.error()));
  if (const std::string name = name_of_binary(*inside); !name.empty())
    return fail(ec::unsupported_media_type, "what is packed in it is " + name);
  return std::make_unique<owning_source>(std::move(unpacked), std::move(*inside));
}

result<bool> text_window::more() {
  if (ended_) return false;
  bytes_.erase(0, begin_);
  begin_ = 0;
  const size_t before = bytes_.size();
  bytes_.resize(before + piece_bytes);
  auto came = from_.read(bytes_.data() + before, bytes_.size() - before);
  bytes_.resize(before + (came ? *came : 0));
  if (!came) return tl::unexpected(std::move(came.error()));
  ended_ = *came == 0;
  return *came > 0;
}

} // namespace treadmill::http
