// `fedwave run`: the relay in the foreground, until a signal. Runs on main's thread.
#pragma once

#include <string>

#include "relay/pipeline.h"

namespace fedwave::relay {

struct RunOptions {
  std::string config_file;
  std::string listen;     // instead of status.listen; "off": nowhere; empty: as configured
  std::string port_file;  // gets the status server's port, once listening
};

int run_command(const RunOptions& options);

// The accounting of a run, an event a source and a sink: what was read and what became of it.
void log_figures(const PipelineFigures& figures);

}  // namespace fedwave::relay
