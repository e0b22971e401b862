#pragma once
#include "storage/selector/step_budget.hpp"
#include <cstdint>
#include <string>
#include <string_view>

namespace treadmill {

/// CouchDB's two orders of JSON values. Both compare arrays element by element and objects member
/// by member in their stored order (the name, then the value); what is a prefix is smaller.
enum class collation : uint8_t {
  unicode, ///< null, false, true, numbers, strings, arrays, objects; strings by ICU's root
           ///< collation
  raw,     ///< numbers, false, null, true, objects, arrays, strings; strings by their code points
};

/// The type of a JSON value.
enum class json_kind : uint8_t { null, boolean_false, boolean_true, number, string, array, object };

/// The kind of a value in stored form, by its first byte. Bytes that begin no value count as null.
json_kind kind_of(std::string_view value);

/// Below 0, 0, or above 0: the order of two values in stored form. Strings that ICU considers equal
/// are equal under `unicode`, although their bytes may differ. Numbers compare by their exact
/// values, integers of any length too. Safe on any bytes: without recursion, and bytes that are no
/// stored form have some order.
/// **Thread**: any, without locks. All threads share one collator of ICU, which is never changed
/// after its creation; ICU's functions that compare only read it.
/// **Errors**: 0 as soon as the budget is exhausted; the caller asks `budget` before it believes an
/// answer. A long run of combining marks takes the square of its length from the budget, as it
/// takes ICU that time.
int compare_json(std::string_view a, std::string_view b, collation order, step_budget& budget);

/// Whether compare_json is 0; faster for strings of printable ASCII.
bool equal_json(std::string_view a, std::string_view b, collation order, step_budget& budget);

/// The order of two JSON numbers by their exact values. An integer may have any length; beyond a
/// double's range it is larger than every double.
int compare_numbers(std::string_view a, std::string_view b);

/// The version of ICU and of its root collation, for example "72.1 153.120". Keys that were sorted
/// under one version may be out of order under another.
std::string collation_version();

} // namespace treadmill
