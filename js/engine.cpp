#include "js/engine.hpp"
#include "js/array_buffers.hpp"
#include "js/context_script.hpp"
#include "js/defaults.hpp"
#include "js/source_text.hpp"
#include <algorithm>
#include <array>
#include <libplatform/libplatform.h>
#include <unistd.h>

namespace treadmill::js {

namespace {

/// What is given beyond the heap's limit, so that a function that is over it can be ended.
constexpr size_t heap_extension = 16 * defaults::mebibyte;
constexpr unsigned heap_extensions = 2;

constexpr int utf8_options = v8::String::NO_NULL_TERMINATION | v8::String::REPLACE_INVALID_UTF8;

constexpr std::string_view not_one_function = "the text is not one function or arrow expression";

void set_flags(const worker_limits& limits) {
  // No helper threads: what runs when must not depend on them, and the sandbox has no clone().
  std::string flags = "--single-threaded --no-expose-wasm --no-harmony-sharedarraybuffer "
                      "--no-stack-trace-on-illegal --no-abort-on-uncaught-exception";
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

engine::engine(const worker_limits& limits, progress_page& page) : limits_(limits), page_(page) {
  set_flags(limits);
  platform_ = v8::platform::NewSingleThreadedDefaultPlatform();
  v8::V8::InitializePlatform(platform_.get());
  v8::V8::Initialize();
  buffers_ = make_array_buffer_allocator(limits.array_buffer_bytes);
  v8::Isolate::CreateParams parameters;
  parameters.array_buffer_allocator = buffers_.get();
  parameters.constraints.ConfigureDefaultsFromHeapSize(0, limits.heap_bytes);
  isolate_ = v8::Isolate::New(parameters);
  isolate_->SetData(0, this);
  isolate_->Enter();
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

std::string engine::warm_up() {
  const v8::HandleScope handles(isolate_);
  const v8::TryCatch caught(isolate_);
  const auto plain = v8::Context::New(isolate_);
  const v8::Context::Scope scope(plain);
  v8::Local<v8::String> text;
  v8::Local<v8::UnboundScript> compiled;
  if (evaluate(plain, "", warm_up_script, "", true).IsEmpty() ||
      !text_of(context_script).ToLocal(&text)) {
    return message_of(plain, caught);
  }
  v8::ScriptCompiler::Source source(text);
  if (!v8::ScriptCompiler::CompileUnboundScript(isolate_, &source,
                                                v8::ScriptCompiler::kEagerCompile)
           .ToLocal(&compiled)) {
    return message_of(plain, caught);
  }
  prepare_.Reset(isolate_, compiled);
  script trial;
  return make_context(trial).IsEmpty() ? message_of(plain, caught) : std::string();
}

v8::MaybeLocal<v8::Context> engine::make_context(script& what) {
  v8::EscapableHandleScope handles(isolate_);
  auto microtasks = v8::MicrotaskQueue::New(isolate_, v8::MicrotasksPolicy::kExplicit);
  const auto context = v8::Context::New(isolate_, nullptr, {}, {}, {}, microtasks.get());
  if (context.IsEmpty()) return {};
  what.microtasks = std::move(microtasks);
  const v8::Context::Scope scope(context);
  context->AllowCodeGenerationFromStrings(false);
  if (what.what == kind::map) {
    const auto name = v8::String::NewFromUtf8Literal(isolate_, "emit");
    v8::Local<v8::Function> function;
    if (!v8::Function::New(context, emit, {}, 2, v8::ConstructorBehavior::kThrow)
             .ToLocal(&function)) {
      return {};
    }
    function->SetName(name);
    if (!context->Global()->Set(context, name, function).FromMaybe(false)) return {};
  }
  if (prepare_.Get(isolate_)->BindToCurrentContext()->Run(context).IsEmpty()) return {};
  return handles.Escape(context);
}

void engine::define(const define_request& what) {
  script& made = scripts_[what.function];
  made.leave();
  made.what = what.what;
  made.text = what.text;
}

void engine::forget(uint64_t function) {
  const auto found = scripts_.find(function);
  if (found == scripts_.end()) return;
  found->second.leave();
  scripts_.erase(found);
}

v8::MaybeLocal<v8::Value> engine::evaluate(v8::Local<v8::Context> context, std::string_view before,
                                           std::string_view text, std::string_view after,
                                           bool run) {
  v8::EscapableHandleScope handles(isolate_);
  std::string whole(before);
  whole += text;
  whole += after;
  v8::Local<v8::String> source;
  if (!text_of(whole).ToLocal(&source)) return {};
  v8::ScriptOrigin origin(isolate_, v8::String::NewFromUtf8Literal(isolate_, "function"), 0,
                          -static_cast<int>(before.size()));
  v8::Local<v8::Script> compiled;
  if (!v8::Script::Compile(context, source, &origin).ToLocal(&compiled)) return {};
  if (!run) return v8::Undefined(isolate_);
  v8::Local<v8::Value> result;
  if (!compiled->Run(context).ToLocal(&result)) return {};
  return handles.Escape(result);
}

// A text that is balanced between round and between square brackets closes neither; between ? and :
// it is one expression without a comma. Only then it is run, which gives a function and has no
// other effect if the text is a function from its first to its last character; whatever else it is,
// its context is thrown away.
std::optional<std::string> engine::compile(script& what, v8::Local<v8::Context> context) {
  const std::string_view text = skip_blank(what.text);
  if (text.empty() || is_class(text)) return std::string(not_one_function);
  const v8::TryCatch caught(isolate_);
  const auto end = "\n)";
  if (evaluate(context, "'use strict';(", what.text, end, false).IsEmpty())
    return message_of(context, caught);
  for (const auto& [before, after] :
       {std::pair{"'use strict';[", "\n]"}, std::pair{"'use strict';0?", "\n:0"}}) {
    if (evaluate(context, before, what.text, after, false).IsEmpty())
      return std::string(not_one_function);
  }
  v8::Local<v8::Value> made;
  if (!evaluate(context, "'use strict';(", what.text, end, true).ToLocal(&made))
    return message_of(context, caught);
  v8::Local<v8::String> source;
  std::string own;
  if (!made->IsFunction() ||
      !made.As<v8::Function>()->FunctionProtoToString(context).ToLocal(&source) ||
      !append(source, own) || !text.starts_with(own) ||
      !skip_blank(text.substr(own.size())).empty()) {
    return std::string(not_one_function);
  }
  if (made->IsAsyncFunction() || made->IsGeneratorFunction())
    return "an async function or a generator gives no rows";
  const auto function = made.As<v8::Function>();
  v8::Local<v8::Value> prototype;
  if (function->Get(context, v8::String::NewFromUtf8Literal(isolate_, "prototype"))
          .ToLocal(&prototype) &&
      prototype->IsObject()) {
    prototype.As<v8::Object>()->SetIntegrityLevel(context, v8::IntegrityLevel::kFrozen).Check();
  }
  function->SetIntegrityLevel(context, v8::IntegrityLevel::kFrozen).Check();
  what.function.Reset(isolate_, function);
  return std::nullopt;
}

std::optional<std::string> engine::prepare(script& what) {
  const v8::HandleScope handles(isolate_);
  v8::Local<v8::Context> context;
  // Our own script does not throw: this worker is full.
  if (!make_context(what).ToLocal(&context)) ::_exit(exit_code::out_of_memory);
  const v8::Context::Scope scope(context);
  watchdog_->begin();
  auto refusal = compile(what, context);
  const bool timed_out = watchdog_->end();
  if (out_of_memory_) ::_exit(exit_code::out_of_memory);
  promised_ = false;
  if (timed_out) {
    isolate_->CancelTerminateExecution();
    what.function.Reset();
    refusal = std::string(not_one_function);
  }
  if (!refusal) what.context.Reset(isolate_, context);
  return refusal;
}

engine::script* engine::enter(uint64_t request, uint64_t function, std::string& out) {
  const auto found = scripts_.find(function);
  if (found == scripts_.end()) {
    put_refused(out, request, "the function is not known here");
    return nullptr;
  }
  script& what = found->second;
  if (!what.context.IsEmpty()) return &what;
  page_.item.store(progress_page::compiling);
  page_.request.store(request);
  const auto refusal = prepare(what);
  if (!refusal) return &what;
  what.drop_promises();
  put_refused(out, request, *refusal);
  return nullptr;
}

void engine::map(const map_request& request, std::string& out) {
  watchdog_->wake();
  page_.item.store(0);
  if (script* what = enter(request.request, request.function, out)) {
    const size_t begin = out.size();
    answer_writer answer(out, request.request);
    uint32_t item = 0;
    for (const std::string_view text : request.documents) {
      page_.item.store(item++, std::memory_order_relaxed);
      page_.request.store(request.request, std::memory_order_release);
      if (is_strike(map_one(*what, text, answer))) break;
      if (out.size() - begin >= limits_.answer_bytes) break;
      if (what->context.IsEmpty() && prepare(*what)) break;
    }
    what->drop_promises();
    answer.finish();
  }
  page_.request.store(0);
  watchdog_->rest();
}

void engine::reduce(const reduce_request& request, std::string& out) {
  watchdog_->wake();
  page_.item.store(0);
  if (script* what = enter(request.request, request.function, out)) {
    const size_t begin = out.size();
    answer_writer answer(out, request.request);
    uint32_t item = 0;
    for (const auto& call : request.calls) {
      page_.item.store(item++, std::memory_order_relaxed);
      page_.request.store(request.request, std::memory_order_release);
      if (is_strike(reduce_one(*what, call, answer))) break;
      if (out.size() - begin >= limits_.answer_bytes) break;
      if (what->context.IsEmpty() && prepare(*what)) break;
    }
    what->drop_promises();
    answer.finish();
  }
  page_.request.store(0);
  watchdog_->rest();
}

fault engine::map_one(script& what, std::string_view text, answer_writer& out) {
  const v8::HandleScope handles(isolate_);
  const auto context = what.context.Get(isolate_);
  const v8::Context::Scope scope(context);
  const v8::TryCatch caught(isolate_);
  emission_.open = true;
  emission_.count = 0;
  emission_.problem = fault::none;
  emission_.rows.clear();
  uint32_t returned = 0;
  watchdog_->begin();
  v8::Local<v8::Value> argument;
  v8::Local<v8::Value> result;
  if (parse(context, text).ToLocal(&argument) &&
      what.function.Get(isolate_)
          ->Call(context, v8::Undefined(isolate_), 1, &argument)
          .ToLocal(&result)) {
    emission_.open = false;
    if (emission_.count == 0 && !result->IsUndefined()) {
      key_.clear();
      if (stringify(context, result, key_, "") && !key_.empty()) {
        if (key_.size() > limits_.row_bytes) emission_.problem = fault::too_large;
        answer_writer::put_row(emission_.rows, key_, "");
        returned = 1;
      }
    }
  }
  emission_.open = false;
  const fault problem = settle(what, caught);
  if (problem == fault::none) {
    out.rows_item(returned == 0 && emission_.count > 0, emission_.count + returned, emission_.rows);
  } else {
    write_fault(problem, context, caught, out);
  }
  return problem;
}

fault engine::reduce_one(script& what, const reduce_request::call& call, answer_writer& out) {
  const v8::HandleScope handles(isolate_);
  const auto context = what.context.Get(isolate_);
  const v8::Context::Scope scope(context);
  const v8::TryCatch caught(isolate_);
  emission_.problem = fault::none;
  key_.clear();
  watchdog_->begin();
  std::array<v8::Local<v8::Value>, 3> arguments;
  arguments[2] = v8::Boolean::New(isolate_, call.rereduce);
  v8::Local<v8::Value> result;
  if (parse(context, call.keys).ToLocal(&arguments[0]) &&
      parse(context, call.values).ToLocal(&arguments[1]) &&
      what.function.Get(isolate_)
          ->Call(context, v8::Undefined(isolate_), static_cast<int>(arguments.size()),
                 arguments.data())
          .ToLocal(&result) &&
      stringify(context, result, key_, "null") && key_.size() > limits_.row_bytes) {
    emission_.problem = fault::too_large;
  }
  const fault problem = settle(what, caught);
  if (problem == fault::none) {
    emission_.rows.clear();
    answer_writer::put_row(emission_.rows, key_, "");
    out.rows_item(false, 1, emission_.rows);
  } else {
    write_fault(problem, context, caught, out);
  }
  return problem;
}

fault engine::settle(script& what, const v8::TryCatch& caught) {
  const bool timed_out = watchdog_->end();
  fault problem = fault::none;
  if (out_of_memory_) {
    problem = fault::out_of_memory;
  } else if (timed_out) {
    problem = fault::timed_out;
  } else if (emission_.problem != fault::none) {
    problem = emission_.problem;
  } else if (caught.HasCaught()) {
    problem = fault::threw;
  }
  if (timed_out || out_of_memory_ || emission_.problem != fault::none)
    isolate_->CancelTerminateExecution();
  // Whatever was cut off in the middle, or left a promise behind, starts anew.
  if (is_strike(problem) || promised_) what.leave();
  promised_ = false;
  return problem;
}

void engine::write_fault(fault problem, v8::Local<v8::Context> context, const v8::TryCatch& caught,
                         answer_writer& out) {
  switch (problem) {
  case fault::threw: return out.fault_item(problem, message_of(context, caught));
  case fault::timed_out: return out.fault_item(problem, "took more CPU time than a document may");
  case fault::out_of_memory: return out.fault_item(problem, "took more memory than there is");
  case fault::too_many_rows:
    return out.fault_item(problem, "emitted more rows than a document may");
  case fault::too_large: return out.fault_item(problem, "a row is larger than the limit");
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
  // Either may call emit() itself, in a toJSON.
  if (!me.stringify(context, info[0], key, "null")) return;
  if (!me.stringify(context, info[1], value, "null")) return;
  emission& rows = me.emission_;
  if (!rows.open || rows.problem != fault::none) return;
  if (rows.count == me.limits_.rows_per_document) {
    rows.problem = fault::too_many_rows;
  } else if (key.size() + value.size() > me.limits_.row_bytes) {
    rows.problem = fault::too_large;
  } else {
    ++rows.count;
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
  // What V8 gives for a value that JSON does not have; a string would be in quotes.
  if (std::string_view(out).substr(begin) == "undefined") out.replace(begin, out.size(), absent);
  return true;
}

bool engine::append(v8::Local<v8::String> text, std::string& out) {
  const auto length = static_cast<size_t>(text->Length());
  // Longer than a row may be: how long does not matter.
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

std::string engine::message_of(v8::Local<v8::Context> context, const v8::TryCatch& caught) {
  const auto message = caught.Message();
  if (message.IsEmpty()) return "threw";
  std::string text(defaults::message_bytes, '\0');
  const int written = message->Get()->WriteUtf8(
      isolate_, text.data(), static_cast<int>(text.size()), nullptr, utf8_options);
  text.resize(static_cast<size_t>(written));
  constexpr std::string_view before = "Uncaught ";
  if (text.starts_with(before)) text.erase(0, before.size());
  const int line = message->GetLineNumber(context).FromMaybe(0);
  text = cut_text(text, defaults::message_bytes - 20);
  if (line > 0) text += " (line " + std::to_string(line) + ")";
  return text;
}

} // namespace treadmill::js
