#include "relay/base/log.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace fedwave::base {
namespace {

std::atomic<LogWriter> g_writer = nullptr;

LogLimiter& limiter() {
  static LogLimiter instance(system_clock());
  return instance;
}

std::string_view value_of(std::string_view key, std::span<const LogField> fields) {
  for (const LogField& field : fields) {
    if (field.key == key) return field.value;
  }
  return {};
}

LogLimiter::HeldBack take(LogLimiter::HeldBack& held_back) {
  LogLimiter::HeldBack taken = held_back;
  held_back.events = 0;
  held_back.level = LogLevel::Debug;
  return taken;
}

}  // namespace

void set_log_writer(LogWriter writer, const Clock& clock) {
  limiter().reset(clock);
  g_writer.store(writer);
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  const LogWriter writer = g_writer.load();
  if (writer == nullptr) return;
  const std::span<const LogField> given(fields.begin(), fields.size());
  if (level == LogLevel::Debug) return writer(level, message, given);
  const auto held_back = limiter().pass(level, message, given);
  if (!held_back) return;
  if (*held_back == 0) return writer(level, message, given);
  std::vector<LogField> with_count(given.begin(), given.end());
  with_count.emplace_back("held_back", *held_back);
  writer(level, message, with_count);
}

void log_always(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (const LogWriter writer = g_writer.load())
    writer(level, message, {fields.begin(), fields.size()});
}

void log_held_back() {
  const LogWriter writer = g_writer.load();
  if (writer == nullptr) return;
  for (const LogLimiter::HeldBack& held_back : limiter().take_held_back()) {
    std::vector<LogField> fields;
    fields.emplace_back("event", held_back.message.empty() ? "of many kinds" : held_back.message);
    if (!held_back.source.empty()) fields.emplace_back("source", held_back.source);
    if (!held_back.sink.empty()) fields.emplace_back("sink", held_back.sink);
    fields.emplace_back("held_back", held_back.events);
    writer(held_back.level, "more events of this kind were held back", fields);
  }
}

std::optional<std::uint64_t> LogLimiter::pass(LogLevel level, std::string_view message,
                                              std::span<const LogField> fields) {
  const CauseView view{message, value_of("source", fields), value_of("sink", fields)};
  const std::lock_guard lock(mutex_);
  const std::int64_t now_ms = clock_->steady_ms();
  Cause& cause = cause_locked(view, now_ms);
  std::int64_t& oldest_ms = cause.passed_ms[cause.oldest];
  if (now_ms - oldest_ms < kWindowMs) {
    ++cause.held_back.events;
    cause.held_back.level = std::max(cause.held_back.level, level);
    return std::nullopt;
  }
  oldest_ms = now_ms;
  cause.oldest = (cause.oldest + 1) % kEventsInWindow;
  return take(cause.held_back).events;
}

LogLimiter::Cause& LogLimiter::cause_locked(const CauseView& view, std::int64_t now_ms) {
  if (const auto known = by_cause_.find(view); known != by_cause_.end()) {
    causes_.splice(causes_.begin(), causes_, known->second);
    return causes_.front();
  }
  if (causes_.size() == kCausesMax) forget_oldest_locked();
  const auto& [message, source, sink] = view;
  Cause& cause = causes_.emplace_front();
  cause.held_back.message = message;
  cause.held_back.source = source;
  cause.held_back.sink = sink;
  cause.passed_ms.fill(now_ms - kWindowMs);
  const HeldBack& kept = cause.held_back;
  by_cause_.emplace(CauseView{kept.message, kept.source, kept.sink}, causes_.begin());
  return cause;
}

void LogLimiter::forget_oldest_locked() {
  const HeldBack& last = causes_.back().held_back;
  forgotten_.events += last.events;
  forgotten_.level = std::max(forgotten_.level, last.level);
  by_cause_.erase({last.message, last.source, last.sink});
  causes_.pop_back();
}

std::vector<LogLimiter::HeldBack> LogLimiter::take_held_back() {
  const std::lock_guard lock(mutex_);
  std::vector<HeldBack> all;
  for (const auto& [view, cause] : by_cause_) {
    if (cause->held_back.events > 0) all.push_back(take(cause->held_back));
  }
  if (forgotten_.events > 0) all.push_back(take(forgotten_));
  return all;
}

void LogLimiter::reset(const Clock& clock) {
  const std::lock_guard lock(mutex_);
  clock_ = &clock;
  by_cause_.clear();
  causes_.clear();
  forgotten_ = {};
}

}  // namespace fedwave::base
