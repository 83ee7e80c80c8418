#include "relay/status/survey_views.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <span>

#include "relay/base/text.h"
#include "relay/http_server.h"
#include "relay/json.h"
#include "relay/status/all_sources.h"
#include "relay/status/fitting_survey.h"
#include "relay/status/query.h"

namespace fedwave::relay {
namespace {

constexpr std::size_t kLimitDefault = 50;
// A row has two series as examples: a slow reader must not make the relay hold many of them.
constexpr std::size_t kLimitMax = 200;
constexpr std::size_t kOffsetMax = 1'000'000'000;

// What a query asks for: of which source, at which sink, which rows.
struct Asked {
  std::size_t source = 0;
  std::size_t sink = 0;
  std::size_t sort = 0;  // places in the lists of names that the view knows
  std::size_t show = 0;
  std::string text;  // in lower case; what a row has to contain
  std::size_t offset = 0;
  std::size_t limit = 0;
};

template <class T>
bool take(base::Expected<T> value, T& into, std::optional<base::Error>& error) {
  if (!value) {
    if (!error) error = value.error();
    return false;
  }
  into = *std::move(value);
  return true;
}

base::Expected<Asked> read_query(const config::Config& config, std::string_view query,
                                 const std::vector<std::string>& sorts,
                                 const std::vector<std::string>& shows) {
  std::vector<std::string> sources;
  for (const config::Source* source : all_sources(config)) sources.push_back(source->name);
  std::vector<std::string> sinks;
  for (const config::Sink& sink : config.sinks) sinks.push_back(sink.name);
  std::vector<std::string> parameters = {"source", "sink", "q", "sort", "offset", "limit"};
  if (shows.size() > 1) parameters.emplace_back("show");
  const auto known = check_parameters(query, parameters);
  if (!known) return known.error();
  Asked asked;
  std::optional<base::Error> error;
  take(query_choice(query, "source", sources), asked.source, error);
  take(query_choice(query, "sink", sinks), asked.sink, error);
  take(query_choice(query, "sort", sorts), asked.sort, error);
  take(query_choice(query, "show", shows), asked.show, error);
  take(query_number(query, "offset", 0, 0, kOffsetMax), asked.offset, error);
  take(query_number(query, "limit", kLimitDefault, 1, kLimitMax), asked.limit, error);
  asked.text = base::lower(query_value(query, "q").value_or(""));
  if (error) return *std::move(error);
  return asked;
}

bool contains(std::string_view text, const std::string& lower_part) {
  return lower_part.empty() || base::lower(text).find(lower_part) != std::string::npos;
}

template <class Row>
std::span<const Row> page_of(const std::vector<Row>& rows, const Asked& asked) {
  const std::span<const Row> all(rows);
  const std::size_t from = std::min(asked.offset, all.size());
  return all.subspan(from, std::min(asked.limit, all.size() - from));
}

std::uint64_t with_verdict(const SurveyedMetric::AtSink& sink, Verdict verdict) {
  return sink.series[static_cast<std::size_t>(verdict)];
}
std::uint64_t all_of(const SurveyedMetric::AtSink& sink) {
  return std::accumulate(sink.series.begin(), sink.series.end(), std::uint64_t{0});
}

// What a series costs. A Prometheus that is asked more often than it scrapes repeats its samples,
// which are not sent again: so not every scrape makes a point of every series.
struct Price {
  double points_per_series_s = 0;
  double new_share = 1;  // of the samples that pass the filters, since the start
  [[nodiscard]] double of(std::uint64_t series) const {
    return static_cast<double>(series) * points_per_series_s;
  }
};

Price price_of(const PipelineFigures& figures, const config::Source& source, const Asked& asked) {
  Price price;
  const SinkCounts& counts = figures.sources.at(asked.source).counts.by_sink.at(asked.sink);
  const std::uint64_t passed = counts.written + counts.repeated;
  if (passed > 0) {
    price.new_share = static_cast<double>(counts.written) / static_cast<double>(passed);
  }
  price.points_per_series_s = price.new_share * 1000 / static_cast<double>(source.interval_ms);
  return price;
}

struct MetricRow {
  const SurveyedMetric* metric = nullptr;
  const SurveyedMetric::AtSink* sink = nullptr;
  std::uint64_t kept = 0;
  std::uint64_t series = 0;  // without those of other shards, which are those shards' cost
};

enum class MetricSort : std::uint8_t { Points, Series, Name };
enum class Show : std::uint8_t { All, Kept, Dropped };

bool is_shown(const MetricRow& row, const Asked& asked) {
  const auto show = static_cast<Show>(asked.show);
  if (show == Show::Kept && row.kept == 0) return false;
  if (show == Show::Dropped && row.kept == row.series) return false;
  return contains(row.metric->name, asked.text) || contains(row.sink->sent_as, asked.text);
}

// The survey is by name, which decides between equals.
void sort_rows(std::vector<MetricRow>& rows, MetricSort sort) {
  if (sort == MetricSort::Name) return;
  std::stable_sort(rows.begin(), rows.end(), [&](const MetricRow& a, const MetricRow& b) {
    if (sort == MetricSort::Points && a.kept != b.kept) return a.kept > b.kept;
    return a.series > b.series;
  });
}

void add_row(JsonWriter& json, const MetricRow& row, const Price& price) {
  const auto kept_place = static_cast<std::size_t>(Verdict::Kept);
  const auto elsewhere_place = static_cast<std::size_t>(Verdict::OtherShard);
  std::string dropped_example;
  json.StartObject();
  add(json, "name", row.metric->name);
  add(json, "sent_as", row.sink->sent_as);
  add(json, "series", row.series);
  add(json, "kept", row.kept);
  add(json, "dropped", row.series - row.kept);
  add(json, "collided", row.sink->collided);
  add(json, "points_per_s", price.of(row.kept));
  add_object(json, "dropped_by", [&] {
    for (std::size_t i = 0; i < kVerdictCount; ++i) {
      if (i == kept_place || i == elsewhere_place || row.sink->series[i] == 0) continue;
      add(json, verdict_name(static_cast<Verdict>(i)), row.sink->series[i]);
      if (dropped_example.empty()) dropped_example = row.metric->examples[i].series;
    }
  });
  add(json, "example", row.kept > 0 ? row.metric->examples[kept_place].series : std::string());
  add(json, "dropped_example", dropped_example);
  json.EndObject();
}

// All of a survey at one sink; nothing while there is no survey.
struct Totals {
  std::int64_t at_ms = 0;  // wall time; 0: none yet
  std::vector<MetricRow> rows;
  std::uint64_t series = 0;
  std::uint64_t kept = 0;
  std::uint64_t elsewhere = 0;  // of other shards; beside `series`
  std::uint64_t collided = 0;
};

// What stands before the rows.
void add_head(JsonWriter& json, const config::Config& config, const Asked& asked,
              const Price& price, const Totals& totals) {
  const config::Source& source = *all_sources(config)[asked.source];
  add(json, "source", source.name);
  add(json, "sink", config.sinks[asked.sink].name);
  add(json, "surveyed_ms", totals.at_ms);
  add(json, "interval_ms", source.interval_ms);
  add(json, "series", totals.series);
  add(json, "kept", totals.kept);
  add(json, "dropped", totals.series - totals.kept);
  add(json, "of_other_shards", totals.elsewhere);
  add(json, "collided", totals.collided);
  add(json, "points_per_s", price.of(totals.kept));
  add(json, "new_share", price.new_share);
}

Totals totals_of(const Survey* survey, std::size_t sink) {
  Totals totals;
  if (survey == nullptr) return totals;
  totals.at_ms = survey->at_ms;
  for (const SurveyedMetric& metric : survey->metrics) {
    const SurveyedMetric::AtSink& at_sink = metric.sinks.at(sink);
    const std::uint64_t elsewhere = with_verdict(at_sink, Verdict::OtherShard);
    const std::uint64_t here = all_of(at_sink) - elsewhere;
    totals.elsewhere += elsewhere;
    if (here == 0) continue;
    totals.rows.push_back({&metric, &at_sink, with_verdict(at_sink, Verdict::Kept), here});
    totals.series += totals.rows.back().series;
    totals.kept += totals.rows.back().kept;
    totals.collided += at_sink.collided;
  }
  return totals;
}

enum class TagSort : std::uint8_t { Series, Values, Name };

std::vector<SurveyedTag> tag_rows(const Survey* survey, const Asked& asked) {
  std::vector<SurveyedTag> rows;
  if (survey == nullptr || asked.sink >= survey->tags.size()) return rows;
  for (const SurveyedTag& tag : survey->tags[asked.sink]) {
    if (contains(tag.key, asked.text)) rows.push_back(tag);
  }
  const auto sort = static_cast<TagSort>(asked.sort);
  if (sort == TagSort::Name) return rows;
  std::stable_sort(rows.begin(), rows.end(), [&](const SurveyedTag& a, const SurveyedTag& b) {
    return sort == TagSort::Series ? a.series > b.series : a.values > b.values;
  });
  return rows;
}

}  // namespace

base::Expected<std::string> series_json(const RelayView& relay, std::string_view query) {
  const PipelineFigures figures = relay.figures();
  const config::Config& config = *figures.config;
  const auto asked =
      read_query(config, query, {"points", "series", "name"}, {"all", "kept", "dropped"});
  if (!asked) return asked.error();
  const config::Source& source = *all_sources(config)[asked->source];
  const auto survey = fitting_survey(relay, config, source.name);
  Totals totals = totals_of(survey.get(), asked->sink);
  std::vector<MetricRow>& rows = totals.rows;
  rows.erase(std::remove_if(rows.begin(), rows.end(),
                            [&](const MetricRow& row) { return !is_shown(row, *asked); }),
             rows.end());
  sort_rows(rows, static_cast<MetricSort>(asked->sort));
  const Price price = price_of(figures, source, *asked);
  return json_object([&](JsonWriter& json) {
    add_head(json, config, *asked, price, totals);
    add(json, "total", rows.size());
    add(json, "offset", asked->offset);
    add_array(json, "metrics", page_of(rows, *asked),
              [&](const MetricRow& row) { add_row(json, row, price); });
  });
}

base::Expected<std::string> tags_json(const RelayView& relay, std::string_view query) {
  const PipelineFigures figures = relay.figures();
  const config::Config& config = *figures.config;
  const auto asked = read_query(config, query, {"series", "values", "name"}, {"all"});
  if (!asked) return asked.error();
  const config::Source& source = *all_sources(config)[asked->source];
  const auto survey = fitting_survey(relay, config, source.name);
  const Totals totals = totals_of(survey.get(), asked->sink);
  const std::vector<SurveyedTag> rows = tag_rows(survey.get(), *asked);
  const Price price = price_of(figures, source, *asked);
  return json_object([&](JsonWriter& json) {
    add_head(json, config, *asked, price, totals);
    add(json, "total", rows.size());
    add(json, "offset", asked->offset);
    add_array(json, "tags", page_of(rows, *asked), [&](const SurveyedTag& tag) {
      json.StartObject();
      add(json, "key", tag.key);
      add(json, "series", tag.series);
      add(json, "values", tag.values);
      add(json, "points_per_s", price.of(tag.series));
      json.EndObject();
    });
  });
}

}  // namespace fedwave::relay
