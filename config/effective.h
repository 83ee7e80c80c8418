// The effective configuration as text: what `/config` shows. It is YAML that the loader takes, with
// every default written out and every secret as "<secret>". Pure functions, any thread.
#pragma once

#include <string>

#include "config/config.h"

namespace fedwave::config {

// In the order in which the loader reads; what has no value is null. Loaded again, in the same
// environment, it gives the same configuration, but for the secrets and for bytes that are not
// UTF-8.
std::string effective_yaml(const Config& config);

}  // namespace fedwave::config
