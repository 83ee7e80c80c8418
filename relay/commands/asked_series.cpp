#include "relay/commands/asked_series.h"

#include <algorithm>

#include "parsers/scan.h"
#include "relay/base/glob.h"

namespace fedwave::relay {
namespace {

using parsers::Malformed;

constexpr std::size_t kLineBytesMax = std::size_t{1} << 20;

// The letters of both sides' names: Wavefront has dots, dashes, slashes and a leading ~ or ∆.
bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return parsers::is_letter(c) || parsers::is_digit(c) ||
           std::string_view("_:.-/~,").find(c) != std::string_view::npos ||
           static_cast<unsigned char>(c) >= 0x80;
  });
}

// Braces are alternatives of a pattern unless they hold labels.
bool is_pattern(std::string_view text) {
  const std::size_t brace = text.find('{');
  const std::string_view labels = brace == std::string_view::npos ? "" : text.substr(brace);
  if (labels.find_first_of("=\"") != std::string_view::npos || labels == "{}") return false;
  return text.find_first_of("*?[{") != std::string_view::npos &&
         text.find_first_of(" \t") == std::string_view::npos && base::parse_glob(text).has_value();
}

void take_parts(const parsers::SeriesBuffer& series, AskedSeries& asked) {
  asked.what = AskedSeries::What::Series;
  asked.name = series.name;
  for (const parsers::LabelView& label : series.labels) {
    asked.labels.emplace_back(label.name, label.value);
  }
}

// Takes the one line there is.
class OneSample final : public parsers::SingleSampleHandler {
 public:
  explicit OneSample(AskedSeries& asked) : asked_(asked) {}

  Malformed on_sample(const parsers::SampleLineView& sample, std::uint64_t) override {
    parsers::SeriesBuffer series;
    double value = 0;
    Malformed reason = parsers::parse_series(sample.series, series);
    if (reason == Malformed::None) reason = parsers::parse_value(sample.value, value);
    if (reason != Malformed::None) return reason;
    take_parts(series, asked_);
    asked_.text = sample.series;
    asked_.value = sample.value;
    return Malformed::None;
  }
  void on_malformed(std::uint64_t, Malformed reason, std::string_view) override {
    if (asked_.malformed == Malformed::None) asked_.malformed = reason;
  }

 private:
  AskedSeries& asked_;
};

}  // namespace

AskedSeries read_asked(std::string_view text) {
  text = parsers::without_trailing_blanks(parsers::without_leading_blanks(text));
  AskedSeries asked;
  asked.text = text;
  if (is_name(text)) return asked;
  if (is_pattern(text)) {
    asked.what = AskedSeries::What::Pattern;
    return asked;
  }
  parsers::SeriesBuffer series;
  const Malformed without_value = parsers::parse_series(text, series);
  if (without_value == Malformed::None) {
    take_parts(series, asked);
    return asked;
  }
  asked.what = AskedSeries::What::Malformed;
  OneSample sample(asked);
  parsers::TextPage page(sample, kLineBytesMax);
  page.feed(text);
  page.finish(true);
  // A line that is wrong before its value: what is wrong with the series says more.
  if (asked.malformed == Malformed::None || asked.malformed == Malformed::MissingValue) {
    asked.malformed = without_value;
  }
  return asked;
}

}  // namespace fedwave::relay
