#include "sinks/block.h"

#include "relay/base/gzip.h"

namespace fedwave::sinks {

base::Expected<std::string> block_lines(const Block& block) {
  if (!block.gzip) return block.bytes;
  return base::gunzip(block.bytes, block.line_bytes);
}

}  // namespace fedwave::sinks
