#include "relay/base/hash.h"

#include <xxhash.h>

#include <array>
#include <cstring>
#include <random>

namespace fedwave::base {
namespace {

// A secret of our own does what a seed does, without the 192 bytes that xxHash would derive from
// the seed at every call.
using Secret = std::array<unsigned char, 192>;

const Secret& process_secret() {
  static const Secret secret = [] {
    std::random_device random;
    Secret bytes{};
    for (std::size_t i = 0; i < bytes.size(); i += sizeof(std::uint32_t)) {
      const std::uint32_t word = random();
      std::memcpy(bytes.data() + i, &word, sizeof word);
    }
    return bytes;
  }();
  return secret;
}

}  // namespace

std::uint64_t seeded_hash64(std::string_view bytes) {
  const Secret& secret = process_secret();
  return XXH3_64bits_withSecret(bytes.data(), bytes.size(), secret.data(), secret.size());
}

Hash128 seeded_hash128(std::string_view bytes, std::uint64_t variant) {
  const Secret& secret = process_secret();
  const XXH128_hash_t hash =
      XXH3_128bits_withSecret(bytes.data(), bytes.size(), secret.data(), secret.size());
  // The variants are few and small; spread over the high bits they touch neither half's low ones.
  return {hash.low64 ^ (variant << 56U), hash.high64 + variant};
}

std::uint64_t stable_hash64(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace fedwave::base
