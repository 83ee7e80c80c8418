// Why a receiver does not take points, and what to look at first. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/config.h"

namespace fedwave::relay {

// Who can do something about it.
enum class Trouble : std::uint8_t { Passing, Denied, Misplaced };
Trouble trouble_of(const std::string& cause);

// By the beginning of the cause; may be empty.
const char* first_step(std::string_view cause);

// Where a sink's credentials come from, as the configuration has it.
std::string credentials_text(const config::Sink& sink);

}  // namespace fedwave::relay
