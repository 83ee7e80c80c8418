// One line on a terminal's standard error that is written over and over, and gone at the end; on
// anything but a terminal nothing is written. One thread.
#pragma once

#include <functional>
#include <ostream>
#include <string>

#include "relay/base/clock.h"

namespace fedwave::relay {

bool is_terminal_stderr();

class ProgressLine {
 public:
  // Both outlive it.
  ProgressLine(std::ostream& err, bool is_terminal, const base::Clock& clock)
      : err_(err), is_terminal_(is_terminal), clock_(clock) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // At most a few times a second; only then is the text asked for.
  void show(const std::function<std::string()>& text);
  void clear();

 private:
  std::ostream& err_;
  const bool is_terminal_;
  const base::Clock& clock_;
  std::int64_t shown_ms_ = 0;
  bool is_shown_ = false;
};

}  // namespace fedwave::relay
