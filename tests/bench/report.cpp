#include "tests/bench/report.hpp"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

namespace treadmill::bench {

namespace {

constexpr int decimals = 3;

std::string text_of(double number) {
  const double size = std::abs(number);
  const int places = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : decimals;
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", places, number);
  return text;
}

std::string cell(const std::string& text, size_t width) {
  return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
}

} // namespace

std::optional<double> figure::ratio() const {
  if (!floor || *floor == 0) return std::nullopt;
  return value / *floor;
}

bool figure::holds() const {
  const double compared = ratio().value_or(value);
  return higher_is_better ? compared >= reach : compared <= reach;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

std::string table_of(const std::vector<figure>& figures) {
  size_t width = 6;
  for (const figure& one : figures) width = std::max(width, one.name.size());
  std::string text = "figure" + std::string(width - 6, ' ') + cell("node", 11) + "  unit  " +
                     cell("floor", 10) + cell("ratio", 8) + cell("reach", 11) + "\n";
  for (const figure& one : figures) {
    text += one.name + std::string(width - one.name.size(), ' ');
    text += cell(text_of(one.value), 11) + "  " + one.unit;
    text += std::string(one.unit.size() < 6 ? 6 - one.unit.size() : 0, ' ');
    text += cell(one.floor ? text_of(*one.floor) : "", 10);
    text += cell(one.floor ? text_of(*one.ratio()) : "", 8);
    text += cell((one.higher_is_better ? ">= " : "<= ") + text_of(one.reach), 11);
    text += one.holds() ? "  holds\n" : "  MISSED\n";
  }
  return text;
}

std::string json_of(const std::vector<figure>& figures) {
  rapidjson::StringBuffer text;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> out(text);
  out.SetIndent(' ', 2);
  out.SetMaxDecimalPlaces(decimals);
  const auto number = [&](std::optional<double> one) { one ? out.Double(*one) : out.Null(); };
  out.StartArray();
  for (const figure& one : figures) {
    out.StartObject();
    out.Key("figure");
    out.String(one.name.c_str());
    out.Key("value");
    out.Double(one.value);
    out.Key("unit");
    out.String(one.unit.c_str());
    out.Key("floor");
    number(one.floor);
    out.Key("ratio");
    number(one.ratio());
    out.Key("better");
    out.String(one.higher_is_better ? "higher" : "lower");
    out.Key("reach");
    out.Double(one.reach);
    out.Key("holds");
    out.Bool(one.holds());
    out.EndObject();
  }
  out.EndArray();
  return std::string(text.GetString()) + "\n";
}

} // namespace treadmill::bench
