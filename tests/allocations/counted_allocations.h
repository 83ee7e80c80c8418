// Replaces operator new and delete of the whole program by ones that count; hence a test program of
// its own. What C libraries take from malloc is not seen. Any thread.
#pragma once

#include <cstdint>

namespace fedwave::support {

// How many times operator new was called so far.
std::uint64_t allocations();
// What operator new gave and operator delete has not taken back.
std::int64_t allocated_bytes();

}  // namespace fedwave::support
