#include <malloc.h>

#include "relay/command_line.h"

int main(int argc, char** argv) {
  // Every thread would get an arena of its own otherwise, and none gives its memory back.
  mallopt(M_ARENA_MAX, 2);
  // Large pieces go straight back to the system when they are freed. Left to itself glibc moves
  // them into its heaps after the first one, where they leave holes: 78 MB at the peak of 100,000
  // series instead of 54.
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  return fedwave::relay::run_command_line(argc, argv);
}
