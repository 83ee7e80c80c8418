#include "sinks/block_writer.h"

#include <algorithm>

namespace fedwave::sinks {

BlockWriter::BlockWriter(BlockOutput& output, bool gzip, std::uint32_t points_max,
                         const base::Clock& clock)
    : output_(output), gzip_(gzip), points_max_(points_max), clock_(clock) {}

void BlockWriter::make_room(std::size_t line_bytes) {
  seal(metrics_, PointFormat::Metric);
  metrics_.text.resize(std::max(line_bytes, kBlockBytesMax) + kLineSlackBytes);
}

void BlockWriter::append_histogram(std::string_view line) {
  if (histograms_.used + line.size() > kBlockBytesMax || histograms_.points >= points_max_) {
    seal(histograms_, PointFormat::Histogram);
  }
  histograms_.text.resize(histograms_.used);
  histograms_.text.append(line);
  histograms_.used += line.size();
  ++histograms_.points;
}

void BlockWriter::flush() {
  seal(metrics_, PointFormat::Metric);
  seal(histograms_, PointFormat::Histogram);
}

void BlockWriter::seal(Buffer& buffer, PointFormat format) {
  if (buffer.points == 0) return;
  const std::string_view lines(buffer.text.data(), buffer.used);
  Block block{.bytes = gzip_ ? deflater_.deflate(lines) : std::string(lines),
              .gzip = gzip_,
              .format = format,
              .points = buffer.points,
              .line_bytes = buffer.used,
              .created_ms = clock_.wall_ms()};
  buffer.used = 0;
  buffer.points = 0;
  output_.append(std::move(block));
}

}  // namespace fedwave::sinks
