// Structured log events: a message and named fields, never formatted by the caller. Where they go
// is decided once at start (relay/logging, the only user of spdlog); before that they are dropped.
// Safe from any thread. A field never holds a secret: whoever has one does not pass it here.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace fedwave::base {

enum class LogLevel : std::uint8_t { Debug, Info, Warn, Error };

struct LogField {
  std::string_view key;
  std::string value;
  bool is_number = false;

  LogField(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  template <std::integral T>
  LogField(std::string_view k, T v) : key(k), value(std::to_string(v)), is_number(true) {}
};

using LogWriter = void (*)(LogLevel, std::string_view message,
                           std::initializer_list<LogField> fields);

// Set once, before threads start.
void set_log_writer(LogWriter writer);

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

}  // namespace fedwave::base
