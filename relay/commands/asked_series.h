// What somebody may ask about: a series as a line of a page has it, the name of a metric as
// Prometheus or Wavefront knows it, or a pattern of a filter. Pure function, any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parsers/text_parser.h"

namespace fedwave::relay {

struct AskedSeries {
  enum class What { Series, Name, Pattern, Malformed };
  What what = What::Name;
  std::string text;   // as asked; of a series without value and timestamp
  std::string value;  // with Series; empty when there was none
  std::string name;   // with Series: of its metric
  std::vector<std::pair<std::string, std::string>> labels = {};  // likewise
  parsers::Malformed malformed = parsers::Malformed::None;
};

AskedSeries read_asked(std::string_view text);

}  // namespace fedwave::relay
