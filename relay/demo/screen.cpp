#include "relay/demo/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

namespace fedwave::relay {
namespace {

constexpr std::size_t kFrameLines = 8;  // around the list of metrics

std::size_t terminal_rows() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return 24;
  return size.ws_row;
}

std::string seconds(std::int64_t elapsed_ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%5.1f s", static_cast<double>(elapsed_ms) / 1000);
  return text;
}

unsigned long long ull(std::uint64_t value) {
  return value;
}

}  // namespace

Screen::Screen(std::string status_url)
    : is_terminal_(isatty(STDOUT_FILENO) == 1), status_url_(std::move(status_url)) {}

void Screen::show(const PipelineFigures& relay, const receive::ReceiverStats& received,
                  std::int64_t elapsed_ms) {
  if (is_terminal_) {
    draw_frame(relay, received, elapsed_ms);
  } else {
    print_line(relay, received, elapsed_ms);
  }
  std::fflush(stdout);
}

void Screen::print_line(const PipelineFigures& relay, const receive::ReceiverStats& received,
                        std::int64_t elapsed_ms) {
  const SourceFigures& source = relay.sources.front();
  if (source.scrapes == scrapes_shown_) return;
  scrapes_shown_ = source.scrapes;
  const SinkCounts& counts = source.counts.by_sink.front();
  std::printf(
      "%s  scrape %llu in %lld ms: %llu samples read, %llu dropped by filters, %llu repeated, "
      "%llu not a number | received %llu points of %zu metrics, %llu rejected\n",
      seconds(elapsed_ms).c_str(), ull(source.scrapes),
      static_cast<long long>(source.last_duration_ms), ull(source.counts.read),
      ull(counts.filtered()), ull(counts.repeated), ull(counts.rejected()), ull(received.points),
      received.points_by_name.size(), ull(received.rejected_lines()));
}

void Screen::draw_frame(const PipelineFigures& relay, const receive::ReceiverStats& received,
                        std::int64_t elapsed_ms) {
  const SourceFigures& source = relay.sources.front();
  const SinkCounts& counts = source.counts.by_sink.front();
  std::printf("\x1b[H\x1b[J\x1b[1mfedwave demo\x1b[0m  %s  (Ctrl-C ends it)  %s\n\n",
              seconds(elapsed_ms).c_str(), status_url_.c_str());
  std::printf("  mesh      %10llu scrapes   %10llu samples   last scrape %lld ms\n",
              ull(source.scrapes), ull(source.counts.read),
              static_cast<long long>(source.last_duration_ms));
  std::printf("  relay     %10llu sent      %10llu dropped   %10llu repeated\n",
              ull(counts.written), ull(counts.filtered()), ull(counts.repeated));
  std::printf("  receiver  %10llu points    %10zu metrics   %10llu rejected\n\n",
              ull(received.points), received.points_by_name.size(), ull(received.rejected_lines()));
  std::vector<std::pair<std::string, std::uint64_t>> names(received.points_by_name.begin(),
                                                           received.points_by_name.end());
  std::stable_sort(names.begin(), names.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  const std::size_t rows = terminal_rows();
  names.resize(std::min(names.size(), rows > kFrameLines ? rows - kFrameLines : 1));
  for (const auto& [name, points] : names) std::printf("  %10llu  %s\n", ull(points), name.c_str());
}

}  // namespace fedwave::relay
