#include "js/worker/engine.hpp"
#include "js/wire/defaults.hpp"
#include "js/worker/array_buffers.hpp"
#include "js/worker/context_extension.hpp"
#include <algorithm>
#include <array>
#include <libplatform/libplatform.h>
#include <unistd.h>

namespace treadmill::js {

namespace {

/// Heap beyond the limit, given so that a function over the limit can be terminated.
constexpr size_t heap_extension = 16 * defaults::mebibyte;
constexpr unsigned heap_extensions = 2;

constexpr int utf8_options = v8::String::NO_NULL_TERMINATION | v8::String::REPLACE_INVALID_UTF8;

void set_flags(const worker_limits& limits) {
  // No helper threads: results must not depend on their timing, and the sandbox forbids clone().
  // No regexp tier-up: a regular expression takes the same amount of stack at its first run.
  std::string flags = "--single-threaded --no-expose-wasm --no-harmony-sharedarraybuffer "
                      "--no-stack-trace-on-illegal --no-abort-on-uncaught-exception "
                      "--no-regexp-tier-up";
  if (limits.jitless) flags += " --jitless";
  v8::V8::SetFlagsFromString(flags.data(), flags.size());
}

[[noreturn]] void no_memory(const char* /*where*/, bool /*heap*/) {
  ::_exit(exit_code::out_of_memory);
}

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; });
}

} // namespace

void engine::script::leave() {
  function.Reset();
  context.Reset();
}

void engine::script::drop_promises() {
  if (context.IsEmpty()) microtasks.reset();
}

engine::engine(const worker_limits& limits, progress_page& page, guarded_stack& stack)
    : limits_(limits), page_(page), stack_(stack) {
  stack_.open(); // open until warm_up has ended
  set_flags(limits);
  platform_ = v8::platform::NewSingleThreadedDefaultPlatform();
  v8::V8::InitializePlatform(platform_.get());
  v8::V8::Initialize();
  buffers_ = make_array_buffer_allocator(limits.array_buffer_bytes, buffer_use_);
  v8::Isolate::CreateParams parameters;
  parameters.array_buffer_allocator = buffers_.get();
  parameters.constraints.ConfigureDefaultsFromHeapSize(0, limits.heap_bytes);
  isolate_ = v8::Isolate::New(parameters);
  isolate_->SetData(0, this);
  isolate_->Enter();
  isolate_->SetStackLimit(stack_.lowest());
  stack_.on_touch(end_deep_calls, this);
  register_context_extensions(emit);
  isolate_->SetMicrotasksPolicy(v8::MicrotasksPolicy::kExplicit);
  isolate_->SetOOMErrorHandler(no_memory);
  isolate_->AddNearHeapLimitCallback(near_heap_limit, this);
  isolate_->SetPromiseHook(promise_made);
  watchdog_ =
      std::make_unique<watchdog>(std::chrono::milliseconds(limits.document_cpu_ms),
                                 watchdog::actions{[this] { isolate_->TerminateExecution(); },
                                                   [] { ::_exit(exit_code::timed_out); }});
}

engine::~engine() = default;

std::string engine::version() { return v8::V8::GetVersion(); }

size_t engine::near_heap_limit(void* self, size_t current, size_t /*initial*/) {
  auto& me = *static_cast<engine*>(self);
  me.out_of_memory_ = true;
  me.isolate_->TerminateExecution();
  if (me.heap_extensions_ == heap_extensions) return current;
  ++me.heap_extensions_;
  return current + heap_extension;
}

void engine::promise_made(v8::PromiseHookType /*type*/, v8::Local<v8::Promise> promise,
                          v8::Local<v8::Value> /*parent*/) {
  static_cast<engine*>(promise->GetIsolate()->GetData(0))->promised_ = true;
}

/// Runs in the signal handler. V8 only sets a flag here, behind a recursive lock that this thread
/// may already hold.
void engine::end_deep_calls(void* self) {
  static_cast<engine*>(self)->isolate_->TerminateExecution();
}

/// A scope in which V8 runs functions in its interpreter only, and functions may use all of their
/// stack.
class engine::counted_calls {
public:
  explicit counted_calls(engine& of) : of_(of) {
    of_.stack_.guard(); // resets `touched`, which the caller has handled
    of_.stack_.open();
    of_.counting_ = true;
    tier_up(false);
  }
  ~counted_calls() {
    tier_up(true);
    of_.counting_ = false;
    of_.isolate_->SetStackLimit(of_.stack_.lowest());
    of_.stack_.guard();
  }
  counted_calls(const counted_calls&) = delete;
  counted_calls& operator=(const counted_calls&) = delete;

private:
  void tier_up(bool on) {
    if (!of_.limits_.jitless)
      v8::V8::SetFlagsFromString(on ? "--opt --sparkplug" : "--no-opt --no-sparkplug");
  }
  engine& of_;
};

template<typename Items, typename Item>
void engine::answer_all(uint64_t request, uint64_t function, const Items& items, std::string& out,
                        give_function<Item> give) {
  const watchdog::shift shift(*watchdog_);
  page_.item.store(0);
  if (script* what = enter(request, function, out)) {
    const size_t begin = out.size();
    size_t rows = 0;
    answer_writer answer(out, request);
    uint32_t number = 0;
    for (const auto& item : items) {
      page_.item.store(number++, std::memory_order_relaxed);
      page_.request.store(request, std::memory_order_release);
      const auto call_it = [&](script& now, v8::Local<v8::Context> context) {
        (this->*give)(now, context, item);
      };
      if (is_strike(run_item(*what, answer, call_it))) break;
      rows += emission_.count;
      if (out.size() - begin + rows * defaults::row_overhead >= limits_.answer_bytes) break;
      if (what->context.IsEmpty() && prepare(*what)) break;
    }
    what->drop_promises();
    answer.finish();
  }
  page_.request.store(0);
}

void engine::map(const map_request& request, std::string& out) {
  answer_all(request.request, request.function, request.documents, out, &engine::give_mapped);
}

void engine::reduce(const reduce_request& request, std::string& out) {
  answer_all(request.request, request.function, request.calls, out, &engine::give_reduced);
}

template<typename Give>
fault engine::run_item(script& what, answer_writer& out, Give give) {
  if (const auto done = attempt(what, out, give)) return *done;
  const counted_calls counted(*this);
  script anew;
  anew.what = what.what;
  anew.text = what.text;
  if (const auto refusal = prepare(anew)) {
    out.fault_item(fault::threw, *refusal);
    return fault::threw;
  }
  const auto done = attempt(anew, out, give);
  anew.leave();
  anew.drop_promises();
  return done.value_or(fault::threw);
}

/// nullopt: the item's calls went deep, so it must run again in a counted_calls scope.
template<typename Give>
std::optional<fault> engine::attempt(script& what, answer_writer& out, Give give) {
  const v8::HandleScope handles(isolate_);
  const auto context = what.context.Get(isolate_);
  const v8::Context::Scope scope(context);
  const v8::TryCatch caught(isolate_);
  begin_item();
  watchdog::piece piece(*watchdog_);
  give(what, context);
  emission_.open = false;
  const bool deep = stack_.touched();
  const fault problem = settle(what, caught, piece.end());
  if (deep && !is_strike(problem)) return std::nullopt;
  if (problem == fault::none) {
    out.rows_item(!emission_.returned && emission_.count > 0, emission_.count, emission_.rows);
  } else {
    write_fault(problem, what, context, caught, out);
  }
  return problem;
}

void engine::begin_item() {
  if (!counting_ && stack_.touched()) isolate_->CancelTerminateExecution();
  if (!counting_) stack_.guard();
  // Collect the garbage of earlier items, so that each item has the same memory.
  if (buffer_use_.held > limits_.array_buffer_bytes) isolate_->LowMemoryNotification();
  buffer_use_.item = 0;
  buffer_use_.failed = false;
  emission_.count = 0;
  emission_.bytes = 0;
  emission_.returned = false;
  emission_.problem = fault::none;
  emission_.rows.clear();
}

void engine::limit_calls(const void* frame) {
  isolate_->SetStackLimit(reinterpret_cast<uintptr_t>(frame) - defaults::call_bytes);
}

/// Not inlined, so that the stack from here to the function's first frame is always the same.
[[gnu::noinline]] v8::MaybeLocal<v8::Value>
engine::call(script& what, v8::Local<v8::Context> context,
             std::span<v8::Local<v8::Value>> arguments) {
  if (counting_) limit_calls(__builtin_frame_address(0));
  return what.function.Get(isolate_)->Call(context, v8::Undefined(isolate_),
                                           static_cast<int>(arguments.size()), arguments.data());
}

void engine::give_mapped(script& what, v8::Local<v8::Context> context, std::string_view text) {
  emission_.open = true;
  v8::Local<v8::Value> argument;
  v8::Local<v8::Value> result;
  if (!parse(context, text).ToLocal(&argument) ||
      !call(what, context, std::span(&argument, 1)).ToLocal(&result)) {
    return;
  }
  emission_.open = false;
  if (emission_.count > 0 || result->IsUndefined()) return;
  key_.clear();
  if (stringify(context, result, key_, "") && !key_.empty()) put_returned();
}

void engine::give_reduced(script& what, v8::Local<v8::Context> context,
                          const reduce_request::call& asked) {
  std::array<v8::Local<v8::Value>, 3> arguments;
  arguments[2] = v8::Boolean::New(isolate_, asked.rereduce);
  v8::Local<v8::Value> result;
  key_.clear();
  if (parse(context, asked.keys).ToLocal(&arguments[0]) &&
      parse(context, asked.values).ToLocal(&arguments[1]) &&
      call(what, context, arguments).ToLocal(&result) && stringify(context, result, key_, "null")) {
    put_returned();
  }
}

/// The text in `key_` is the item's only row.
void engine::put_returned() {
  if (key_.size() > limits_.row_bytes) emission_.problem = fault::too_large;
  answer_writer::put_row(emission_.rows, key_, "");
  emission_.returned = true;
  emission_.count = 1;
}

fault engine::settle(script& what, const v8::TryCatch& caught, bool timed_out) {
  const bool deep = stack_.touched();
  fault problem = fault::none;
  if (out_of_memory_ || buffer_use_.failed) {
    problem = fault::out_of_memory;
  } else if (timed_out) {
    problem = fault::timed_out;
  } else if (emission_.problem != fault::none) {
    problem = emission_.problem;
  } else if (caught.HasCaught()) {
    problem = fault::threw;
  }
  if (timed_out || out_of_memory_ || deep || emission_.problem != fault::none)
    isolate_->CancelTerminateExecution();
  // An item that was terminated or made a promise may leave state behind: use a new context.
  if (is_strike(problem) || deep || promised_) what.leave();
  promised_ = false;
  return problem;
}

void engine::write_fault(fault problem, const script& what, v8::Local<v8::Context> context,
                         const v8::TryCatch& caught, answer_writer& out) {
  switch (problem) {
  case fault::threw: return out.fault_item(problem, message_of(what, context, caught));
  case fault::timed_out: return out.fault_item(problem, "took more CPU time than a document may");
  case fault::out_of_memory: return out.fault_item(problem, "took more memory than there is");
  case fault::too_many_rows:
    return out.fault_item(problem, "emitted more rows than a document may");
  case fault::too_large: return out.fault_item(problem, "a row is larger than the limit");
  case fault::too_many_bytes:
    return out.fault_item(problem, "emitted more bytes of rows than a document may");
  default: return out.fault_item(problem, "");
  }
}

void engine::emit(const v8::FunctionCallbackInfo<v8::Value>& info) {
  auto* const isolate = info.GetIsolate();
  auto& me = *static_cast<engine*>(isolate->GetData(0));
  if (!me.emission_.open) return;
  const v8::HandleScope handles(isolate);
  const auto context = isolate->GetCurrentContext();
  std::string key;
  std::string value;
  // Either call may run a toJSON that calls emit() itself.
  if (!me.stringify(context, info[0], key, "null")) return;
  if (!me.stringify(context, info[1], value, "null")) return;
  emission& rows = me.emission_;
  if (!rows.open || rows.problem != fault::none) return;
  if (rows.count == me.limits_.rows_per_document) {
    rows.problem = fault::too_many_rows;
  } else if (key.size() + value.size() > me.limits_.row_bytes) {
    rows.problem = fault::too_large;
  } else if (rows.bytes + key.size() + value.size() > me.limits_.document_rows_bytes) {
    rows.problem = fault::too_many_bytes;
  } else {
    ++rows.count;
    rows.bytes += key.size() + value.size();
    answer_writer::put_row(rows.rows, key, value);
    return;
  }
  isolate->TerminateExecution(); // so that the function cannot catch it
}

v8::MaybeLocal<v8::String> engine::text_of(std::string_view utf8) {
  if (utf8.size() > static_cast<size_t>(v8::String::kMaxLength)) return {};
  const int size = static_cast<int>(utf8.size());
  if (is_ascii(utf8)) {
    return v8::String::NewFromOneByte(isolate_, reinterpret_cast<const uint8_t*>(utf8.data()),
                                      v8::NewStringType::kNormal, size);
  }
  return v8::String::NewFromUtf8(isolate_, utf8.data(), v8::NewStringType::kNormal, size);
}

v8::MaybeLocal<v8::Value> engine::parse(v8::Local<v8::Context> context, std::string_view json) {
  v8::Local<v8::String> text;
  if (!text_of(json).ToLocal(&text)) return {};
  return v8::JSON::Parse(context, text);
}

bool engine::stringify(v8::Local<v8::Context> context, v8::Local<v8::Value> value, std::string& out,
                       std::string_view absent) {
  v8::Local<v8::String> text;
  if (!v8::JSON::Stringify(context, value).ToLocal(&text)) return false;
  const size_t begin = out.size();
  if (!append(text, out)) return false;
  // V8's result for a value that has no JSON; a string would be in quotes.
  if (std::string_view(out).substr(begin) == "undefined") out.replace(begin, out.size(), absent);
  return true;
}

bool engine::append(v8::Local<v8::String> text, std::string& out) {
  const auto length = static_cast<size_t>(text->Length());
  // Longer than a row may be; any length over the limit gives the same fault.
  if (length > limits_.row_bytes + defaults::function_bytes) {
    out.append(limits_.row_bytes + 1, ' ');
    return true;
  }
  const size_t begin = out.size();
  out.resize(begin + 3 * length);
  const int written = text->WriteUtf8(isolate_, out.data() + begin, static_cast<int>(3 * length),
                                      nullptr, utf8_options);
  out.resize(begin + static_cast<size_t>(written));
  return true;
}

std::string engine::message_of(const script& what, v8::Local<v8::Context> context,
                               const v8::TryCatch& caught) {
  const auto message = caught.Message();
  if (message.IsEmpty()) return "threw";
  std::string text(defaults::message_bytes, '\0');
  const int written = message->Get()->WriteUtf8(
      isolate_, text.data(), static_cast<int>(text.size()), nullptr, utf8_options);
  text.resize(static_cast<size_t>(written));
  constexpr std::string_view before = "Uncaught ";
  if (text.starts_with(before)) text.erase(0, before.size());
  // V8 reports a text that ends too early in the line after its last one.
  const auto lines = 1 + std::count(what.text.begin(), what.text.end(), '\n');
  const auto line = std::min<int64_t>(message->GetLineNumber(context).FromMaybe(0), lines);
  text = cut_text(text, defaults::message_bytes - 20);
  if (line > 0) text += " (line " + std::to_string(line) + ")";
  return text;
}

} // namespace treadmill::js
