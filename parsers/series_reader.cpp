#include "parsers/series_reader.h"

#include <algorithm>

#include "parsers/scan.h"

namespace fedwave::parsers {
namespace {

constexpr std::size_t kPairwiseLabelsMax = 32;

// One pass over one series; every member function moves at_ past what it has read.
class SeriesReader {
 public:
  SeriesReader(std::string_view text, SeriesBuffer& out, std::size_t max_labels)
      : text_(text), out_(out), max_labels_(max_labels) {
    out_.name = {};
    out_.labels.clear();
    out_.scratch.clear();
  }

  Malformed read() {
    if (text_.empty()) return Malformed::MissingName;
    if (text_[0] != '{') {
      if (const Malformed reason = read_bare_name(); reason != Malformed::None) return reason;
      const std::size_t name_end = at_;
      skip_blanks();
      if (peek() != '{') {
        at_ = name_end;
        return Malformed::None;
      }
    }
    ++at_;
    if (const Malformed reason = read_items(); reason != Malformed::None) return reason;
    return check_names();
  }

  [[nodiscard]] std::size_t at() const { return at_; }

 private:
  // The end of the text reads as a newline, which ends a line and nothing else does.
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\n'; }
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }

  void skip_blanks() {
    while (is_blank(peek())) ++at_;
  }

  Malformed read_bare_name() {
    at_ = metric_name_length(text_);
    if (at_ == 0) return Malformed::BadName;
    if (!at_end() && !is_blank(peek()) && peek() != '{') return Malformed::BadName;
    out_.name = text_.substr(0, at_);
    has_name_ = true;
    return Malformed::None;
  }

  Malformed read_items() {
    while (true) {
      skip_blanks();
      if (at_end()) return Malformed::UnterminatedLabels;
      if (peek() == '}') {
        ++at_;
        return Malformed::None;
      }
      if (const Malformed reason = read_item(); reason != Malformed::None) return reason;
      // The comma may be missing: so Prometheus has it, by accident.
      skip_blanks();
      if (peek() == ',') ++at_;
    }
  }

  // label="value", "label"="value" or "metric name".
  Malformed read_item() {
    std::string_view name;
    const bool is_quoted = peek() == '"';
    if (is_quoted) {
      if (const Malformed reason = read_string(name); reason != Malformed::None) return reason;
    } else if (const Malformed reason = read_label_name(name); reason != Malformed::None) {
      return reason;
    }
    skip_blanks();
    if (peek() == '=') {
      ++at_;
      return read_label_value(name);
    }
    if (at_end()) return Malformed::UnterminatedLabels;
    if (!is_quoted) return Malformed::MissingEquals;
    if (peek() != ',' && peek() != '}') return Malformed::BadSeparator;
    if (has_name_) return Malformed::NameLabel;
    out_.name = name;
    has_name_ = true;
    return Malformed::None;
  }

  Malformed read_label_name(std::string_view& name) {
    if (peek() == ',') return Malformed::BadSeparator;
    name = text_.substr(at_, label_name_length(text_.substr(at_)));
    at_ += name.size();
    constexpr std::string_view kMayFollow = "= \t,}\"";
    const bool is_whole = at_end() || kMayFollow.find(peek()) != std::string_view::npos;
    return name.empty() || !is_whole ? Malformed::BadLabelName : Malformed::None;
  }

  Malformed read_label_value(std::string_view name) {
    if (name.empty()) return Malformed::BadLabelName;
    skip_blanks();
    if (peek() != '"') return Malformed::MissingQuote;
    std::string_view value;
    if (const Malformed reason = read_string(value); reason != Malformed::None) return reason;
    if (max_labels_ != 0 && out_.labels.size() == max_labels_) return Malformed::TooManyLabels;
    out_.labels.push_back({name, value});
    return Malformed::None;
  }

  Malformed read_string(std::string_view& decoded) {
    const QuotedEnd end = quoted_end(text_, at_);
    if (end.offset == std::string_view::npos) return Malformed::UnterminatedString;
    const std::string_view raw = text_.substr(at_ + 1, end.offset - at_ - 2);
    at_ = end.offset;
    if (!is_valid_utf8(raw)) return Malformed::InvalidUtf8;
    // Nothing decodes to more than its raw bytes, so with this room the views never move.
    if (end.has_escape) out_.scratch.reserve(text_.size());
    decoded = end.has_escape ? unescape(raw, out_.scratch) : raw;
    return Malformed::None;
  }

  [[nodiscard]] Malformed check_names() const {
    if (out_.name.empty()) return Malformed::MissingName;
    for (const LabelView& label : out_.labels) {
      if (label.name == "__name__") return Malformed::NameLabel;
    }
    return has_duplicate() ? Malformed::DuplicateLabel : Malformed::None;
  }

  [[nodiscard]] bool has_duplicate() const {
    const std::vector<LabelView>& labels = out_.labels;
    if (labels.size() <= kPairwiseLabelsMax) {
      for (std::size_t i = 1; i < labels.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (labels[i].name == labels[j].name) return true;
        }
      }
      return false;
    }
    std::vector<std::string_view> names;
    names.reserve(labels.size());
    for (const LabelView& label : labels) names.push_back(label.name);
    std::sort(names.begin(), names.end());
    return std::adjacent_find(names.begin(), names.end()) != names.end();
  }

  std::string_view text_;
  SeriesBuffer& out_;
  std::size_t max_labels_;
  std::size_t at_ = 0;
  bool has_name_ = false;
};

}  // namespace

Malformed read_series(std::string_view text, SeriesBuffer& out, std::size_t max_labels,
                      std::size_t& end) {
  SeriesReader reader(text, out, max_labels);
  const Malformed reason = reader.read();
  end = reader.at();
  return reason;
}

Malformed parse_series(std::string_view series, SeriesBuffer& out, std::size_t max_labels) {
  std::size_t end = 0;
  const Malformed reason = read_series(series, out, max_labels, end);
  if (reason != Malformed::None) return reason;
  return end == series.size() ? Malformed::None : Malformed::TrailingText;
}

}  // namespace fedwave::parsers
