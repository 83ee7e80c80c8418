// Numbers as people read them in the output of commands: ages, sizes, counts. Pure
// functions, any thread.
#pragma once

#include <cstdint>
#include <string>

namespace fedwave::relay {

// Rounded down to what matters at that age: 42s, 3m10s, 5h12m, 2d7h.
std::string age_text(std::int64_t duration_ms);
std::string bytes_text(std::uint64_t bytes);                        // 64 B, 1.5 KiB, 12.0 MiB
std::string counted(std::uint64_t count, const std::string& noun);  // 1 block, 2 blocks
std::string grouped(std::uint64_t count);                           // 1,234,567
std::string rate_text(double per_second);                           // 0.02, 1.5, 1,234

}  // namespace fedwave::relay
