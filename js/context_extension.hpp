#pragma once
#include "js/jobs.hpp"
#include <v8-context.h>
#include <v8-function-callback.h>

namespace treadmill::js {

/// Makes what prepares contexts known to V8, once a process. `emit` is what functions call.
///
/// It is an extension, because V8 leaves frames of those out where it looks for the place of an
/// error: a call of `Date.now` fails in the line of the function that calls it.
void register_context_extensions(v8::FunctionCallback emit);

/// Global name, in a context made with it, of the function that prepares the context; it removes
/// the name.
inline constexpr char prepare_name[] = "prepare_context";

/// What a context of that kind is made with. Lives as long as the process.
v8::ExtensionConfiguration* context_extension(kind what);

} // namespace treadmill::js
