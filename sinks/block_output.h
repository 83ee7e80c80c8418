// Where full blocks go: to a spool in the relay, to standard output in a dump. Called by any scrape
// worker; never blocks on a receiver.
#pragma once

#include <string>

#include "sinks/block.h"

namespace fedwave::sinks {

class BlockOutput {
 public:
  virtual ~BlockOutput() = default;
  virtual void append(Block block) = 0;
  // Memory for the next block's bytes, if some is to spare: of whatever size and content.
  virtual std::string spare_buffer() { return {}; }
};

}  // namespace fedwave::sinks
