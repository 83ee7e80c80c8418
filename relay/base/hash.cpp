#include "relay/base/hash.h"

#include <xxhash.h>

#include <random>

namespace fedwave::base {
namespace {

std::uint64_t process_seed() {
  static const std::uint64_t seed =
      (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
  return seed;
}

}  // namespace

std::uint64_t seeded_hash64(std::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), process_seed());
}

Hash128 seeded_hash128(std::string_view bytes, std::uint64_t variant) {
  const XXH128_hash_t hash =
      XXH3_128bits_withSeed(bytes.data(), bytes.size(), process_seed() + variant);
  return {hash.low64, hash.high64};
}

}  // namespace fedwave::base
