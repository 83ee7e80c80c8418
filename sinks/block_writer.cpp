#include "sinks/block_writer.h"

#include <algorithm>
#include <utility>

namespace fedwave::sinks {
namespace {

constexpr std::size_t kBufferBytes = kBlockBytesMax + kLineSlackBytes;
// A block that was sealed because the next line had no room has at least so much.
constexpr std::size_t kFullBytesMin = kBlockBytesMax / 16 * 15;

}  // namespace

BlockWriter::BlockWriter(BlockOutput& output, bool gzip, std::uint32_t points_max,
                         const base::Clock& clock)
    : output_(output), gzip_(gzip), points_max_(points_max), clock_(clock) {}

void BlockWriter::make_room(std::size_t line_bytes) {
  seal(metrics_, PointFormat::Metric);
  metrics_.text.resize(std::max(line_bytes + kLineSlackBytes, kBufferBytes));
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

// A full block takes the buffer with it, and another one comes in its place.
std::string BlockWriter::take_lines(Buffer& buffer) {
  if (buffer.used < kFullBytesMin) return buffer.text.substr(0, buffer.used);
  std::string lines = std::exchange(buffer.text, output_.spare_buffer());
  if (!buffer.text.empty()) buffer.text.resize(kBufferBytes);
  lines.resize(buffer.used);
  return lines;
}

void BlockWriter::seal(Buffer& buffer, PointFormat format) {
  if (buffer.points == 0) return;
  Block block{
      .bytes = gzip_ ? deflater_.deflate({buffer.text.data(), buffer.used}) : take_lines(buffer),
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
