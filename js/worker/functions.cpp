// How the engine makes functions: contexts, the check of a text, and compiling.
#include "js/wire/defaults.hpp"
#include "js/worker/context_extension.hpp"
#include "js/worker/context_script.hpp"
#include "js/worker/engine.hpp"
#include "js/worker/source_text.hpp"
#include <array>
#include <unistd.h>

namespace treadmill::js {

namespace {

constexpr std::string_view not_one_function = "the text is not one function or arrow expression";
constexpr std::string_view before_text = "'use strict';(";
constexpr std::string_view after_text = "\n)";

} // namespace

std::string engine::warm_up() {
  const v8::HandleScope handles(isolate_);
  const v8::TryCatch caught(isolate_);
  const auto plain = v8::Context::New(isolate_);
  const v8::Context::Scope scope(plain);
  script trial;
  if (evaluate(plain, "", warm_up_script, "", true).IsEmpty())
    return message_of(trial, plain, caught);
  if (make_context(trial).IsEmpty()) return "no context for a function can be made";
  stack_.guard();
  return {};
}

v8::MaybeLocal<v8::Context> engine::make_context(script& what) {
  v8::EscapableHandleScope handles(isolate_);
  auto microtasks = v8::MicrotaskQueue::New(isolate_, v8::MicrotasksPolicy::kExplicit);
  const auto context =
      v8::Context::New(isolate_, context_extension(what.what), {}, {}, {}, microtasks.get());
  if (context.IsEmpty()) return {};
  what.microtasks = std::move(microtasks);
  const v8::Context::Scope scope(context);
  context->AllowCodeGenerationFromStrings(false);
  v8::Local<v8::Value> prepares;
  const auto name = v8::String::NewFromUtf8Literal(isolate_, prepare_name);
  if (!context->Global()->Get(context, name).ToLocal(&prepares) || !prepares->IsFunction() ||
      prepares.As<v8::Function>()->Call(context, v8::Undefined(isolate_), 0, nullptr).IsEmpty()) {
    return {};
  }
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

// Checks that the text is one expression before running it. A text that compiles between round and
// between square brackets closes neither; between ? and : it is one expression without a comma.
// Running it gives a function, without other effects if the whole text is a function. If it is
// anything else, the context is discarded.
std::optional<std::string> engine::compile(script& what, v8::Local<v8::Context> context) {
  const std::string_view text = skip_blank(what.text);
  if (text.empty() || is_class(text)) return std::string(not_one_function);
  if (counting_) // a unique text, so that V8 finds nothing in its compilation cache
    return make_function(what, context, "\n)//" + std::to_string(++compiled_));
  {
    const v8::TryCatch caught(isolate_);
    if (evaluate(context, before_text, what.text, after_text, false).IsEmpty())
      return message_of(what, context, caught);
  }
  for (const auto& [before, after] :
       {std::pair{"'use strict';[", "\n]"}, std::pair{"'use strict';0?", "\n:0"}}) {
    if (evaluate(context, before, what.text, after, false).IsEmpty())
      return std::string(not_one_function);
  }
  return make_function(what, context, after_text);
}

std::optional<std::string> engine::make_function(script& what, v8::Local<v8::Context> context,
                                                 std::string_view after) {
  const std::string_view text = skip_blank(what.text);
  const v8::TryCatch caught(isolate_);
  v8::Local<v8::Value> made;
  if (!evaluate(context, before_text, what.text, after, true).ToLocal(&made))
    return message_of(what, context, caught);
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
  stack_.open();
  // The context script itself does not throw, so this worker is out of memory.
  if (!make_context(what).ToLocal(&context)) ::_exit(exit_code::out_of_memory);
  const v8::Context::Scope scope(context);
  limit_calls(__builtin_frame_address(0));
  watchdog::piece piece(*watchdog_);
  auto refusal = compile(what, context);
  const bool timed_out = piece.end();
  isolate_->SetStackLimit(stack_.lowest());
  if (!counting_) stack_.guard();
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

} // namespace treadmill::js
