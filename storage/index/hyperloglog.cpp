#include "storage/index/hyperloglog.hpp"
#include "storage/base/coding.hpp"
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace treadmill {
namespace {

constexpr size_t most_listed = 512; ///< most set registers that are listed individually
constexpr char listed = 0;
constexpr char whole = 1;

/// Ertl's sigma and tau: the corrections for registers that are 0 and for saturated registers.
double sigma(double x) {
  double y = 1;
  double z = x;
  double before = -1;
  while (z != before) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

double tau(double x) {
  if (x == 0 || x == 1) return 0;
  double y = 1;
  double z = 1 - x;
  double before = -1;
  while (z != before) {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

} // namespace

void hyperloglog::raise(size_t index, uint8_t rank) {
  if (ranks_.empty()) ranks_.resize(registers);
  ranks_[index] = std::max(ranks_[index], rank);
}

void hyperloglog::add(uint64_t hash) {
  const uint64_t rest = hash << index_bits;
  const unsigned zeros =
      rest == 0 ? 64 - index_bits : static_cast<unsigned>(std::countl_zero(rest));
  raise(hash >> (64 - index_bits), static_cast<uint8_t>(zeros + 1));
}

void hyperloglog::merge(const hyperloglog& other) {
  for (size_t i = 0; i < other.ranks_.size(); ++i)
    if (other.ranks_[i] != 0) raise(i, other.ranks_[i]);
}

size_t hyperloglog::set() const {
  return ranks_.size() - static_cast<size_t>(std::count(ranks_.begin(), ranks_.end(), 0));
}

uint64_t hyperloglog::estimate() const {
  if (ranks_.empty()) return 0;
  std::array<unsigned, greatest_rank + 1> count{};
  for (const uint8_t rank : ranks_) ++count[rank];
  constexpr auto m = static_cast<double>(registers);
  double z = m * tau(1 - count[greatest_rank] / m);
  for (unsigned rank = greatest_rank - 1; rank >= 1; --rank) z = 0.5 * (z + count[rank]);
  z += m * sigma(count[0] / m);
  constexpr double half_of_log2_e = 0.72134752044448170368; // 1 / (2 ln 2)
  return static_cast<uint64_t>(std::floor(half_of_log2_e * m * m / z + 0.5));
}

std::string hyperloglog::encode() const {
  std::string out;
  if (set() > most_listed) {
    out += whole;
    for (const uint8_t rank : ranks_) out += static_cast<char>(rank);
    return out;
  }
  out += listed;
  size_t next = 0;
  for (size_t i = 0; i < ranks_.size(); ++i) {
    if (ranks_[i] == 0) continue;
    put_varint(out, i - next);
    out += static_cast<char>(ranks_[i]);
    next = i + 1;
  }
  return out;
}

bool hyperloglog::decode(std::string_view bytes) {
  ranks_.clear();
  if (bytes.empty()) return false;
  const char form = bytes.front();
  bytes.remove_prefix(1);
  if (form == whole) {
    if (bytes.size() != registers) return false;
    ranks_.assign(bytes.begin(), bytes.end());
    const auto fits = [](uint8_t rank) { return rank <= greatest_rank; };
    return set() > most_listed && std::all_of(ranks_.begin(), ranks_.end(), fits);
  }
  size_t next = 0;
  while (!bytes.empty()) {
    uint64_t skipped = 0;
    if (!take_varint(bytes, skipped) || skipped >= registers - next || bytes.empty()) return false;
    const auto rank = static_cast<uint8_t>(bytes.front());
    if (rank == 0 || rank > greatest_rank) return false;
    next += skipped;
    raise(next++, rank);
    bytes.remove_prefix(1);
  }
  return form == listed && set() <= most_listed;
}

} // namespace treadmill
