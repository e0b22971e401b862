// Compiled without RTTI, because V8's library has no typeinfo for the base class.
#include "js/worker/context_extension.hpp"
#include "js/worker/context_script.hpp"
#include <string>
#include <v8-extension.h>
#include <v8-template.h>

namespace treadmill::js {

namespace {

constexpr const char* map_name = "treadmill/map";
constexpr const char* reduce_name = "treadmill/reduce";

/// Global declarations of an extension become globals of the context. V8 runs the extension before
/// it adds the last of its own globals, so the extension only defines the function that prepares
/// the context.
std::string source_of(kind what) {
  std::string source = what == kind::map ? "native function emit();\n" : "";
  source += "globalThis.";
  source += prepare_name;
  source += " = ";
  source += context_script;
  return source;
}

class context_extension_of final : public v8::Extension {
public:
  context_extension_of(const char* name, std::string_view source, v8::FunctionCallback emit)
      : v8::Extension(name, source.data(), 0, nullptr, static_cast<int>(source.size())),
        emit_(emit) {}

  v8::Local<v8::FunctionTemplate> GetNativeFunctionTemplate(v8::Isolate* isolate,
                                                            v8::Local<v8::String> name) override {
    const auto made =
        v8::FunctionTemplate::New(isolate, emit_, {}, {}, 2, v8::ConstructorBehavior::kThrow);
    made->SetClassName(name);
    return made;
  }

private:
  v8::FunctionCallback emit_;
};

} // namespace

void register_context_extensions(v8::FunctionCallback emit) {
  static const std::string map = source_of(kind::map);
  static const std::string reduce = source_of(kind::reduce);
  v8::RegisterExtension(std::make_unique<context_extension_of>(map_name, map, emit));
  v8::RegisterExtension(std::make_unique<context_extension_of>(reduce_name, reduce, emit));
}

v8::ExtensionConfiguration* context_extension(kind what) {
  static const char* map_names[] = {map_name};
  static const char* reduce_names[] = {reduce_name};
  static v8::ExtensionConfiguration map(1, map_names);
  static v8::ExtensionConfiguration reduce(1, reduce_names);
  return what == kind::map ? &map : &reduce;
}

} // namespace treadmill::js
