#include "relay/status/explain_view.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "parsers/scan.h"
#include "relay/base/glob.h"
#include "relay/base/text.h"
#include "relay/commands/readable.h"
#include "relay/explain/explanation_text.h"
#include "relay/filter.h"
#include "relay/http_server.h"
#include "relay/json.h"
#include "relay/status/all_sources.h"
#include "relay/status/fitting_survey.h"
#include "relay/status/metric_names.h"
#include "relay/status/query.h"

namespace fedwave::relay {
namespace {

using parsers::SampleKind;

constexpr std::size_t kTextBytesMax = 8 * 1024;
constexpr std::size_t kExplanationsMax = 50;
constexpr std::size_t kNamesShown = 10;
constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kHeartbeatName = "~wavefront.kubernetes.collector.version";
constexpr std::string_view kOwnNames = "collector.";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
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

// A metric's series are of one kind; a page on which they are not has two families of one name.
SampleKind kind_of(const SurveyedMetric& metric) {
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    const auto count = [i](const SurveyedMetric::AtSink& sink) { return sink.series[i] > 0; };
    const bool is_there = std::any_of(metric.sinks.begin(), metric.sinks.end(), count);
    if (is_there) return metric.examples[i].kind;
  }
  return SampleKind::Untyped;
}

// Of the known series only these can be told by their text.
bool is_example(const SurveyedMetric& metric, std::string_view series) {
  return std::any_of(metric.examples.begin(), metric.examples.end(),
                     [&](const SeriesTable::Example& one) { return one.series == series; });
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

// There is a survey before the first page has been read.
bool has_names(const Survey* survey) {
  return survey != nullptr && !survey->metrics.empty();
}

std::uint64_t kept_of(const SurveyedMetric::AtSink& sink) {
  return sink.series[static_cast<std::size_t>(Verdict::Kept)];
}

// What became of all the series of a metric: "of the 22 known series of this name 19 are sent, 3
// dropped".
std::string fates_text(const SurveyedMetric& metric, const config::Config& config) {
  const auto& sinks = metric.sinks;
  const auto& counts = sinks.front().series;
  const std::uint64_t all = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  const auto all_are = [&](std::uint64_t kept) {
    return std::all_of(sinks.begin(), sinks.end(),
                       [&](const SurveyedMetric::AtSink& sink) { return kept_of(sink) == kept; });
  };
  if (all_are(all) || all_are(0)) {
    const char* fate = all_are(0) ? "dropped" : "sent";
    if (all == 1) return std::string("the one known series of this name is ") + fate;
    return "all " + grouped(all) + " known series of this name are " + fate;
  }
  std::string text = "of the " + grouped(all) + " known series of this name ";
  if (sinks.size() == 1) {
    const std::uint64_t kept = kept_of(sinks.front());
    return text + grouped(kept) + (kept == 1 ? " is sent, " : " are sent, ") + grouped(all - kept) +
           " dropped";
  }
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    text += (i == 0 ? "sink " : ", sink ") + shown(config.sinks[i].name) + " gets " +
            grouped(kept_of(sinks[i]));
  }
  return text;
}

// "a, b, c and 7 more"
std::string list_text(const std::vector<std::string>& names) {
  const std::size_t count = std::min(names.size(), kNamesShown);
  const std::string text =
      joined({names.begin(), names.begin() + static_cast<std::ptrdiff_t>(count)});
  return base::printable(text) +
         (names.size() > count ? " and " + grouped(names.size() - count) + " more" : "");
}

std::vector<std::string> matching(const std::string& pattern, const std::set<std::string>& names,
                                  config::GlobCompat compat) {
  config::FilterRules rules;
  rules.metric_allow.push_back({pattern, {}});
  const Filter filter(rules, compat);
  std::vector<std::string> found;
  for (const std::string& name : names) {
    if (filter.decide_name(name).verdict == FilterVerdict::Kept) found.push_back(name);
  }
  return found;
}

// "collector.version" of "kubernetes.collector.version": what internal_stats_source calls it before
// its prefix, and a sink's. Empty when it is none of its names.
std::string own_name(std::string_view name, const config::Config& config) {
  for (const config::Sink& sink : config.sinks) {
    std::string_view prefix = sink.prefix;
    while (prefix.ends_with('.')) prefix.remove_suffix(1);
    if (prefix.empty() || !name.starts_with(prefix)) continue;
    const std::string_view rest = name.substr(prefix.size());
    if (!rest.starts_with('.')) continue;
    name = rest.substr(1);
    break;
  }
  const std::string& prefix = config.internal_stats->prefix;
  if (!name.starts_with(prefix)) return {};
  name.remove_prefix(prefix.size());
  return name.starts_with(kOwnNames) ? std::string(name) : std::string();
}

// What is wrong with what was meant as a pattern; empty when it was hardly meant as one.
std::string broken_pattern(const std::string& text) {
  if (text.find_first_of("*?[") == std::string::npos) return {};
  if (text.find_first_of("=\" \t") != std::string::npos) return {};
  const auto glob = base::parse_glob(text);
  return glob ? std::string() : "as a pattern: " + glob.error().message;
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

// The explainers of another one go with it.
void ExplainView::take_config() {
  auto config = relay_.config();
  if (config == config_) return;
  explainers_.clear();
  explainers_.resize(all_sources(*config).size());
  config_ = std::move(config);
}

base::Expected<std::string> ExplainView::json(std::string_view query) {
  const auto parameters = check_parameters(query, {"series", "source"});
  if (!parameters) return parameters.error();
  const auto text = read_text(query);
  if (!text) return text.error();
  take_config();
  const auto asked = places(query);
  if (!asked) return asked.error();
  const Answer given = answer(*asked, read_asked(*text));
  return json_object([&](JsonWriter& json) {
    add(json, "matched_by", given.matched_by);
    add(json, "note", given.note);
    add_array(json, "explanations", given.found, [&](const Found& one) {
      write_explanation(json, one.explanation, config_->file, one.series_count,
                        given.is_hypothetical);
    });
  });
}

ExplainView::Answer ExplainView::answer(const std::vector<Place>& places,
                                        const AskedSeries& asked) {
  switch (asked.what) {
    case AskedSeries::What::Series:
      return explain_series(scraped(places), asked);
    case AskedSeries::What::Name:
      return explain_name(places, asked.text);
    case AskedSeries::What::Pattern:
      return explain_pattern(scraped(places), asked.text);
    case AskedSeries::What::Malformed:
      break;
  }
  // The same wherever it came from.
  Explanation refused;
  refused.series = asked.text;
  refused.malformed = asked.malformed;
  return {
      .matched_by = "series", .note = broken_pattern(asked.text), .found = {{std::move(refused)}}};
}

base::Expected<std::vector<ExplainView::Place>> ExplainView::places(std::string_view query) const {
  std::vector<std::string> names;
  for (const config::Source* source : all_sources(*config_)) names.push_back(source->name);
  const auto chosen = query_choice(query, "source", names);
  if (!chosen) return chosen.error();
  const bool is_chosen = query_value(query, "source").has_value();
  std::vector<Place> places;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!is_chosen || i == *chosen)
      places.push_back({i, fitting_survey(relay_, *config_, names[i])});
  }
  return places;
}

// A series that somebody else gave is hardly one of the relay's own, unless it is asked for there.
std::vector<ExplainView::Place> ExplainView::scraped(const std::vector<Place>& places) const {
  if (places.size() == 1) return places;
  std::vector<Place> kept;
  for (const Place& place : places) {
    if (!is_own(source_of(place))) kept.push_back(place);
  }
  return kept;
}

const config::Source& ExplainView::source_of(const Place& place) const {
  return *all_sources(*config_)[place.source];
}

const Explainer& ExplainView::explainer(std::size_t source) {
  std::unique_ptr<Explainer>& kept = explainers_.at(source);
  if (!kept) {
    kept = std::make_unique<Explainer>(*config_, *all_sources(*config_)[source], "",
                                       relay_.cluster().shard);
  }
  return *kept;
}

// A series as text does not tell its type; the known ones of its name do.
Explanation ExplainView::explain(const Place& place, parsers::SampleLineView sample,
                                 const SurveyedMetric* metric) {
  if (is_own(source_of(place))) {
    sample.kind = SampleKind::Own;
  } else if (metric != nullptr) {
    sample.kind = kind_of(*metric);
  }
  return explainer(place.source).explain(sample);
}

// The labels that decide may be among those that were left out, so nothing is counted: only what
// became of the name is told beside.
ExplainView::Answer ExplainView::explain_series(const std::vector<Place>& places,
                                                const AskedSeries& asked) {
  const parsers::SampleLineView sample{.series = asked.text, .value = asked.value};
  Answer answer{.matched_by = "series",
                .note =
                    "this is explained as written; labels that are left out may decide "
                    "otherwise",
                .is_hypothetical = true};
  for (const Place& place : places) {
    const SurveyedMetric* metric = metric_of(place.survey.get(), asked.name);
    if (metric == nullptr) continue;
    answer.found.push_back({explain(place, sample, metric)});
    answer.is_hypothetical = answer.is_hypothetical && !is_example(*metric, asked.text);
    const std::string source = shown(source_title(source_of(place).name));
    answer.note += places.size() == 1 ? "; " : "; source " + source + ": ";
    answer.note += fates_text(*metric, *config_);
  }
  return answer.found.empty() ? explain_unknown(places, asked.name, sample) : answer;
}

ExplainView::Answer ExplainView::explain_name(const std::vector<Place>& places,
                                              const std::string& name) {
  std::vector<Found> found;
  for (const Place& place : places) {
    if (!place.survey) continue;
    const auto metrics = metrics_called(name, *place.survey, *config_, source_of(place));
    for (const SurveyedMetric* metric : metrics) explain_metric(place, *metric, found);
  }
  if (found.empty()) return explain_unknown_name(places, name);
  const bool is_of_relay = std::all_of(found.begin(), found.end(), [&](const Found& one) {
    return config_->internal_stats && one.explanation.kind == SampleKind::Own;
  });
  std::string note;
  if (is_of_relay) {
    note = "this is one of fedwave's own points (internal_stats_source); see docs/own-points.md";
  } else if (found.size() > 1) {
    note = "not all series of this name fare alike; here is one of each kind";
  }
  return {.matched_by = "name", .note = std::move(note), .found = std::move(found)};
}

ExplainView::Answer ExplainView::explain_unknown_name(const std::vector<Place>& places,
                                                      const std::string& name) {
  const auto own = std::find_if(places.begin(), places.end(),
                                [&](const Place& place) { return is_own(source_of(place)); });
  if (own != places.end()) {
    if (name == kHeartbeatName) {
      return {.matched_by = "name",
              .note =
                  "this is fedwave's heartbeat; it is sent with each round of its own points "
                  "(internal_stats_source), and no prefix, tags or filters apply to it; see "
                  "docs/own-points.md"};
    }
    const std::string bare = own_name(name, *config_);
    if (!bare.empty()) return explain_unknown_own(*own, name, bare);
  }
  const PageName page = page_name(name);
  parsers::SampleLineView sample = series_only(page.name);
  sample.kind = page.kind;
  return explain_unknown(scraped(places), name, sample);
}

void ExplainView::explain_metric(const Place& place, const SurveyedMetric& metric,
                                 std::vector<Found>& found) {
  std::set<std::string> told;
  const auto tell = [&](const std::string& series) {
    if (found.size() >= kExplanationsMax || !told.insert(series).second) return;
    Explanation explanation = explain(place, series_only(series), &metric);
    const auto count = series_like(explanation, metric);
    found.push_back({std::move(explanation), count});
  };
  for (const SeriesTable::Example& example : metric.examples) {
    if (!example.series.empty()) tell(example.series);
  }
  if (told.empty()) tell(metric.name);
}

// A name as those of the relay's own points are: none of theirs, or not sent so far.
ExplainView::Answer ExplainView::explain_unknown_own(const Place& own, std::string_view name,
                                                     const std::string& bare) {
  const std::string series = "{\"" + bare + "\"}";
  Answer answer = explain_unknown({own}, name, series_only(series));
  answer.note +=
      ". Names that begin so are those of fedwave's own points (internal_stats_source): "
      "docs/own-points.md lists them, and some are sent only once they are not zero";
  return answer;
}

ExplainView::Answer ExplainView::explain_unknown(const std::vector<Place>& places,
                                                 std::string_view name,
                                                 const parsers::SampleLineView& sample) {
  std::vector<const Survey*> surveys;
  std::vector<std::string> not_read;
  Answer answer{.matched_by = "none", .is_hypothetical = true};
  for (const Place& place : places) {
    if (has_names(place.survey.get())) {
      surveys.push_back(place.survey.get());
    } else {
      not_read.push_back(shown(source_title(source_of(place).name)));
    }
    answer.found.push_back({explain(place, sample, nullptr)});
  }
  answer.note = "no series called " + shown(name) + " is known";
  if (!not_read.empty()) answer.note += "; nothing has been read yet of " + joined(not_read);
  const std::vector<std::string> near = nearest_names(name, surveys);
  if (!near.empty()) answer.note += "; the nearest: " + joined(near);
  const bool is_written = sample.series.ends_with('}');
  const SampleKind kind = answer.found.empty() ? sample.kind : answer.found[0].explanation.kind;
  answer.note += ". Hypothetical: this would become of " +
                 (is_written ? "it as written" : std::string(sample.series) + " without labels") +
                 (kind == SampleKind::Untyped ? ", untyped" : "");
  return answer;
}

ExplainView::Answer ExplainView::explain_pattern(const std::vector<Place>& places,
                                                 const std::string& pattern) {
  Answer answer{.matched_by = "pattern",
                .note = "this is a pattern, as lists of filters have them"};
  for (const Place& place : places) answer.note += ". " + pattern_text(place, pattern);
  return answer;
}

// Patterns see the dotted name with the source's prefix.
std::string ExplainView::pattern_text(const Place& place, const std::string& pattern) {
  const std::string source = "source " + shown(source_title(source_of(place).name));
  if (!has_names(place.survey.get())) return "Nothing has been read yet of " + source;
  std::set<std::string> names;
  for (const SurveyedMetric& metric : place.survey->metrics) {
    const auto example = std::find_if(metric.examples.begin(), metric.examples.end(),
                                      [](const auto& one) { return !one.series.empty(); });
    const std::string& series = example == metric.examples.end() ? metric.name : example->series;
    names.insert(explain(place, series_only(series), &metric).name);
  }
  const config::GlobCompat compat = config_->glob_compat;
  const auto matches = matching(pattern, names, compat);
  std::string text = matches.empty() ? "It matches no name of " + source
                                     : "It matches " + many(matches.size(), "name") + " of " +
                                           source + ": " + list_text(matches);
  std::string dotted = pattern;
  std::replace(dotted.begin(), dotted.end(), '_', '.');
  if (dotted == pattern || !base::parse_glob(dotted)) return text;
  const auto dotted_matches = matching(dotted, names, compat);
  if (dotted_matches.empty()) return text;
  return text + "; " + shown(dotted) + " would match " + many(dotted_matches.size(), "name") +
         ", for patterns see the dotted name: " + list_text(dotted_matches);
}

}  // namespace fedwave::relay
