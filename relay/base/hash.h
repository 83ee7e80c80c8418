// Hashes for tables whose keys come from outside. They are seeded with random bytes that each
// process draws once, so that nobody can prepare keys that collide; hence they differ from process
// to process and are nothing to be stored or sent. Except for stable_hash64, on which several
// processes agree. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace fedwave::base {

// Wide enough to stand for the bytes themselves.
struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

std::uint64_t seeded_hash64(std::string_view bytes);

// Another `variant` (below 256), another hash of the same bytes.
Hash128 seeded_hash128(std::string_view bytes, std::uint64_t variant = 0);

// XXH3 with this seed: the same in every process, version and machine.
std::uint64_t stable_hash64(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace fedwave::base
