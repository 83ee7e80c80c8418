// The accounting of a run in the log, an event a source and a sink: what was read, and what became
// of it.
#pragma once

#include "relay/pipeline_figures.h"

namespace fedwave::relay {

void log_figures(const PipelineFigures& figures);

}  // namespace fedwave::relay
