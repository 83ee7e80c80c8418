// `fedwave demo`: a simulated mesh, the relay and a receiver in one process, shown on the terminal.
// Runs on main's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "relay/receive/receiver.h"

namespace fedwave::relay {

struct DemoOptions {
  std::string listen = "127.0.0.1:0";  // where the mesh is served: /federate and /metrics
  std::string port_file;               // gets the port, once listening
  std::int64_t for_ms = 0;             // 0: until a signal
  std::int64_t interval_ms = 5'000;
  std::uint64_t seed = 1;
  // Where the status page is served, "off" for nowhere; none: the usual port, or a free one when
  // that is taken.
  std::optional<std::string> status_listen;
  std::string status_port_file;  // gets its port, once listening
};

int demo_command(const DemoOptions& options);

// How the demo ends after what the receiver got.
int demo_exit_code(const receive::ReceiverStats& received);

}  // namespace fedwave::relay
