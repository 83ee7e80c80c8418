#include "relay/commands/port_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace fedwave::relay {

base::Expected<void> write_port_file(const std::string& path, std::uint16_t port) {
  if (path.empty()) return {};
  const std::string beside = path + ".new";
  std::ofstream file(beside);
  file << port << '\n';
  file.close();
  if (file && std::rename(beside.c_str(), path.c_str()) == 0) return {};
  return base::Error{base::ErrorCode::Io, "could not write " + path + ": " + std::strerror(errno)};
}

}  // namespace fedwave::relay
