// `fedwave top`: which metrics and tags cost the most, kept and dropped. Runs on main's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "relay/commands/explain.h"

namespace fedwave::relay {

struct TopOptions {
  enum class Sort { Points, Series, Name };

  std::string config_file;          // none: unfiltered
  std::string url;                  // instead of a configuration's sources
  std::vector<std::string> inputs;  // stand in for every source
  std::string source;               // only this one
  std::string sink;                 // as this one gets it; the first by default
  std::size_t rows = 20;            // of metrics, and of tags; 0: all
  Sort sort = Sort::Points;
  bool watch = false;            // again every interval, on a terminal
  std::int64_t interval_ms = 0;  // 0: the source's
  ReportFormat format = ReportFormat::Text;
};

int top_command(const TopOptions& options);

}  // namespace fedwave::relay
