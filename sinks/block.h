// The unit of everything after the series table: up to 1 MiB of lines, compressed once, with the
// number of points in it. What a spool holds is what direct ingestion posts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "relay/base/expected.h"

namespace fedwave::sinks {

inline constexpr std::size_t kBlockBytesMax = std::size_t{1} << 20;

enum class PointFormat : std::uint8_t { Metric, Histogram };

struct Block {
  std::string bytes;
  bool gzip = false;
  PointFormat format = PointFormat::Metric;
  std::uint32_t points = 0;
  std::size_t line_bytes = 0;   // before compression
  std::int64_t created_ms = 0;  // wall time
};

// The lines of a block, uncompressed.
base::Expected<std::string> block_lines(const Block& block);

}  // namespace fedwave::sinks
