// What the kernel says of this process. Read anew at every call; any thread.
#pragma once

#include <cstdint>

namespace fedwave::relay {

// Zero stands for what cannot be read.
struct ProcessFigures {
  double cpu_seconds = 0;  // user and system time of all threads
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
  std::uint64_t threads = 0;
};

ProcessFigures process_figures();

}  // namespace fedwave::relay
