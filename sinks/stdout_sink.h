// Writes the lines of uncompressed blocks to standard output, as they are. Called by its sender's
// thread; `cancelled` outlives it.
#pragma once

#include <atomic>

#include "sinks/sink.h"

namespace fedwave::sinks {

class StdoutSink final : public Sink {
 public:
  explicit StdoutSink(const std::atomic<bool>* cancelled) : cancelled_(cancelled) {}
  SendResult send(const Block& block) override;

 private:
  const std::atomic<bool>* cancelled_;
  bool is_mid_line_ = false;  // what was written last ends there
};

}  // namespace fedwave::sinks
