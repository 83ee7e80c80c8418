// The series of a source's pages, each once with its latest value, for commands that look at one
// series after the other. Plain values.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "parsers/sample.h"
#include "relay/commands/page_reading.h"

namespace fedwave::relay {

struct PageSeries {
  std::string name;    // of the metric
  std::string series;  // as the page has it
  std::string value;   // likewise
  parsers::SampleKind kind = parsers::SampleKind::Untyped;

  [[nodiscard]] parsers::SampleLineView sample() const {
    return {.series = series, .value = value, .kind = kind};
  }
};

struct SourcePage {
  std::string instance;  // as for SeriesStages
  std::vector<PageSeries> series;
};

// Of the files, as one page, when there are any; else of the source's addresses, each a page.
std::vector<SourcePage> read_series(const config::Config& config, const config::Source& source,
                                    const std::vector<std::string>& inputs, PageReading& reading);

}  // namespace fedwave::relay
