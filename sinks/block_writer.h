// Collects rendered lines and hands full blocks on. One per sink and scrape worker: the
// lines of a scrape are written straight into its buffer. flush() ends a scrape.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "relay/base/clock.h"
#include "relay/base/gzip.h"
#include "sinks/block_output.h"

namespace fedwave::sinks {

// How much a line may be overwritten at its end, so that it can be copied in wide steps.
inline constexpr std::size_t kLineSlackBytes = 32;

class BlockWriter {
 public:
  // The output and the clock outlive the writer.
  BlockWriter(BlockOutput& output, bool gzip, std::uint32_t points_max, const base::Clock& clock);

  // Room for one metric line, and kLineSlackBytes more; the pointer is good until the next call.
  char* reserve(std::size_t line_bytes_max) {
    if (metrics_.text.size() - metrics_.used < line_bytes_max + kLineSlackBytes) {
      make_room(line_bytes_max);
    }
    return metrics_.text.data() + metrics_.used;
  }
  void commit(std::size_t line_bytes) {
    metrics_.used += line_bytes;
    if (++metrics_.points >= points_max_) seal(metrics_, PointFormat::Metric);
  }

  void append_histogram(std::string_view line);
  void flush();

 private:
  struct Buffer {
    std::string text;
    std::size_t used = 0;
    std::uint32_t points = 0;
  };

  void make_room(std::size_t line_bytes);
  void seal(Buffer& buffer, PointFormat format);
  std::string take_lines(Buffer& buffer);

  BlockOutput& output_;
  const bool gzip_;
  const std::uint32_t points_max_;
  const base::Clock& clock_;
  base::GzipDeflater deflater_;
  Buffer metrics_;
  Buffer histograms_;
};

}  // namespace fedwave::sinks
