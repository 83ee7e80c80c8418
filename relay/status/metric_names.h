// Finds metrics by what people call them: by the name on the page or in Wavefront, with or without
// the prefixes, in any case; and, when nothing is called that, the names that come near. Pure
// functions, any thread; what is returned points into the survey.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "parsers/sample.h"
#include "relay/survey.h"

namespace fedwave::relay {

std::vector<const SurveyedMetric*> metrics_called(std::string_view name, const Survey& survey,
                                                  const config::Config& config,
                                                  const config::Source& source);

// At most three, the nearest first, on the side that `name` is of.
std::vector<std::string> nearest_names(std::string_view name,
                                       const std::vector<const Survey*>& surveys);

// The name that a page would have for a name of either side, and the kind that its end tells.
struct PageName {
  std::string name;
  parsers::SampleKind kind = parsers::SampleKind::Untyped;
};
PageName page_name(std::string_view name);

}  // namespace fedwave::relay
