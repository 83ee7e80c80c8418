// What /api/v1/series and /api/v1/tags answer: the metrics and tags of a source's survey as one
// sink gets them, filtered, sorted and paged as the query says. Errors are for people: a parameter
// that is no good, with those that would be. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "relay/base/expected.h"
#include "relay/status/relay_view.h"

namespace fedwave::relay {

base::Expected<std::string> series_json(const RelayView& relay, std::string_view query);
base::Expected<std::string> tags_json(const RelayView& relay, std::string_view query);

}  // namespace fedwave::relay
