#include "relay/status/explain_view.h"

#include <algorithm>
#include <set>
#include <utility>

#include "parsers/sample_cut.h"
#include "parsers/scan.h"
#include "relay/explain/explanation_text.h"
#include "relay/http_server.h"
#include "relay/status/all_sources.h"
#include "relay/status/json.h"
#include "relay/status/metric_names.h"
#include "relay/status/query.h"

namespace fedwave::relay {
namespace {

using parsers::SampleKind;

constexpr std::size_t kTextBytesMax = 8 * 1024;
constexpr std::size_t kExplanationsMax = 50;
constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
  const std::string_view word = text.substr(0, end);
  text = trimmed(text.substr(end));
  return word;
}

// `series`, `series value` or `series value timestamp`: neither value nor timestamp holds a brace,
// so the last one ends the series.
parsers::SampleLineView sample_of(std::string_view text) {
  parsers::SampleLineView sample;
  const std::size_t brace = text.rfind('}');
  const std::size_t end = brace == std::string_view::npos
                              ? std::min(text.find_first_of(kBlanks), text.size())
                              : brace + 1;
  sample.series = text.substr(0, end);
  std::string_view rest = trimmed(text.substr(end));
  sample.value = take_word(rest);
  sample.has_timestamp = parsers::parse_timestamp(take_word(rest), sample.timestamp_ms);
  return sample;
}

parsers::SampleLineView series_only(std::string_view series) {
  parsers::SampleLineView sample;
  sample.series = series;
  return sample;
}

// The relay's own figures, which nobody scrapes.
bool is_own(const config::Source& source) {
  return source.url.empty();
}

// The kinds that a series may have, as far as source and name tell; the likeliest first.
std::vector<SampleKind> possible_kinds(const config::Source& source, std::string_view name) {
  if (is_own(source)) return {SampleKind::Own};
  SampleKind part = SampleKind::SummaryQuantile;
  if (name.ends_with("_bucket")) part = SampleKind::HistogramBucket;
  if (name.ends_with("_count")) part = SampleKind::HistogramCount;
  if (name.ends_with("_sum")) part = SampleKind::HistogramSum;
  return {SampleKind::Untyped, SampleKind::Gauge, SampleKind::Counter, part};
}

// Is this the name under which series of the metric are sent? The sink's prefix stands before it.
bool is_sent_as(const SurveyedMetric& metric, const std::string& name) {
  return !name.empty() && std::any_of(metric.sinks.begin(), metric.sinks.end(),
                                      [&](const SurveyedMetric::AtSink& sink) {
                                        return sink.sent_as.ends_with(name);
                                      });
}

// What became of the series as a whole is what became of it at this sink.
std::size_t telling_sink(const Explanation& explanation) {
  for (std::size_t i = 0; i < explanation.sinks.size(); ++i) {
    if (explanation.sinks[i].verdict == Verdict::Kept) return i;
  }
  return 0;
}

std::optional<std::uint64_t> series_like(const Explanation& explanation,
                                         const SurveyedMetric& metric) {
  if (explanation.malformed != parsers::Malformed::None || explanation.sinks.empty()) return {};
  const std::size_t sink = telling_sink(explanation);
  const auto verdict = static_cast<std::size_t>(explanation.sinks[sink].verdict);
  return metric.sinks.at(sink).series.at(verdict);
}

const SurveyedMetric* metric_of(const Survey* survey, const std::string& name) {
  if (survey == nullptr) return nullptr;
  const auto found = std::lower_bound(
      survey->metrics.begin(), survey->metrics.end(), name,
      [](const SurveyedMetric& metric, const std::string& n) { return metric.name < n; });
  return found != survey->metrics.end() && found->name == name ? &*found : nullptr;
}

base::Error bad_request(std::string message) {
  return {base::ErrorCode::InvalidArgument, std::move(message)};
}

base::Expected<std::string> read_text(std::string_view query) {
  auto text = query_value(query, "series");
  if (!text || trimmed(*text).empty()) {
    return bad_request(
        "series= is missing; write a metric's name or a series such as name{label=\"value\"}");
  }
  if (text->size() > kTextBytesMax) {
    return bad_request("series= is longer than " + std::to_string(kTextBytesMax) +
                       " bytes; give one series");
  }
  if (!parsers::is_valid_utf8(*text)) return bad_request("series= is not UTF-8");
  return std::string(trimmed(*text));
}

}  // namespace

ExplainView::ExplainView(const RelayView& relay)
    : relay_(relay), explainers_(all_sources(relay.config()).size()) {}

base::Expected<std::string> ExplainView::json(std::string_view query) {
  const auto text = read_text(query);
  if (!text) return text.error();
  const auto asked = places(query);
  if (!asked) return asked.error();
  const bool is_name = text->find_first_of("{ \t\r\n") == std::string::npos;
  return is_name ? explain_name(*asked, *text) : explain_series(scraped(*asked), sample_of(*text));
}

base::Expected<std::vector<ExplainView::Place>> ExplainView::places(std::string_view query) const {
  std::vector<std::string> names;
  for (const config::Source* source : all_sources(relay_.config())) names.push_back(source->name);
  const auto chosen = query_choice(query, "source", names);
  if (!chosen) return chosen.error();
  const bool is_chosen = query_value(query, "source").has_value();
  std::vector<Place> places;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!is_chosen || i == *chosen) places.push_back({i, relay_.survey(i)});
  }
  return places;
}

// A series that somebody else gave is hardly one of the relay's own, unless it is asked for there.
std::vector<ExplainView::Place> ExplainView::scraped(const std::vector<Place>& places) const {
  if (places.size() == 1) return places;
  const auto sources = all_sources(relay_.config());
  std::vector<Place> kept;
  for (const Place& place : places) {
    if (!is_own(*sources[place.source])) kept.push_back(place);
  }
  return kept;
}

const Explainer& ExplainView::explainer(std::size_t source) {
  std::unique_ptr<Explainer>& kept = explainers_.at(source);
  if (!kept) {
    const config::Config& config = relay_.config();
    kept = std::make_unique<Explainer>(config, *all_sources(config)[source]);
  }
  return *kept;
}

// A series as text does not tell its type, but the name under which its like are sent does.
ExplainView::Found ExplainView::explain(const Place& place, parsers::SampleLineView sample,
                                        const SurveyedMetric* metric) {
  const config::Source& source = *all_sources(relay_.config())[place.source];
  if (is_own(source)) sample.kind = SampleKind::Own;
  Found found{explainer(place.source).explain(sample), {}};
  if (metric == nullptr) metric = metric_of(place.survey.get(), found.explanation.parsed_name);
  if (metric == nullptr) return found;
  for (const SampleKind kind : possible_kinds(source, metric->name)) {
    sample.kind = kind;
    Explanation explanation = explainer(place.source).explain(sample);
    if (!is_sent_as(*metric, explanation.name)) continue;
    found.explanation = std::move(explanation);
    break;
  }
  found.series_count = series_like(found.explanation, *metric);
  return found;
}

std::string ExplainView::explain_series(const std::vector<Place>& places,
                                        const parsers::SampleLineView& sample) {
  std::vector<Found> found;
  bool is_known = false;
  for (const Place& place : places) {
    found.push_back(explain(place, sample, nullptr));
    is_known = is_known || found.back().series_count.has_value();
  }
  const bool is_malformed = std::all_of(found.begin(), found.end(), [](const Found& one) {
    return one.explanation.malformed != parsers::Malformed::None;
  });
  return answer("series",
                is_known || is_malformed
                    ? ""
                    : "no metric of that name has been scraped, so its type is not known: it is "
                      "taken for untyped, as federation has it",
                found);
}

std::string ExplainView::explain_name(const std::vector<Place>& places, std::string_view name) {
  const config::Config& config = relay_.config();
  std::vector<Found> found;
  for (const Place& place : places) {
    if (!place.survey) continue;
    const config::Source& source = *all_sources(config)[place.source];
    for (const SurveyedMetric* metric : metrics_called(name, *place.survey, config, source)) {
      explain_metric(place, *metric, found);
    }
  }
  if (found.empty()) return explain_unknown(places, name);
  return answer("name", "one series for each thing that became of those with this name", found);
}

void ExplainView::explain_metric(const Place& place, const SurveyedMetric& metric,
                                 std::vector<Found>& found) {
  std::set<std::string> examples;
  for (const std::string& example : metric.examples) {
    if (example.empty() || found.size() >= kExplanationsMax) continue;
    if (examples.insert(example).second) {
      found.push_back(explain(place, series_only(example), &metric));
    }
  }
  if (examples.empty()) found.push_back(explain(place, series_only(metric.name), &metric));
}

std::string ExplainView::explain_unknown(const std::vector<Place>& places, std::string_view name) {
  const auto sources = all_sources(relay_.config());
  const PageName page = page_name(name);
  std::vector<const Survey*> surveys;
  std::vector<std::string> not_scraped;
  std::vector<Found> found;
  for (const Place& place : scraped(places)) {
    if (place.survey) surveys.push_back(place.survey.get());
    if (!place.survey) not_scraped.push_back(sources[place.source]->name);
    parsers::SampleLineView sample = series_only(page.name);
    sample.kind = page.kind;
    found.push_back(explain(place, sample, nullptr));
  }
  std::string note = "no series called " + shown(name) + " is known";
  if (!not_scraped.empty()) note += "; not scraped yet: " + joined(not_scraped);
  const std::vector<std::string> near = nearest_names(name, surveys);
  if (!near.empty()) note += "; the nearest: " + joined(near);
  note += ". This is what would become of " + page.name + " without labels" +
          (page.kind == SampleKind::Untyped ? ", untyped" : "");
  return answer("name", note, found);
}

std::string ExplainView::answer(const char* matched_by, const std::string& note,
                                const std::vector<Found>& found) const {
  return json_object([&](JsonWriter& json) {
    add(json, "matched_by", matched_by);
    add(json, "note", note);
    add_array(json, "explanations", found, [&](const Found& one) {
      write_explanation(json, one.explanation, relay_.config().file, one.series_count);
    });
  });
}

}  // namespace fedwave::relay
