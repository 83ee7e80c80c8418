// `fedwave demo`: a simulated mesh, the relay and a receiver in one process, shown on the terminal.
// Runs on main's thread.
#pragma once

#include <cstdint>
#include <string>

namespace fedwave::relay {

struct DemoOptions {
  std::string listen = "127.0.0.1:0";  // where the mesh is served: /federate and /metrics
  std::string port_file;               // gets the port, once listening
  std::int64_t for_ms = 0;             // 0: until a signal
  std::int64_t interval_ms = 5'000;
  std::uint64_t seed = 1;
};

int demo_command(const DemoOptions& options);

}  // namespace fedwave::relay
