#include "relay/base/hash.h"

#include <doctest/doctest.h>

#include <cstdint>

using fedwave::base::Hash128;
using fedwave::base::seeded_hash128;
using fedwave::base::seeded_hash64;
using fedwave::base::stable_hash64;

TEST_CASE("the same bytes have the same hash, others and other variants another one") {
  CHECK(seeded_hash64("abc") == seeded_hash64("abc"));
  CHECK(seeded_hash64("abc") != seeded_hash64("abd"));
  CHECK(seeded_hash128("abc") == seeded_hash128("abc", 0));
  CHECK_FALSE(seeded_hash128("abc") == seeded_hash128("abd"));
  CHECK_FALSE(seeded_hash128("abc") == seeded_hash128("abc", 1));
}

TEST_CASE("nobody outside the process knows the hashes") {
  // What XXH3 makes of no bytes without a seed.
  constexpr std::uint64_t kUnseeded64 = 0x2d06800538d394c2;
  constexpr Hash128 kUnseeded128{0x6001c324468d497f, 0x99aa06d3014798d8};
  CHECK(seeded_hash64("") != kUnseeded64);
  CHECK_FALSE(seeded_hash128("") == kUnseeded128);
}

TEST_CASE("the stable hash is XXH3, which its authors have fixed") {
  CHECK(stable_hash64("", 0) == 0x2d06800538d394c2);
  CHECK(stable_hash64("", 1) != stable_hash64("", 0));
}
