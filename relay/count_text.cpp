#include "relay/count_text.h"

namespace fedwave::relay {
namespace {

void add(std::string& text, std::uint64_t count, std::string_view reason) {
  if (count == 0) return;
  if (!text.empty()) text += ", ";
  text.append(std::to_string(count)).append(" ").append(reason);
}

// The samples whose series got one of the verdicts that are filters' (or are not).
void add_verdicts(std::string& text, const SinkCounts& counts, bool filters) {
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    if (is_filtered(verdict) == filters) add(text, counts.by_verdict[i], verdict_name(verdict));
  }
}

}  // namespace

std::string filtered_text(const SinkCounts& counts) {
  std::string text;
  add_verdicts(text, counts, true);
  return text;
}

std::string rejected_text(const SinkCounts& counts) {
  std::string text;
  add(text, counts.not_a_number, "not_a_number");
  add(text, counts.infinite, "infinite");
  add_verdicts(text, counts, false);
  return text;
}

std::string malformed_text(const ScrapeCounts& counts) {
  std::string text;
  for (std::size_t i = 0; i < parsers::kMalformedCount; ++i) {
    add(text, counts.malformed[i], parsers::malformed_name(static_cast<parsers::Malformed>(i)));
  }
  return text;
}

std::string repaired_text(const ScrapeCounts& counts) {
  std::string text;
  for (std::size_t i = 0; i < sinks::kRepairCount; ++i) {
    add(text, counts.repaired[i], sinks::repair_name(static_cast<sinks::Repair>(i)));
  }
  return text;
}

std::string expired_text(const sinks::SpoolFigures& figures) {
  std::string text;
  add(text, figures.points_expired_full, "full");
  add(text, figures.points_expired_old, "old");
  add(text, figures.points_expired_damaged, "damaged");
  add(text, figures.points_expired_at_end, "at_end");
  return text;
}

std::string causes_text(const std::map<std::string, std::uint64_t>& counts) {
  std::string text;
  for (const auto& [cause, count] : counts) add(text, count, cause);
  return text;
}

}  // namespace fedwave::relay
