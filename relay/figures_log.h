// The accounting in the log, an event a source and a sink: what was read, and what became of it. Of
// a whole run at its end, and before that of what an edit has taken out. Any thread.
#pragma once

#include "relay/pipeline_figures.h"

namespace fedwave::relay {

void log_figures(const PipelineFigures& figures);

// `config`: whose sinks the source has been read for.
void log_source_figures(const SourceFigures& source, const config::Config& config);
void log_sink_figures(const SinkFigures& sink);

}  // namespace fedwave::relay
