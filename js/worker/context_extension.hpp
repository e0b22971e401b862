#pragma once
#include "js/wire/jobs.hpp"
#include <v8-context.h>
#include <v8-function-callback.h>

namespace treadmill::js {

/// Registers the extensions that prepare contexts with V8. Call once per process. `emit` implements
/// the global function emit().
///
/// They are extensions because V8 skips an extension's frames when it locates an error: a failing
/// call of `Date.now` is reported in the line of the user's function.
void register_context_extensions(v8::FunctionCallback emit);

/// In a context made with an extension, the global name of the function that prepares the context.
/// That function removes the name.
inline constexpr char prepare_name[] = "prepare_context";

/// The configuration for a context of that kind. Lives as long as the process.
v8::ExtensionConfiguration* context_extension(kind what);

} // namespace treadmill::js
