// The families of /metrics that are about the relay itself: its configuration, its place among its
// replicas, the process. A pure function, any thread.
#pragma once

#include "relay/status/metrics_page.h"
#include "relay/status/metrics_text.h"

namespace fedwave::relay {

void add_metrics_of_relay(MetricsText& page, const MetricsInput& input);

}  // namespace fedwave::relay
