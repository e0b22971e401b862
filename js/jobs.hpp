#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace treadmill::js {

/// What kept a function from giving the rows of a document, or the value of a reduction.
enum class fault : uint8_t {
  none = 0,
  threw = 1,          ///< It threw, or its result cannot be written as JSON.
  timed_out = 2,      ///< It used more CPU time than a document may.
  out_of_memory = 3,  ///< It used more memory than a worker has.
  crashed = 4,        ///< Its worker died of it.
  too_many_rows = 5,  ///< It emitted more rows than a document may.
  too_large = 6,      ///< A row, or the document, is larger than the limit.
  bad_result = 7,     ///< For callers: the JSON of a row is none that can be stored.
  too_many_bytes = 8, ///< All its rows together are larger than a document may emit.
};
inline constexpr fault last_fault = fault::too_many_bytes;

/// True for those that cost a worker its life or seconds of its time: a document that has such a
/// fault is tried once more alone before it is reported.
constexpr bool is_strike(fault problem) {
  return problem == fault::timed_out || problem == fault::out_of_memory ||
         problem == fault::crashed;
}

enum class kind : uint8_t { map = 0, reduce = 1 };

/// A function as its user wrote it. It runs in a context of its own, never shared.
struct function {
  uint64_t id =
      0; ///< chosen by the caller, unique in the pool's life: the same id is the same text
  kind what = kind::map;
  std::string text;
};

struct document {
  std::string id;
  std::string rev;
  std::string body; ///< text of a JSON object without `id` and `rev`
};

/// JSON texts as JSON.stringify wrote them. They come from a process that is not trusted: whoever
/// stores them checks them first.
struct row {
  std::string key;
  std::string value;
  bool operator==(const row&) const = default;
};

/// What a map made of one document.
struct mapped {
  std::vector<row> rows;       ///< of a returning map: one, its key what was returned, no value
  bool emitted = false;        ///< the rows come from emit()
  fault problem = fault::none; ///< with a fault there are no rows
  std::string message;         ///< what was thrown, for example
  bool operator==(const mapped&) const = default;
};

struct reduce_call {
  bool rereduce = false;
  std::vector<std::string> keys; ///< JSON texts of [key, id]; none for a rereduction
  std::vector<std::string> values;
};

struct reduced {
  std::string value; ///< JSON text; null where the function returned nothing
  fault problem = fault::none;
  std::string message;
  bool operator==(const reduced&) const = default;
};

struct map_job {
  std::shared_ptr<const function> what;
  std::vector<document> documents;
  /// The function had strikes before: it gets one worker at most, and never the last free one.
  bool suspect = false;
  /// A document that ran into the limit of time is not tried again.
  bool once = false;
};

struct reduce_job {
  std::shared_ptr<const function> what;
  std::vector<reduce_call> calls;
  bool suspect = false;
};

enum class outcome : uint8_t {
  done,
  stopped,      ///< the pool is ending
  unavailable,  ///< no worker can be started; the message says why
  bad_function, ///< the text is not one function, or not JavaScript; the message says where
  cancelled,    ///< by whoever gave it
};

/// Of the first documents of the job, in their order. With `done` that is at least one (where any
/// was given), but can be fewer than were given: an answer ends after a document with a strike, and
/// when its rows reach `answer_bytes`. Give the rest again.
struct map_answer {
  outcome how = outcome::done;
  std::string message;
  std::vector<mapped> documents;
};

/// As for map_answer.
struct reduce_answer {
  outcome how = outcome::done;
  std::string message;
  std::vector<reduced> values;
};

using map_callback = std::function<void(map_answer)>;
using reduce_callback = std::function<void(reduce_answer)>;

} // namespace treadmill::js
