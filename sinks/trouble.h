// What keeps a sink's points from being delivered, since when, and when to tell of it: once for
// each cause when it comes up, and again every five minutes for as long as the trouble lasts. Only
// remembers; the sender, to whose thread it belongs, logs. The clock outlives it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "relay/base/clock.h"
#include "sinks/sink.h"

namespace fedwave::sinks {

inline constexpr std::size_t kCausesMax = 32;  // kept apart; nobody outside can make us keep more

class Trouble {
 public:
  enum class News : std::uint8_t { None, Begins, Lasts };

  explicit Trouble(const base::Clock& clock) : clock_(clock) {}

  News note(const SendResult& result);
  // Whether anybody was told of it.
  bool end();

  [[nodiscard]] bool is_on() const { return !causes_.empty(); }
  [[nodiscard]] SendOutcome outcome() const { return outcome_; }  // the last, while it is on
  [[nodiscard]] std::int64_t since_wall_ms() const { return since_wall_ms_; }  // 0: no trouble
  [[nodiscard]] std::int64_t lasts_ms() const { return clock_.steady_ms() - since_ms_; }

 private:
  bool was_told_lately(const std::string& cause, std::int64_t now_ms);

  const base::Clock& clock_;
  std::set<std::string> causes_;  // told of
  SendOutcome outcome_ = SendOutcome::Accepted;
  std::int64_t since_wall_ms_ = 0;
  std::int64_t since_ms_ = 0;
  std::int64_t told_ms_ = 0;
  bool is_told_ = false;
  std::map<std::string, std::int64_t> told_at_ms_;  // of the last minute, by cause
};

}  // namespace fedwave::sinks
