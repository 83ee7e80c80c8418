// The file that tells a script which port was taken.
#pragma once

#include <cstdint>
#include <string>

#include "relay/base/expected.h"

namespace fedwave::relay {

// Written beside and renamed, so that a script that waits for the file never reads half of it. An
// empty path asks for none.
base::Expected<void> write_port_file(const std::string& path, std::uint16_t port);

}  // namespace fedwave::relay
