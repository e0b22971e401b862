#pragma once
#include "js/wire/frame.hpp"
#include "js/wire/progress_page.hpp"
#include "js/worker/array_buffers.hpp"
#include "js/worker/guarded_stack.hpp"
#include "js/worker/watchdog.hpp"
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <v8.h>

namespace v8 {
class Platform;
}

namespace treadmill::js {

/// Owns one V8 isolate, with a context for each function. Lifetime: one engine per process; it
/// starts V8 and never shuts it down, because the process ends with _exit.
///
/// The engine runs a document twice if its calls go deep, which the guarded part of the stack
/// detects. It terminates the first run. The second run compiles the same function anew and uses
/// V8's interpreter only, because only then each call takes the same amount of stack on every node.
/// So a function that tests how deep it can call gets the same answer on every node.
///
/// **Thread**: that of the guarded stack.
/// **Errors**: no C++ exception passes through V8. A document's fault is in the answer. After
/// out_of_memory the heap cannot be trusted: `spent()` is true, and the process should end.
class engine {
public:
  engine(const worker_limits& limits, progress_page& page, guarded_stack& stack);
  ~engine();
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  static std::string version();
  /// Call once, before all other members. Empty, or the reason why no context can be made.
  [[nodiscard]] std::string warm_up();

  void define(const define_request& what);
  void forget(uint64_t function);
  /// Appends the frame of the answer.
  void map(const map_request& request, std::string& out);
  void reduce(const reduce_request& request, std::string& out);
  bool spent() const { return out_of_memory_; }

private:
  /// A function and its context; the context is made when it is first needed.
  struct script {
    kind what = kind::map;
    std::string text{};
    std::unique_ptr<v8::MicrotaskQueue> microtasks{}; ///< never run; must outlive the context
    v8::Global<v8::Context> context{};
    v8::Global<v8::Function> function{};
    void leave();
    /// Drops the microtasks of a context that was left: they would keep the context and all its
    /// objects alive. Call only when no scope is in that context.
    void drop_promises();
  };
  /// The rows of the running function.
  struct emission {
    bool open = false;
    uint32_t count = 0;
    bool returned = false; ///< its only row is the returned value
    size_t bytes = 0;      ///< of all keys and values
    fault problem = fault::none;
    std::string rows{};
  };
  class counted_calls; // the scope of a second run, with calls in the interpreter only

  static void emit(const v8::FunctionCallbackInfo<v8::Value>& info);
  static size_t near_heap_limit(void* self, size_t current, size_t initial);
  static void promise_made(v8::PromiseHookType type, v8::Local<v8::Promise> promise,
                           v8::Local<v8::Value> parent);

  v8::MaybeLocal<v8::Context> make_context(script& what);
  /// The reason why the function is refused; nullopt: it is ready.
  std::optional<std::string> prepare(script& what);
  std::optional<std::string> compile(script& what, v8::Local<v8::Context> context);
  std::optional<std::string> make_function(script& what, v8::Local<v8::Context> context,
                                           std::string_view after);
  v8::MaybeLocal<v8::Value> evaluate(v8::Local<v8::Context> context, std::string_view before,
                                     std::string_view text, std::string_view after, bool run);
  /// Finds the function of a request and prepares it; if it is refused, answers so: nullptr.
  script* enter(uint64_t request, uint64_t function, std::string& out);
  /// Limits calls to `call_bytes` of stack below `frame`.
  void limit_calls(const void* frame);
  static void end_deep_calls(void* self);

  /// Calls the function with one item, and puts its rows into `emission_`.
  template<typename Item>
  using give_function = void (engine::*)(script&, v8::Local<v8::Context>, Item);
  /// Runs the items of a request in order, as many as an answer holds.
  template<typename Items, typename Item>
  void answer_all(uint64_t request, uint64_t function, const Items& items, std::string& out,
                  give_function<Item> give);
  /// Runs an item, once or twice, and writes its rows or its fault. `give(script, context)` calls
  /// the function with it.
  template<typename Give>
  fault run_item(script& what, answer_writer& out, Give give);
  template<typename Give>
  std::optional<fault> attempt(script& what, answer_writer& out, Give give);
  void give_mapped(script& what, v8::Local<v8::Context> context, std::string_view text);
  void give_reduced(script& what, v8::Local<v8::Context> context, const reduce_request::call& call);
  void put_returned();
  v8::MaybeLocal<v8::Value> call(script& what, v8::Local<v8::Context> context,
                                 std::span<v8::Local<v8::Value>> arguments);
  void begin_item();
  /// Ends an item, answers its fault, and makes the engine ready for the next item.
  fault settle(script& what, const v8::TryCatch& caught, bool timed_out);
  void write_fault(fault problem, const script& what, v8::Local<v8::Context> context,
                   const v8::TryCatch& caught, answer_writer& out);

  v8::MaybeLocal<v8::String> text_of(std::string_view utf8);
  v8::MaybeLocal<v8::Value> parse(v8::Local<v8::Context> context, std::string_view json);
  /// Appends JSON text to `out`, without a length; false: it threw. `absent` replaces a value that
  /// has no JSON; if it is empty, nothing is written.
  bool stringify(v8::Local<v8::Context> context, v8::Local<v8::Value> value, std::string& out,
                 std::string_view absent);
  bool append(v8::Local<v8::String> text, std::string& out);
  /// The thrown value, and the line of the function's text if it is known.
  std::string message_of(const script& what, v8::Local<v8::Context> context,
                         const v8::TryCatch& caught);

  const worker_limits limits_;
  progress_page& page_;
  guarded_stack& stack_;
  std::unique_ptr<v8::Platform> platform_;
  array_buffer_use buffer_use_{};
  std::unique_ptr<v8::ArrayBuffer::Allocator> buffers_;
  v8::Isolate* isolate_ = nullptr;
  std::unique_ptr<watchdog> watchdog_;
  std::unordered_map<uint64_t, script> scripts_{};
  emission emission_{};
  std::string key_{};
  bool out_of_memory_ = false;
  unsigned heap_extensions_ = 0;
  bool promised_ = false; ///< the item made a promise, whose microtask may wait in the context
  bool counting_ = false; ///< the second run of a deep document: interpreter only
  uint64_t compiled_ = 0; ///< functions compiled for second runs
};

} // namespace treadmill::js
