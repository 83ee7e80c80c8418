// Structured log events: a message and named fields, never formatted by the caller. Where they go
// is decided once at start (relay/logging, the only user of spdlog); before that they are dropped.
// Of events that are alike only so many go through in a minute (LogLimiter). Safe from any thread.
// A field never holds a secret: whoever has one does not pass it here.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "relay/base/clock.h"

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

using LogWriter = void (*)(LogLevel, std::string_view message, std::span<const LogField> fields);

// Set once, before threads start. What was held back of the events before is forgotten.
void set_log_writer(LogWriter writer, const Clock& clock = system_clock());

// Above Debug an event may be held back; the next one like it then has the field held_back with the
// number of those that were.
void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

// Never held back: the answer to somebody who has nothing but the log to look at, or what happens
// once however often it is tried.
void log_always(LogLevel level, std::string_view message,
                std::initializer_list<LogField> fields = {});

// Tells of what is still held back, one event for each cause. For the end of the process.
void log_held_back();

// Decides which events go through: of those with the same cause, that is the same message about the
// same source and sink, ten in any minute. Safe from any thread. The clock outlives it.
class LogLimiter {
 public:
  static constexpr std::size_t kEventsInWindow = 10;
  static constexpr std::int64_t kWindowMs = 60'000;
  static constexpr std::size_t kCausesMax = 1'000;

  struct HeldBack {
    LogLevel level = LogLevel::Debug;  // the highest of them
    std::string message;               // empty: of causes that had to be forgotten
    std::string source;
    std::string sink;
    std::uint64_t events = 0;
  };

  explicit LogLimiter(const Clock& clock) : clock_(&clock) {}

  // How many of the same cause were held back since the last one that went through; nothing when
  // this one is held back too.
  std::optional<std::uint64_t> pass(LogLevel level, std::string_view message,
                                    std::span<const LogField> fields);

  // By cause; all of it counts as told from then on.
  std::vector<HeldBack> take_held_back();

  // As new, by another clock.
  void reset(const Clock& clock);

 private:
  struct Cause {
    HeldBack held_back;
    std::array<std::int64_t, kEventsInWindow> passed_ms{};  // steady time, a ring
    std::size_t oldest = 0;
  };
  using CauseView = std::tuple<std::string_view, std::string_view, std::string_view>;

  Cause& cause_locked(const CauseView& view, std::int64_t now_ms);
  void forget_oldest_locked();

  std::mutex mutex_;  // guards everything below
  const Clock* clock_;
  std::list<Cause> causes_;                                   // the one last heard of in front
  std::map<CauseView, std::list<Cause>::iterator> by_cause_;  // views of the list's strings
  HeldBack forgotten_;
};

}  // namespace fedwave::base
