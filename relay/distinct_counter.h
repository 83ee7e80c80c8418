// How many different values there were, by their hashes: exact for some thousands, beyond that
// within about a per cent, in 8 KiB however many they are (HyperLogLog). A plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <vector>

namespace fedwave::relay {

class DistinctCounter {
 public:
  void add(std::uint64_t hash);
  [[nodiscard]] std::uint64_t count() const;

 private:
  static constexpr std::size_t kExactMax = 4'096;
  static constexpr unsigned kIndexBits = 13;
  static constexpr std::size_t kRegisters = std::size_t{1} << kIndexBits;

  void note(std::uint64_t hash);

  std::unordered_set<std::uint64_t> few_;  // until there are too many
  std::vector<std::uint8_t> registers_;    // from then on
};

}  // namespace fedwave::relay
