#include "storage/index/index.hpp"
#include "storage/engine/keys.hpp"
#include "storage/index/index_range.hpp"
#include "tests/unit/storage/index/local_index.hpp"
#include <doctest/doctest.h>

using namespace std::string_literals;

namespace treadmill {
namespace {

using tests::term_of;

/// Every cut of the bytes, and one byte more, is corrupt.
template<typename Decode>
void check_cuts(const std::string& bytes, Decode decode) {
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = decode(std::string_view(bytes).substr(0, size));
    REQUIRE(!cut);
    CHECK(cut.error().code == ec::corrupt);
  }
  CHECK(!decode(bytes + "x"));
}

} // namespace

TEST_CASE("keys of indexes are the bytes that storage/README.md specifies") {
  const std::string bucket = "\x10\0\0\0\x07"s;
  CHECK(keys::index_begin(7, 9) == bucket + "\x05\0\0\0\x09"s);
  CHECK(keys::index_state(7, 9) == bucket + "\x05\0\0\0\x09\0"s);
  CHECK(keys::index_row(7, 9, "suffix") == bucket + "\x05\0\0\0\x09\x01suffix"s);
  CHECK(keys::index_reverse(7, 9, "id") == bucket + "\x05\0\0\0\x09\x02id"s);
  CHECK(keys::index_change(7, 9, 2) == bucket + "\x05\0\0\0\x09\x03\0\0\0\0\0\0\0\x02"s);
  CHECK(keys::index_partial(7, 9, 1, "suffix") == bucket + "\x05\0\0\0\x09\x11suffix"s);
  CHECK(keys::last_index(7) == bucket + "\x06\0"s);
  CHECK(keys::query(7, "by-name") == bucket + "\x06\x01" + "by-name");
  CHECK(keys::dead_index(7, 9) == "\x03\0\0\0\x07\0\0\0\x09"s);
  CHECK(row_suffix("term", "id", 0x0102) == "termid\0\x01\x02"s);
}

TEST_CASE("all rows of an index lie between its ends, and in its bucket") {
  for (const uint32_t index : {1U, 255U, UINT32_MAX}) {
    const std::string longest(600, '\x60');
    for (const std::string& row :
         {keys::index_state(7, index), keys::index_row(7, index, longest),
          keys::index_reverse(7, index, "\xf4"), keys::index_change(7, index, UINT64_MAX),
          keys::index_partial(7, index, block_tree::most_levels, longest)}) {
      CHECK(row >= keys::index_begin(7, index));
      CHECK(row < keys::index_end(7, index));
      CHECK(row > keys::activity_end(7));
      CHECK(row < keys::last_index(7));
      if (index < UINT32_MAX) CHECK(row < keys::index_begin(7, index + 1));
    }
    CHECK(keys::index_change(7, index, UINT64_MAX) < keys::index_changes_end(7, index));
  }
  CHECK(keys::query(7, std::string(128, 'z')) < keys::queries_end(7));
  CHECK(keys::queries_end(7) < keys::conflict(7, ""));
}

TEST_CASE("what keys of indexes were made from is read back") {
  CHECK(keys::suffix_of(keys::index_row(1, 2, "suffix")) == "suffix");
  CHECK(keys::suffix_of(keys::index_partial(1, 2, 3, "suffix")) == "suffix");
  CHECK(keys::query_of(keys::query(1, "name")) == "name");
  CHECK(keys::change_sequence_of(keys::index_change(1, 2, 1ULL << 40)) == 1ULL << 40);
  CHECK(keys::number_of(keys::dead_index(5, 6)) == 5);
  CHECK(keys::dead_index_of(keys::dead_index(5, 6)) == 6);
  CHECK(!keys::dead_index_of(keys::dead_bucket(5)));
}

TEST_CASE("an index's state is read back, and no byte more or less") {
  index_state state;
  CHECK(index_state::decode(state.encode()).value() == state);
  state = {1, 2, 3,      400, 5, 6,         "an id", "it threw", 7, true, index_phase::reducing,
           4, 3, "from", 8,   9, 1ULL << 50};
  CHECK(index_state::decode(state.encode()).value() == state);
  check_cuts(state.encode(), index_state::decode);
}

TEST_CASE("a query's row, a change and an index number are read back") {
  query_row row;
  CHECK(query_row::decode(row.encode()).value() == row);
  row.next = 3;
  row.next_definition = R"({"map":"doc => 1"})";
  CHECK(query_row::decode(row.encode()).value() == row);
  row.index = 1;
  row.definition = R"({"map":"doc => 2"})";
  CHECK(query_row::decode(row.encode()).value() == row);
  check_cuts(row.encode(), query_row::decode);

  index_change change;
  change.id = "id";
  change.removed = {{term_of("1"), "\"a\""}};
  change.added = {{term_of("[2]"), ""}, {term_of("null"), "7"}};
  const auto decode = [](std::string_view bytes) { return index_change::decode(5, bytes); };
  const auto read = decode(change.encode());
  REQUIRE(read);
  CHECK(read->sequence == 5);
  CHECK(read->id == "id");
  CHECK(read->removed == change.removed);
  CHECK(read->added == change.added);
  check_cuts(change.encode(), decode);

  CHECK(decode_last_index(encode_last_index(77)).value() == 77);
  check_cuts(encode_last_index(77), decode_last_index);
}

TEST_CASE("the list of a document's rows is read back; terms that are none are corrupt") {
  const std::vector<mapped_row> rows{{term_of("1"), "x"}, {term_of("[\"a\"]"), ""}};
  CHECK(decode_reverse(encode_reverse(rows)).value() ==
        std::vector<std::string>{rows[0].term, rows[1].term});
  CHECK(decode_reverse("").value().empty());
  CHECK(!decode_reverse("\0"s));
  CHECK(!decode_reverse("\1\x40"s));
  CHECK(!decode_reverse("\2\x10\x10"s));
}

TEST_CASE("a row is taken apart into term, id, emission and value; what is no row is corrupt") {
  for (const char* key :
       {"null", "-1.5", "0", "300", R"("a\u0000b")", "[1,[\"x\"]]", R"({"a":1})"}) {
    const std::string suffix = row_suffix(term_of(key), "an id", 0x0200);
    const auto row = index_row::decode(suffix, "7");
    REQUIRE(row);
    CHECK(row->term == term_of(key));
    CHECK(row->id == "an id");
    CHECK(row->emission == 0x0200);
    std::string shown;
    REQUIRE(append_key(shown, *row));
    CHECK(shown == stored_form(key).value());
    check_cuts(suffix, [](std::string_view bytes) { return index_row::decode(bytes, {}); });
  }
  CHECK(!index_row::decode(row_suffix(term_of("1"), "", 0), {}));
  CHECK(!index_row::decode(row_suffix("", "id", 0), {}));
}

TEST_CASE("the size of a term is told without reading it, and the front of an array found") {
  for (const char* key : {"null", "true", "-1", "0", "1", "0.1", "-1e+300", R"("")", R"("\u0001")",
                          "[]", "[[],{}]", R"({"a":[1,2],"b":"c"})"}) {
    const std::string term = term_of(key);
    CHECK(term_size(term + "id") == term.size());
    CHECK(term_size(term) == term.size());
    for (size_t size = 0; size < term.size(); ++size)
      CHECK(term_size(std::string_view(term).substr(0, size)) == 0);
  }
  CHECK(term_size("\0"s) == 0);
  CHECK(term_size("\x7f"s) == 0);
  const std::string array = term_of(R"([1,"a",[2]])");
  CHECK(first_elements(array, 0) == "\x50");
  CHECK(first_elements(array, 2) == "\x50" + term_of("1") + term_of("\"a\""));
  CHECK(first_elements(array, 3) == array.substr(0, array.size() - 1));
  CHECK(!first_elements(array, 4));
  CHECK(!first_elements(term_of("\"a\""), 1));
}

TEST_CASE("cursors are safe in a URL, and only those that an answer gave are taken") {
  const std::string suffix = row_suffix(term_of(R"(["\u0000é"])"), "/ +%\xf0\x9f\x98\x80", 3);
  const std::string cursor = cursor_after_row(suffix);
  CHECK(cursor.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789-_") == std::string::npos);
  range_request request;
  request.after = cursor;
  CHECK(make_range(request)->from == suffix + '\0');
  request.descending = true;
  CHECK(make_range(request)->to == suffix);
  request.after = cursor_after_group(term_of("[1]"));
  CHECK(make_range(request)->to == term_of("[1]"));
  request.descending = false;
  CHECK(make_range(request)->from == term_of("[1]") + '\xff');
  const std::string front(first_elements(term_of("[1,2]"), 1).value());
  request.after = cursor_after_group(front);
  CHECK(make_range(request)->from == front + '\xff');
  for (const std::string& bad : {"x"s, "AAAA"s, "cg=="s, cursor + "A", cursor.substr(1),
                                 cursor.substr(0, cursor.size() - 2), "r\xff"s, "cg"s, "Zw"s}) {
    request.after = bad;
    const auto range = make_range(request);
    REQUIRE(!range);
    CHECK(range.error().code == ec::bad_request);
  }
}

TEST_CASE("a list of terms is taken apart; a prefix is a string or an array") {
  CHECK(elements_of(R"([1,"a,b",[2,{}],null])", 9).value() ==
        std::vector<std::string>{"1", R"("a,b")", "[2,{}]", "null"});
  CHECK(elements_of("[]", 0).value().empty());
  CHECK(elements_of("[1,2]", 1).error().code == ec::too_large);
  CHECK(elements_of("{}", 9).error().code == ec::bad_request);
  CHECK(elements_of("[1", 9).error().code == ec::bad_request);
  for (const char* bad : {"1", "null", R"({"a":1})"}) {
    range_request request;
    request.prefix = bad;
    CHECK(make_range(request).error().code == ec::bad_request);
  }
}

} // namespace treadmill
