#pragma once
#include <optional>
#include <string>
#include <vector>

namespace treadmill::bench {

/// One line of the benchmark. `reach` is compared with the ratio where there is a floor, else with
/// the value.
struct figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::optional<double> floor{};
  bool higher_is_better = true;
  double reach = 0;

  std::optional<double> ratio() const;
  bool holds() const;
};

/// The lines as a table to read.
std::string table_of(const std::vector<figure>& figures);
/// The lines as a JSON array: figure, value, unit, floor, ratio, better, reach, holds.
std::string json_of(const std::vector<figure>& figures);

double median(std::vector<double> values);

} // namespace treadmill::bench
