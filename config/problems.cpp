#include "config/problems.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "relay/base/edit_distance.h"

namespace fedwave::config {
namespace {

constexpr std::size_t kProblemsMax = 1000;
constexpr std::size_t kShownBytesMax = 120;

}  // namespace

const QuotedText& Problems::enter(QuotedText text, std::string_view name) {
  quoted_text_ = std::make_unique<const QuotedText>(std::move(text));
  quoted_text_name_ = one_line(name);
  return *quoted_text_;
}

std::optional<Position> Problems::within_text(Position where) const {
  return quoted_text_ ? quoted_text_->in_text(where) : std::nullopt;
}

int Problems::line_of(Position where) const {
  return within_text(where).value_or(where).line;
}

void Problems::error(Position where, std::string what, std::string advice) {
  add(Severity::Error, where, std::move(what), std::move(advice));
}

void Problems::warning(Position where, std::string what, std::string advice) {
  add(Severity::Warning, where, std::move(what), std::move(advice));
}

bool Problems::full() const {
  return problems_.size() > kProblemsMax;
}

void Problems::add(Severity severity, Position where, std::string what, std::string advice) {
  has_errors_ = has_errors_ || severity == Severity::Error;
  if (const auto within = within_text(where)) {
    what.insert(0, "line " + std::to_string(within->line) + ", column " +
                       std::to_string(within->column) + " of " + quoted_text_name_ + ": ");
  }
  if (full() || !seen_.emplace(where.line, where.column, what).second) {
    return;
  }
  if (problems_.size() == kProblemsMax) {
    what = "there are more problems than these " + std::to_string(kProblemsMax);
    advice = "correct some and check again";
  }
  problems_.push_back({severity, where, std::move(what), std::move(advice)});
}

std::vector<Problem> Problems::take() {
  std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.where.line, a.where.column) < std::pair(b.where.line, b.where.column);
  });
  seen_.clear();
  has_errors_ = false;
  return std::exchange(problems_, {});
}

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text.substr(0, kShownBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    line += byte < 0x20 || byte == 0x7F ? ' ' : c;
  }
  if (text.size() <= kShownBytesMax) return line;
  // Never half a character.
  while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0U) == 0x80U) {
    line.pop_back();
  }
  if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xC0U) line.pop_back();
  return line + "…";
}

std::string in_quotes(std::string_view text) {
  return "\"" + one_line(text) + "\"";
}

std::string key_in_quotes(std::string_view key) {
  return in_quotes(key.substr(0, key.find(':')));
}

std::string key_advice(std::string_view key) {
  return key.find(':') == std::string_view::npos ? "" : "write a space after the colon";
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const std::string_view best = base::nearest_word(word, candidates);
  return best.empty() ? std::string() : "did you mean " + in_quotes(best) + "?";
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

}  // namespace fedwave::config
