// What the demo shows: on a terminal a frame that is drawn again every second, elsewhere a line an
// interval. Runs on main's thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "relay/pipeline.h"
#include "relay/receive/receiver.h"

namespace fedwave::relay {

class Screen {
 public:
  // `status_url`: where the status page is; empty for nowhere.
  explicit Screen(std::string status_url);

  void show(const PipelineFigures& relay, const receive::ReceiverStats& received,
            std::int64_t elapsed_ms);
  [[nodiscard]] bool is_terminal() const { return is_terminal_; }

 private:
  void draw_frame(const PipelineFigures& relay, const receive::ReceiverStats& received,
                  std::int64_t elapsed_ms);
  void print_line(const PipelineFigures& relay, const receive::ReceiverStats& received,
                  std::int64_t elapsed_ms);

  const bool is_terminal_;
  const std::string status_url_;
  std::uint64_t scrapes_shown_ = 0;
};

}  // namespace fedwave::relay
