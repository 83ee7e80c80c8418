#include "sinks/trouble.h"

#include <utility>

namespace fedwave::sinks {
namespace {

constexpr std::int64_t kReminderMs = 300'000;
constexpr std::int64_t kSameAgainMs = 60'000;

}  // namespace

Trouble::News Trouble::note(const SendResult& result) {
  const std::int64_t now_ms = clock_.steady_ms();
  if (!is_on()) {
    since_ms_ = now_ms;
    since_wall_ms_ = clock_.wall_ms();
  }
  outcome_ = result.outcome;
  const bool is_new = causes_.size() < kCausesMax && causes_.insert(result.cause).second;
  // One that was told of lately and came back is told of when it stays.
  const bool is_untold = !is_told_ && !is_new && now_ms - told_ms_ >= kSameAgainMs;
  if (is_new && was_told_lately(result.cause, now_ms)) return News::None;
  if (!is_new && !is_untold && now_ms - told_ms_ < kReminderMs) return News::None;
  told_ms_ = now_ms;
  is_told_ = true;
  return is_new || is_untold ? News::Begins : News::Lasts;
}

// A receiver that fails every second time would fill the log.
bool Trouble::was_told_lately(const std::string& cause, std::int64_t now_ms) {
  std::erase_if(told_at_ms_,
                [now_ms](const auto& told) { return now_ms - told.second >= kSameAgainMs; });
  return !told_at_ms_.try_emplace(cause, now_ms).second;
}

bool Trouble::end() {
  causes_.clear();
  since_wall_ms_ = 0;
  return std::exchange(is_told_, false);
}

}  // namespace fedwave::sinks
