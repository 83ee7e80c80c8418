// Where log events go: standard error, as text for people or as JSON for machines. logging.cpp is
// the only user of spdlog. Set up once by main, before threads start.
#pragma once

#include "relay/base/log.h"

namespace fedwave::relay {

enum class LogFormat { Text, Json };

void set_up_logging(base::LogLevel level, LogFormat format);

}  // namespace fedwave::relay
