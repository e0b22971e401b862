#pragma once
#include <charconv>
#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <unicode/ucol.h>
#include <unicode/unistr.h>

/// A second implementation of selectors, on trees, in the three passes that CouchDB normalises in.
/// Recursive, slow, plain, and with nothing in common with the code that is tested. It throws no
/// errors: give it valid selectors, with small numbers and simple regular expressions.
namespace naive_selector {

using value = rapidjson::Value;
using document = rapidjson::Document;
using allocator = document::AllocatorType;

inline std::string_view text_of(const value& v) { return {v.GetString(), v.GetStringLength()}; }

inline value string(std::string_view text, allocator& memory) {
  return value(text.data(), static_cast<rapidjson::SizeType>(text.size()), memory);
}

inline value copy(const value& v, allocator& memory) { return value(v, memory); }

/// `{name: of}`
inline value object(std::string_view name, value of, allocator& memory) {
  value made(rapidjson::kObjectType);
  made.AddMember(string(name, memory), of, memory);
  return made;
}

inline bool is_operator(std::string_view name) { return name.starts_with('$'); }
inline bool takes_conditions(std::string_view name) {
  return name == "$and" || name == "$or" || name == "$nor";
}
inline bool takes_condition(std::string_view name) {
  return name == "$not" || name == "$elemMatch" || name == "$allMatch" || name == "$keyMapMatch";
}

/// First pass: every condition becomes an object of one member.
inline value make_explicit(const value& v, allocator& memory) {
  if (!v.IsObject() || v.ObjectEmpty()) return object("$eq", copy(v, memory), memory);
  if (v.MemberCount() > 1) {
    value all(rapidjson::kArrayType);
    for (const auto& member : v.GetObject()) {
      const value one = object(text_of(member.name), copy(member.value, memory), memory);
      all.PushBack(make_explicit(one, memory), memory);
    }
    return object("$and", std::move(all), memory);
  }
  const auto& member = *v.MemberBegin();
  const auto name = text_of(member.name);
  if (takes_conditions(name)) {
    value list(rapidjson::kArrayType);
    for (const value& each : member.value.GetArray())
      list.PushBack(make_explicit(each, memory), memory);
    return object(name, std::move(list), memory);
  }
  if (is_operator(name) && !takes_condition(name)) return copy(v, memory);
  return object(name, make_explicit(member.value, memory), memory);
}

/// Second pass: `{path: {operator: argument}}` below the operators that combine.
inline value push_fields(const value& v, const std::string& path, allocator& memory) {
  const auto& member = *v.MemberBegin();
  const auto name = text_of(member.name);
  if (takes_conditions(name)) {
    value list(rapidjson::kArrayType);
    for (const value& each : member.value.GetArray())
      list.PushBack(push_fields(each, path, memory), memory);
    return object(name, std::move(list), memory);
  }
  if (name == "$not") return object(name, push_fields(member.value, path, memory), memory);
  if (takes_condition(name))
    return object(path, object(name, push_fields(member.value, "", memory), memory), memory);
  if (is_operator(name)) return object(path, copy(v, memory), memory);
  return push_fields(member.value,
                     path.empty() ? std::string(name) : path + '.' + std::string(name), memory);
}

inline value negate(const value& v, allocator& memory);

/// Third pass, of which elements see nothing: `$not` moves to the operators.
inline value push_negations(const value& v, allocator& memory) {
  const auto& member = *v.MemberBegin();
  const auto name = text_of(member.name);
  if (name == "$not") return negate(member.value, memory);
  if (!takes_conditions(name)) return copy(v, memory);
  value list(rapidjson::kArrayType);
  for (const value& each : member.value.GetArray())
    list.PushBack(name == "$nor" ? negate(each, memory) : push_negations(each, memory), memory);
  return object(name == "$or" ? "$or" : "$and", std::move(list), memory);
}

inline value negate(const value& v, allocator& memory) {
  const auto& member = *v.MemberBegin();
  const auto name = text_of(member.name);
  if (name == "$not") return push_negations(member.value, memory);
  if (takes_conditions(name)) {
    value list(rapidjson::kArrayType);
    for (const value& each : member.value.GetArray())
      list.PushBack(name == "$nor" ? push_negations(each, memory) : negate(each, memory), memory);
    return object(name == "$or" ? "$and" : "$or", std::move(list), memory);
  }
  static constexpr std::pair<std::string_view, std::string_view> opposites[] = {
      {"$lt", "$gte"}, {"$lte", "$gt"}, {"$eq", "$ne"}, {"$in", "$nin"}};
  for (const auto& [one, other] : opposites) {
    if (name == one) return object(other, copy(member.value, memory), memory);
    if (name == other) return object(one, copy(member.value, memory), memory);
  }
  if (name == "$exists") return object(name, value(!member.value.GetBool()), memory);
  if (is_operator(name)) return object("$not", copy(v, memory), memory);
  return object(name, negate(member.value, memory), memory);
}

inline int sign(int order) { return (order > 0) - (order < 0); }

inline int compare_text(const value& a, const value& b, bool raw) {
  if (raw) return sign(text_of(a).compare(text_of(b)));
  static UErrorCode status = U_ZERO_ERROR;
  static UCollator* collator = ucol_open("root", &status);
  const auto x =
      icu::UnicodeString::fromUTF8({a.GetString(), static_cast<int>(a.GetStringLength())});
  const auto y =
      icu::UnicodeString::fromUTF8({b.GetString(), static_cast<int>(b.GetStringLength())});
  return ucol_strcoll(collator, x.getBuffer(), x.length(), y.getBuffer(), y.length());
}

inline int rank(const value& v, bool raw) {
  switch (v.GetType()) {
  case rapidjson::kNullType: return raw ? 2 : 0;
  case rapidjson::kFalseType: return 1;
  case rapidjson::kTrueType: return raw ? 3 : 2;
  case rapidjson::kNumberType: return raw ? 0 : 3;
  case rapidjson::kStringType: return raw ? 6 : 4;
  case rapidjson::kArrayType: return 5;
  case rapidjson::kObjectType: return raw ? 4 : 6;
  }
  return -1;
}

inline int compare(const value& a, const value& b, bool raw) {
  if (rank(a, raw) != rank(b, raw)) return sign(rank(a, raw) - rank(b, raw));
  if (a.IsNumber()) return (a.GetDouble() > b.GetDouble()) - (a.GetDouble() < b.GetDouble());
  if (a.IsString()) return compare_text(a, b, raw);
  if (a.IsArray()) {
    for (rapidjson::SizeType i = 0; i < a.Size() && i < b.Size(); ++i)
      if (const int order = compare(a[i], b[i], raw); order != 0) return order;
    return sign(static_cast<int>(a.Size()) - static_cast<int>(b.Size()));
  }
  if (!a.IsObject()) return 0;
  auto x = a.MemberBegin();
  auto y = b.MemberBegin();
  for (; x != a.MemberEnd() && y != b.MemberEnd(); ++x, ++y) {
    if (const int order = compare_text(x->name, y->name, raw); order != 0) return order;
    if (const int order = compare(x->value, y->value, raw); order != 0) return order;
  }
  return (x != a.MemberEnd()) - (y != b.MemberEnd());
}

inline bool is_in(const value& list, const value& v, bool raw) {
  for (const value& each : list.GetArray())
    if (compare(each, v, raw) == 0) return true;
  return false;
}

inline bool match(const value& condition, const value& v, bool raw);

inline bool match_list(std::string_view name, const value& argument, const value& v, bool raw) {
  if (name == "$in" || name == "$nin") {
    bool found = false;
    if (v.IsArray())
      for (const value& each : v.GetArray()) found = found || is_in(argument, each, raw);
    else
      found = is_in(argument, v, raw);
    return found == (name == "$in");
  }
  if (!v.IsArray() || argument.Empty()) return false;
  if (argument.Size() == 1 && argument[0].IsArray() && compare(argument[0], v, true) == 0)
    return true;
  for (const value& each : argument.GetArray())
    if (!is_in(v, each, true)) return false;
  return true;
}

inline bool match_elements(std::string_view name, const value& argument, const value& v, bool raw) {
  if (name == "$keyMapMatch") {
    if (!v.IsObject()) return false;
    for (const auto& member : v.GetObject())
      if (match(argument, member.name, raw)) return true;
    return false;
  }
  if (!v.IsArray() || v.Empty()) return false;
  for (const value& each : v.GetArray())
    if (match(argument, each, raw) == (name == "$elemMatch")) return name == "$elemMatch";
  return name == "$allMatch";
}

/// Of regular expressions, characters, `.`, `?` after one of them, `^` and `$`.
inline bool search_here(const icu::UnicodeString& pattern, int from, const icu::UnicodeString& text,
                        int at) {
  if (from == pattern.length()) return true;
  if (pattern[from] == '$') return at == text.length();
  const bool same = at < text.length() && (pattern[from] == '.' || pattern[from] == text[at]);
  const bool optional = from + 1 < pattern.length() && pattern[from + 1] == '?';
  const int next = from + (optional ? 2 : 1);
  if (same && search_here(pattern, next, text, at + 1)) return true;
  return optional && search_here(pattern, next, text, at);
}

inline bool search(const value& expression, const value& v) {
  const auto pattern = icu::UnicodeString::fromUTF8(expression.GetString());
  const auto text = icu::UnicodeString::fromUTF8(v.GetString());
  if (pattern.startsWith("^")) return search_here(pattern, 1, text, 0);
  for (int at = 0; at <= text.length(); ++at)
    if (search_here(pattern, 0, text, at)) return true;
  return false;
}

inline std::string_view type(const value& v) {
  if (v.IsNull()) return "null";
  if (v.IsBool()) return "boolean";
  if (v.IsNumber()) return "number";
  if (v.IsString()) return "string";
  return v.IsArray() ? "array" : "object";
}

inline bool match_operator(std::string_view name, const value& argument, const value& v, bool raw) {
  if (name == "$lt") return compare(v, argument, raw) < 0;
  if (name == "$lte") return compare(v, argument, raw) <= 0;
  if (name == "$eq") return compare(v, argument, raw) == 0;
  if (name == "$ne") return compare(v, argument, raw) != 0;
  if (name == "$gte") return compare(v, argument, raw) >= 0;
  if (name == "$gt") return compare(v, argument, raw) > 0;
  if (name == "$in" || name == "$nin" || name == "$all") return match_list(name, argument, v, raw);
  if (name == "$exists") return argument.GetBool();
  if (name == "$type") return type(v) == text_of(argument);
  if (name == "$size") return v.IsArray() && v.Size() == argument.GetUint();
  if (name == "$mod")
    return v.IsInt64() && v.GetInt64() % argument[0].GetInt64() == argument[1].GetInt64();
  if (name == "$beginsWith") return v.IsString() && text_of(v).starts_with(text_of(argument));
  if (name == "$regex") return v.IsString() && search(argument, v);
  return match_elements(name, argument, v, raw);
}

/// What a path leads to; `blocked`: it leads through a value without an inside.
inline const value* field(const value& from, std::string_view path, bool& blocked) {
  const value* at = &from;
  std::string name;
  for (size_t i = 0; i <= path.size(); ++i) {
    const bool escaped = i > 0 && path[i - 1] == '\\';
    if (i < path.size() && (path[i] != '.' || escaped)) {
      if (path[i] != '\\') name += path[i];
      continue;
    }
    if (at->IsObject()) {
      const auto found = at->FindMember(name.c_str());
      if (found == at->MemberEnd()) return nullptr;
      at = &found->value;
    } else {
      size_t index = 0;
      const auto read = std::from_chars(name.data(), name.data() + name.size(), index);
      blocked = !at->IsArray() || read.ec != std::errc{} || read.ptr != name.data() + name.size() ||
                index >= at->Size();
      if (blocked) return nullptr;
      at = &(*at)[static_cast<rapidjson::SizeType>(index)];
    }
    name.clear();
  }
  return at;
}

inline bool match(const value& condition, const value& v, bool raw) {
  const auto& member = *condition.MemberBegin();
  const auto name = text_of(member.name);
  if (name == "$and" || name == "$nor") {
    for (const value& each : member.value.GetArray())
      if (match(each, v, raw) == (name == "$nor")) return false;
    return true;
  }
  if (name == "$or") {
    bool any = member.value.Empty();
    for (const value& each : member.value.GetArray()) any = any || match(each, v, raw);
    return any;
  }
  if (name == "$not") return !match(member.value, v, raw);
  if (name.empty()) return match(member.value, v, raw);
  if (is_operator(name)) return match_operator(name, member.value, v, raw);
  bool blocked = false;
  const value* found = field(v, name, blocked);
  if (found != nullptr) return match(member.value, *found, raw || name == "_id");
  const auto& wanted = *member.value.MemberBegin();
  return !blocked && text_of(wanted.name) == "$exists" && !wanted.value.GetBool();
}

/// `body` with its _id and _rev.
inline bool matches(std::string_view selector, std::string_view body) {
  document of;
  of.Parse(selector.data(), selector.size());
  document with;
  with.Parse(body.data(), body.size());
  if (of.ObjectEmpty()) return true;
  auto& memory = of.GetAllocator();
  const value all = push_negations(push_fields(make_explicit(of, memory), "", memory), memory);
  return match(all, with, false);
}

} // namespace naive_selector
