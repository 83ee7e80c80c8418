#include "relay/commands/page_bytes.h"

namespace fedwave::relay {

bool PageBytes::feed(std::string_view piece) {
  if (is_first_ && piece.starts_with("\x1f\x8b")) inflater_.emplace();
  is_first_ = false;
  if (!inflater_) {
    stopped_ = !take_(piece);
    return !stopped_;
  }
  const auto fed = inflater_->feed(piece, take_);
  if (fed) return true;
  stopped_ = fed.error().code == base::ErrorCode::Cancelled;
  if (!stopped_) damage_ = fed.error();
  return false;
}

base::Expected<void> PageBytes::finish(const std::string& path) {
  if (damage_) return base::Error{damage_->code, path + ": " + damage_->message};
  if (inflater_ && !stopped_ && !inflater_->at_end()) {
    return base::Error{base::ErrorCode::Truncated, path + ": the gzip stream ends before its end"};
  }
  return {};
}

}  // namespace fedwave::relay
