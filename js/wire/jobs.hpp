#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace treadmill::js {

/// Why a function gave no rows for a document, or no value for a reduction.
enum class fault : uint8_t {
  none = 0,
  threw = 1,          ///< It threw, or its result cannot be written as JSON.
  timed_out = 2,      ///< It used more CPU time than a document may.
  out_of_memory = 3,  ///< It used more memory than a worker has.
  crashed = 4,        ///< It made its worker crash.
  too_many_rows = 5,  ///< It emitted more rows than a document may.
  too_large = 6,      ///< A row, or the document, is larger than the limit.
  too_many_bytes = 7, ///< All its rows together are larger than a document may emit.
};
inline constexpr fault last_fault = fault::too_many_bytes;

/// True for faults that kill a worker or cost seconds of its time. The pool tries a document with
/// such a fault once more, alone, before it reports the fault.
constexpr bool is_strike(fault problem) {
  return problem == fault::timed_out || problem == fault::out_of_memory ||
         problem == fault::crashed;
}

enum class kind : uint8_t { map = 0, reduce = 1 };

/// A function as its user wrote it. It runs in its own context, never shared with another function.
struct function {
  uint64_t id =
      0; ///< chosen by the caller, unique in the pool's life: one id always has the same text
  kind what = kind::map;
  std::string text;
};

struct document {
  std::string id;
  std::string rev;
  std::string body; ///< text of a JSON object without `id` and `rev`
};

/// JSON texts as JSON.stringify wrote them. They come from an untrusted process: check them before
/// storing them.
struct row {
  std::string key;
  std::string value;
  bool operator==(const row&) const = default;
};

/// The result of a map for one document.
struct mapped {
  std::vector<row> rows;       ///< of a returning map: one row, its key is the result, no value
  bool emitted = false;        ///< the rows come from emit()
  fault problem = fault::none; ///< with a fault there are no rows
  std::string message;         ///< for example the thrown error
  bool operator==(const mapped&) const = default;
};

struct reduce_call {
  bool rereduce = false;
  std::vector<std::string> keys; ///< JSON texts of [key, id]; none for a rereduction
  std::vector<std::string> values;
};

struct reduced {
  std::string value; ///< JSON text; null if the function returned nothing
  fault problem = fault::none;
  std::string message;
  bool operator==(const reduced&) const = default;
};

struct map_job {
  std::shared_ptr<const function> what;
  std::vector<document> documents;
  /// The function had strikes before: at most one worker runs it, and never the last free worker.
  bool suspect = false;
  /// A document with a strike that its worker reports is not tried again.
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
  bad_function, ///< not one function, or not JavaScript; the message says where
  cancelled,    ///< by map_pool::cancel
};

/// The results of the first documents of the job, in order. With `done` there is at least one (if
/// the job has documents), but maybe fewer than the job has: an answer ends after a document with a
/// strike, and when its rows reach `answer_bytes`. Submit the rest again.
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
