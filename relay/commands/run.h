// `fedwave run`: the relay in the foreground, until a signal. Runs on main's thread.
#pragma once

#include <cstdint>
#include <string>

#include "relay/commands/replicas.h"

namespace fedwave::relay {

struct RunOptions {
  std::string config_file;
  std::string listen;     // instead of status.listen; "off": nowhere; empty: as configured
  std::string port_file;  // gets the status server's port, once listening
  // How often the configuration is compared with its file at least; 0: only when asked to.
  std::int64_t config_reload_ms = 30'000;
  ReplicaOptions replicas;
};

int run_command(const RunOptions& options);

}  // namespace fedwave::relay
