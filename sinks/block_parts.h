// A block on its way, whole or in parts: a receiver may ask for smaller requests, or refuse a
// request because of one line in it. Keeps what is still to be sent, in the block's order, and cuts
// and compresses only what has to be cut. Belongs to the sender's thread; the block outlives it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/gzip.h"
#include "sinks/block.h"

namespace fedwave::sinks {

class BlockParts {
 public:
  explicit BlockParts(const Block& block);
  BlockParts(const BlockParts&) = delete;
  BlockParts& operator=(const BlockParts&) = delete;

  [[nodiscard]] bool empty() const { return parts_.empty(); }

  // What is to be sent next: at most `points_max` points of it (0: any number), with everything
  // else as in the block. Stays valid until the parts change.
  const Block& next(std::uint32_t points_max = 0);
  // The next part is dealt with.
  void pop();
  // The two halves of the next part take its place. False when it is a single line, or lines that
  // cannot be told apart.
  bool halve(bool last_first = false);

  // What stands at the block's other end is next. False when there is only one part left.
  bool turn();

  // The lines of the next part, valid for as long as this object. Empty when they cannot be read.
  std::string_view lines();

 private:
  struct Part {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::uint32_t points = 0;
  };

  const Part& current();
  // The first lines of a part; nothing when it has not more than that, or they cannot be told
  // apart.
  std::optional<Part> first_lines(const Part& part, std::uint32_t points);
  std::string_view text_of(const Part& part);
  std::string_view all_lines();

  const Block& block_;
  std::vector<Part> parts_;      // the next one last
  std::optional<Part> current_;  // the beginning of the next one, or all of it
  std::optional<std::string> inflated_;
  std::optional<base::GzipDeflater> deflater_;
  std::optional<Block> made_;  // of current_, once it was asked for
};

}  // namespace fedwave::sinks
