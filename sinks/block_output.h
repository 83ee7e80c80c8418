// Where full blocks go: to a spool in the relay, to standard output in a dump. Called by any scrape
// worker; never blocks on a receiver.
#pragma once

#include "sinks/block.h"

namespace fedwave::sinks {

class BlockOutput {
 public:
  virtual ~BlockOutput() = default;
  virtual void append(Block block) = 0;
};

}  // namespace fedwave::sinks
