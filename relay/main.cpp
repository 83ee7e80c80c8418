#include <malloc.h>

#include "relay/command_line.h"

int main(int argc, char** argv) {
  // Every thread would get an arena of its own otherwise, and none gives its memory back.
  mallopt(M_ARENA_MAX, 2);
  return fedwave::relay::run_command_line(argc, argv);
}
