#include "relay/allocator.h"

#include <malloc.h>

namespace fedwave::relay {

void tune_allocator() {
  // Every thread would get an arena of its own otherwise, and none gives its memory back.
  mallopt(M_ARENA_MAX, 2);
  // Blocks and tables go straight back to the system when they are freed. Left to itself glibc
  // moves them into its heaps after the first one, where they leave holes: 78 MB at the peak of
  // 100,000 series instead of 54. Smaller pieces would cost more page faults than they are worth.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

}  // namespace fedwave::relay
