// Where points go. A sink takes one block and says what became of it; retrying, waiting, splitting
// and counting are the sender's business. Called by its sender's thread only.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "sinks/block.h"

namespace fedwave::sinks {

enum class SendOutcome : std::uint8_t {
  Accepted,   // acknowledged: the receiver has it
  Retry,      // not reached, or in trouble of its own: the same block again, later
  SlowDown,   // the receiver asks for less: later, and in smaller batches
  Denied,     // wrong or missing credentials: the points stay, somebody has to act
  Misplaced,  // nobody takes points there: the points stay, somebody has to act
  TooLarge,   // the receiver would take the block in parts
  Refused,    // there is something in this block that the receiver will never take
};

struct SendResult {
  SendOutcome outcome = SendOutcome::Accepted;
  std::string cause;   // the kind of trouble, alike for alike trouble: "timeout", "http_503"
  std::string detail;  // for people: what the receiver said, or why it was not reached
  std::int64_t retry_after_ms = 0;  // what the receiver asked for; 0: nothing said
};

inline SendResult retry(const base::Error& error) {
  return {SendOutcome::Retry, base::error_code_name(error.code), error.message};
}

class Sink {
 public:
  virtual ~Sink() = default;
  virtual SendResult send(const Block& block) = 0;
  // Called once nothing more comes: hand over what is still on its way.
  virtual void finish() {}
};

}  // namespace fedwave::sinks
