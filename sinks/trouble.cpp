#include "sinks/trouble.h"

namespace fedwave::sinks {
namespace {

constexpr std::int64_t kReminderMs = 300'000;

}  // namespace

Trouble::News Trouble::note(const SendResult& result) {
  const std::int64_t now_ms = clock_.steady_ms();
  if (!is_on()) {
    since_ms_ = now_ms;
    since_wall_ms_ = clock_.wall_ms();
  }
  outcome_ = result.outcome;
  const bool is_new = causes_.size() < kCausesMax && causes_.insert(result.cause).second;
  if (!is_new && now_ms - told_ms_ < kReminderMs) return News::None;
  told_ms_ = now_ms;
  return is_new ? News::Begins : News::Lasts;
}

void Trouble::end() {
  causes_.clear();
  since_wall_ms_ = 0;
}

}  // namespace fedwave::sinks
