// Why a receiver does not take points, what to look at first, and what becomes of those that wait.
// Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/config.h"
#include "relay/pipeline_figures.h"

namespace fedwave::relay {

// Who can do something about it.
enum class Trouble : std::uint8_t { Passing, Denied, Misplaced };
Trouble trouble_of(const std::string& cause);

// By the beginning of the cause; may be empty.
const char* first_step(std::string_view cause);

// Where a sink's credentials come from, as the configuration has it.
std::string credentials_text(const config::Sink& sink);

// "1,234 points wait"
std::string waiting_text(std::uint64_t points);

// For a sink that an edit has taken out and that cannot deliver.
std::string leaving_advice(const SinkFigures& sink);

}  // namespace fedwave::relay
