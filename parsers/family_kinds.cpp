#include "parsers/family_kinds.h"

#include "parsers/scan.h"

namespace fedwave::parsers {
namespace {

// What a page may make us remember: far more than any real one declares, and some 20 MB.
constexpr std::size_t kFamiliesMax = 100'000;
constexpr std::size_t kFamilyBytesMax = 10'000'000;

constexpr std::string_view kBucket = "_bucket";
constexpr std::string_view kCount = "_count";
constexpr std::string_view kSum = "_sum";

SampleKind kind_of_own_name(FamilyType type) {
  switch (type) {
    case FamilyType::Counter:
      return SampleKind::Counter;
    case FamilyType::Gauge:
      return SampleKind::Gauge;
    case FamilyType::Summary:
      return SampleKind::SummaryQuantile;
    default:
      return SampleKind::Untyped;
  }
}

SampleKind kind_of_suffix(FamilyType type, std::string_view suffix) {
  const bool is_summary = type == FamilyType::Summary;
  if (!is_summary && type != FamilyType::Histogram) return SampleKind::Untyped;
  if (suffix == kCount) return is_summary ? SampleKind::SummaryCount : SampleKind::HistogramCount;
  if (suffix == kSum) return is_summary ? SampleKind::SummarySum : SampleKind::HistogramSum;
  if (suffix == kBucket && !is_summary) return SampleKind::HistogramBucket;
  return SampleKind::Untyped;
}

std::string_view suffix_of(std::string_view name) {
  for (const std::string_view suffix : {kBucket, kCount, kSum}) {
    if (name.ends_with(suffix)) return suffix;
  }
  return {};
}

// Whether the series ends with wanted="…"}. A quote after '=' is not an escaped one, and no other
// stands before the closing one, so it opens the last value.
bool is_last_label(std::string_view series, std::string_view wanted) {
  if (!series.ends_with("\"}")) return false;
  std::string_view head = series.substr(0, series.size() - 2);
  const std::size_t quote = head.rfind('"');
  if (quote == std::string_view::npos) return false;
  head = head.substr(0, quote);
  if (!head.ends_with('=')) return false;
  head.remove_suffix(1);
  if (!head.ends_with(wanted)) return false;
  head.remove_suffix(wanted.size());
  return !head.empty() && (head.back() == ',' || head.back() == '{' || is_blank(head.back()));
}

// Whether a label of that name is written anywhere in the series, bare or quoted.
bool is_any_label(std::string_view series, std::string_view wanted) {
  std::size_t at = series.find('{');
  while (at != std::string_view::npos && ++at < series.size()) {
    if (series[at] != '"') {
      const std::size_t length = label_name_length(series.substr(at));
      if (length == 0) continue;
      const std::size_t end = at + length;
      if (series.substr(at, length) == wanted) return true;
      at = end - 1;
      continue;
    }
    const std::size_t end = quoted_end(series, at).offset;
    if (end == std::string_view::npos) return false;
    const bool is_name = without_leading_blanks(series.substr(end)).starts_with('=');
    if (is_name && series.substr(at + 1, end - at - 2) == wanted) return true;
    at = end - 1;
  }
  return false;
}

// Client libraries write le and quantile last. In a malformed series the answer does not matter; it
// only has to be found without harm.
bool has_label(std::string_view series, std::string_view wanted) {
  return is_last_label(series, wanted) || is_any_label(series, wanted);
}

}  // namespace

bool FamilyKinds::declare(std::string_view name, FamilyType type) {
  latest_ = nullptr;
  const auto known = families_.find(name);
  if (type == FamilyType::Untyped) {
    if (known != families_.end()) families_.erase(known);
    return true;
  }
  has_suffixed_family_ = has_suffixed_family_ || !suffix_of(name).empty();
  if (known != families_.end()) {
    known->second = type;
  } else {
    if (name_bytes_ + name.size() > kFamilyBytesMax || families_.size() >= kFamiliesMax)
      return false;
    name_bytes_ += name.size();
    families_.emplace(name, type);
  }
  return true;
}

SampleKind FamilyKinds::kind_by_name(std::string_view name) {
  if (latest_ != nullptr && name.starts_with(latest_->first)) {
    const std::string_view rest = name.substr(latest_->first.size());
    if (rest.empty()) return kind_of_own_name(latest_->second);
    if (!has_suffixed_family_) {
      const SampleKind kind = kind_of_suffix(latest_->second, rest);
      if (kind != SampleKind::Untyped) return kind;
    }
  }
  if (const auto own = families_.find(name); own != families_.end()) {
    latest_ = &*own;
    return kind_of_own_name(own->second);
  }
  const std::string_view suffix = suffix_of(name);
  if (suffix.empty()) return SampleKind::Untyped;
  const auto family = families_.find(name.substr(0, name.size() - suffix.size()));
  if (family == families_.end()) return SampleKind::Untyped;
  latest_ = &*family;
  return kind_of_suffix(family->second, suffix);
}

SampleKind FamilyKinds::kind_of(std::string_view name, std::string_view series) {
  const SampleKind kind = kind_by_name(name);
  if (kind == SampleKind::SummaryQuantile && !has_label(series, "quantile")) {
    return SampleKind::Untyped;
  }
  if (kind == SampleKind::HistogramBucket && !has_label(series, "le")) return SampleKind::Untyped;
  return kind;
}

}  // namespace fedwave::parsers
