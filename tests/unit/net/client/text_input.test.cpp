#include "net/client/text_input.hpp"
#include <cstring>
#include <doctest/doctest.h>
#include <string>
#include <vector>
#include <zlib.h>
#include <zstd.h>

namespace treadmill::http {
namespace {

std::string gzip(const std::string& text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(deflateBound(&stream, text.size()) + 64, '\0');
  std::vector<char> in(text.begin(), text.end());
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  return packed;
}

std::string zstd(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

/// Gives a few bytes at a time.
class slow_source final : public byte_source {
public:
  slow_source(std::string text, size_t piece) : text_(std::move(text)), piece_(piece) {}
  result<size_t> read(char* to, size_t size) override {
    const size_t taken = text_.copy(to, std::min(size, piece_), at_);
    at_ += taken;
    return taken;
  }

private:
  std::string text_;
  size_t piece_;
  size_t at_ = 0;
};

/// The text, or why there is none, read in pieces of so many bytes.
std::string unpacked(const std::string& packed, size_t piece = SIZE_MAX, size_t room = 4096) {
  slow_source file(packed, piece);
  const auto text = open_text(file);
  if (!text) return "refused: " + text.error().reason;
  std::string all;
  std::vector<char> bytes(room);
  while (true) {
    const auto came = (*text)->read(bytes.data(), bytes.size());
    if (!came) return "failed after " + std::to_string(all.size()) + ": " + came.error().reason;
    if (*came == 0) return all;
    all.append(bytes.data(), *came);
  }
}

std::string lines(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += "{\"n\":" + std::to_string(i * 7919) + "}\n";
  return text;
}

} // namespace

TEST_CASE("gzip and zstd are unpacked, whatever pieces they come in") {
  const std::string text = lines(30'000);
  for (const auto& packed : {gzip(text), zstd(text)}) {
    CHECK(unpacked(packed) == text);
    CHECK(unpacked(packed, 1) == text);
    CHECK(unpacked(packed, 1000, 7) == text);
  }
  CHECK(unpacked(text, 3) == text);
  CHECK(unpacked("").empty());
  CHECK(unpacked(gzip("")).empty());
  CHECK(unpacked(zstd("")).empty());
}

TEST_CASE("several members or frames follow each other, and padding is none") {
  CHECK(unpacked(gzip("{}\n") + gzip("") + gzip("[1]\n") + std::string(1000, '\0'), 5) ==
        "{}\n[1]\n");
  CHECK(unpacked(zstd("{}\n") + zstd("") + zstd("[1]\n"), 5) == "{}\n[1]\n");
  const std::string skipped("\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
  CHECK(unpacked(skipped + zstd("{}\n")) == "{}\n");
}

TEST_CASE("packed data that is cut or damaged is told so, after what came before") {
  const std::string text = lines(100'000);
  for (const auto& [packed, name] :
       {std::pair(gzip(text), "gzip"), std::pair(zstd(text), "zstd")}) {
    const std::string cut = unpacked(packed.substr(0, packed.size() / 2));
    CAPTURE(cut);
    CHECK(cut.starts_with("failed after "));
    CHECK_FALSE(cut.starts_with("failed after 0:"));
    CHECK(cut.ends_with(std::string("the ") + name + " data is truncated"));
    CHECK(unpacked(packed.substr(0, packed.size() - 1)).find("is truncated") != std::string::npos);
  }
  std::string wrong = gzip(text);
  wrong[wrong.size() - 6] ^= 1; // the checksum
  CHECK(unpacked(wrong).ends_with("the gzip data is damaged"));
  CHECK(unpacked(gzip("{}\n") + "{}\n").ends_with("the gzip data is damaged"));
  CHECK(unpacked(zstd("{}\n") + "{}\n").find("the zstd data cannot be unpacked") !=
        std::string::npos);
}

TEST_CASE("a file that is no text is refused by its name") {
  using std::string;
  CHECK(unpacked(string("SQLite format 3\0\x10", 17)) == "refused: it is an SQLite database");
  CHECK(unpacked("BZh91AY&SY...") == "refused: it is bzip2");
  CHECK(unpacked(string("\xfd"
                        "7zXZ\0\0\4",
                        8)) == "refused: it is xz");
  CHECK(unpacked("PK\3\4 and more") ==
        "refused: it is a ZIP archive (as files of Excel and OpenDocument are)");
  CHECK(unpacked(string("\xff\xfe{\0}\0", 6)) ==
        "refused: it is a text in UTF-16 (UTF-8 is taken)");
  CHECK(unpacked(string("{\0\"\0", 4)) ==
        "refused: it is binary, or a text in UTF-16 (UTF-8 is taken)");
  CHECK(unpacked(string("\x16\1\0\0\2a\0\2\0\0\0b\0\0", 14)) == "refused: it is binary");
  CHECK(unpacked("\x82\xa1"
                 "a\x01\xa1"
                 "b\x02") == "refused: it is binary");
  string tar(512, '\0');
  tar.replace(0, 4, "file");
  tar.replace(257, 5, "ustar");
  CHECK(unpacked(gzip(tar)) == "refused: what is packed in it is a tar archive");
  CHECK(unpacked(gzip(gzip("{}"))) ==
        "refused: what is packed in it is gzip within another packing");
  CHECK(
      unpacked(zstd(string(100'000, '\0'))).starts_with("refused: what is packed in it is binary"));
  // A control character in a line of JSON is the fault of that line.
  CHECK_FALSE(unpacked(string("{\"a\":1}\n{\"b\":\"\0\"}\n", 18)).starts_with("refused"));
  CHECK_FALSE(unpacked("a,b\n1,caf\xe9\n").starts_with("refused"));
}

} // namespace treadmill::http
