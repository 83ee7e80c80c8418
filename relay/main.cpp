#include "relay/allocator.h"
#include "relay/command_line.h"

int main(int argc, char** argv) {
  fedwave::relay::tune_allocator();
  return fedwave::relay::run_command_line(argc, argv);
}
