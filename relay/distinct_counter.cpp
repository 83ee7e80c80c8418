#include "relay/distinct_counter.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace fedwave::relay {

void DistinctCounter::add(std::uint64_t hash) {
  if (!registers_.empty()) return note(hash);
  few_.insert(hash);
  if (few_.size() <= kExactMax) return;
  registers_.resize(kRegisters);
  for (const std::uint64_t each : few_) note(each);
  few_ = {};
}

// Each register keeps the longest run of zeros that its hashes begin with, plus one.
void DistinctCounter::note(std::uint64_t hash) {
  const std::uint64_t rest = hash << kIndexBits | std::uint64_t{1} << (kIndexBits - 1);
  std::uint8_t& longest = registers_[hash >> (64 - kIndexBits)];
  longest = std::max(longest, static_cast<std::uint8_t>(std::countl_zero(rest) + 1));
}

std::uint64_t DistinctCounter::count() const {
  if (registers_.empty()) return few_.size();
  constexpr auto kCount = static_cast<double>(kRegisters);
  double sum = 0;
  for (const std::uint8_t longest : registers_) sum += std::ldexp(1.0, -longest);
  const double estimate = 0.7213 / (1 + 1.079 / kCount) * kCount * kCount / sum;
  const auto unused =
      static_cast<double>(std::count(registers_.begin(), registers_.end(), std::uint8_t{0}));
  // While many registers are unused, their share says more.
  const bool is_sparse = estimate <= 2.5 * kCount && unused > 0;
  return static_cast<std::uint64_t>(
      std::llround(is_sparse ? kCount * std::log(kCount / unused) : estimate));
}

}  // namespace fedwave::relay
