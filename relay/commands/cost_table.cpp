#include "relay/commands/cost_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <string_view>
#include <tuple>

#include "relay/base/text.h"
#include "relay/commands/readable.h"
#include "relay/commands/text_table.h"
#include "relay/json.h"

namespace fedwave::relay {
namespace {

using Align = TextTable::Align;
using Sort = TopOptions::Sort;

constexpr double kSecondsADay = 86'400;
constexpr double kDaysAMonth = 30;
constexpr std::size_t kGap = 2;  // between columns
constexpr std::size_t kNameColumnsMin = 12;

std::string percent_text(double part, double whole) {
  if (whole <= 0) return "0%";
  char text[16];
  const double percent = 100 * part / whole;
  std::snprintf(text, sizeof text, percent > 0 && percent < 9.95 ? "%.1f%%" : "%.0f%%", percent);
  return text;
}

// 1,234,000 is more than anybody wants to know of a day's points.
std::string many_text(double count) {
  char text[32];
  if (count >= 999.5e9) {
    std::snprintf(text, sizeof text, "%.1f trillion", count / 1e12);
  } else if (count >= 999.5e6) {
    std::snprintf(text, sizeof text, "%.1f billion", count / 1e9);
  } else if (count >= 999.5e3) {
    std::snprintf(text, sizeof text, "%.1f million", count / 1e6);
  } else {
    return grouped(static_cast<std::uint64_t>(std::llround(count)));
  }
  return text;
}

template <class Row>
std::size_t shown_of(const std::vector<Row>& all, std::size_t rows) {
  return rows == 0 ? all.size() : std::min(rows, all.size());
}

template <class Row>
void tell_rest(std::ostream& out, const std::vector<Row>& all, std::size_t rows,
               const std::string& noun) {
  const std::size_t rest = all.size() - shown_of(all, rows);
  if (rest == 0) return;
  out << "and " << grouped(rest) << " more " << noun << (rest == 1 ? "" : "s")
      << " (--rows 0 shows all)\n";
}

std::optional<double> if_known(double number, bool is_known) {
  return is_known ? std::optional(number) : std::nullopt;
}

const char* known_text(PointRate::Known known) {
  switch (known) {
    case PointRate::Known::AtMost:
      return "at most";
    case PointRate::Known::Measured:
      return "measured";
    case PointRate::Known::Unknown:
      break;
  }
  return "unknown";
}

void write_row(JsonWriter& writer, const MetricCost& cost, bool is_rate_known) {
  writer.StartObject();
  add(writer, "metric", cost.name);
  add(writer, "sent_as", cost.kept > 0 ? cost.sent_as : "");
  add(writer, "series", cost.kept + cost.dropped);
  add(writer, "kept", cost.kept);
  add(writer, "dropped", cost.dropped);
  add(writer, "collided", cost.collided);
  add(writer, "points_per_s", if_known(cost.points_per_s, is_rate_known));
  writer.EndObject();
}

void write_row(JsonWriter& writer, const TagCost& cost, bool is_rate_known) {
  writer.StartObject();
  add(writer, "key", cost.key);
  add(writer, "values", cost.values);
  add(writer, "series", cost.series);
  add(writer, "points_per_s", if_known(cost.points_per_s, is_rate_known));
  writer.EndObject();
}

// Characters, as TextTable counts them: the bytes that do not continue one.
bool begins_character(char c) {
  return (static_cast<std::uint8_t>(c) & 0xC0U) != 0x80U;
}

std::size_t characters_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

// Where character number `count` begins.
std::size_t place_of(std::string_view text, std::size_t count) {
  std::size_t place = 0;
  while (place < text.size() && (!begins_character(text[place]) || count-- > 0)) ++place;
  return place;
}

// Names differ at both ends: it is the middle that they can do without.
std::string without_middle(const std::string& text, std::size_t width) {
  const std::size_t characters = characters_of(text);
  if (characters <= width) return text;
  const std::size_t shown = width - 1;  // beside the dots
  return text.substr(0, place_of(text, shown / 2)) + "…" +
         text.substr(place_of(text, characters - (shown - shown / 2)));
}

using Cells = std::vector<std::string>;

std::size_t width_of(const std::vector<Cells>& rows, std::size_t column) {
  std::size_t width = 0;
  for (const Cells& cells : rows) width = std::max(width, characters_of(cells[column]));
  return width;
}

// Cuts the two columns of names, the first ones, so that a line has no more than `columns`
// characters. `rows` begins with the titles.
void fit_names(std::vector<Cells>& rows, std::size_t columns) {
  std::size_t others = 0;
  for (std::size_t i = 2; i < rows.front().size(); ++i) others += width_of(rows, i) + kGap;
  const std::size_t taken = others + kGap;
  const std::size_t room = std::max(columns > taken ? columns - taken : 0, 2 * kNameColumnsMin);
  const std::size_t first = width_of(rows, 0);
  const std::size_t second = width_of(rows, 1);
  if (first + second <= room) return;
  // What the shorter one does not need is the longer one's.
  const std::size_t for_first = std::max(room / 2, room - std::min(second, room));
  const std::size_t for_second = std::max(room - room / 2, room - std::min(first, room));
  for (Cells& cells : rows) {
    cells[0] = without_middle(cells[0], for_first);
    cells[1] = without_middle(cells[1], for_second);
  }
}

}  // namespace

void CostTable::add(const Survey& survey, const PointRate& rate) {
  const bool is_alike = !known_ || *known_ == rate.known;
  known_ = is_alike ? rate.known : PointRate::Known::AtMost;
  for (const SurveyedMetric& metric : survey.metrics) {
    const SurveyedMetric::AtSink& sink = metric.sinks.front();
    MetricCost& cost = metrics_[{metric.name, sink.sent_as}];
    const std::uint64_t kept = sink.series[static_cast<std::size_t>(Verdict::Kept)];
    cost.name = metric.name;
    cost.sent_as = sink.sent_as;
    cost.kept += kept;
    cost.dropped +=
        std::accumulate(sink.series.begin(), sink.series.end(), std::uint64_t{0}) - kept;
    cost.collided += sink.collided;
    cost.points_per_s += static_cast<double>(kept) * rate.points_per_s;
  }
  for (const SurveyedTag& tag : survey.tags.front()) {
    TagCost& cost = tags_[tag.key];
    cost.key = tag.key;
    cost.series += tag.series;
    cost.values = std::max(cost.values, tag.values);
    cost.points_per_s += static_cast<double>(tag.series) * rate.points_per_s;
  }
}

void CostTable::add_repeats(std::uint64_t written, std::uint64_t repeated) {
  written_ += written;
  repeated_ += repeated;
}

std::vector<MetricCost> CostTable::metrics(Sort sort) const {
  std::vector<MetricCost> sorted;
  for (const auto& [names, cost] : metrics_) sorted.push_back(cost);
  const auto series = [](const MetricCost& cost) { return cost.kept + cost.dropped; };
  if (sort == Sort::Name) return sorted;
  std::stable_sort(sorted.begin(), sorted.end(), [&](const MetricCost& a, const MetricCost& b) {
    return sort == Sort::Series
               ? series(a) > series(b)
               : std::tuple(a.points_per_s, series(a)) > std::tuple(b.points_per_s, series(b));
  });
  return sorted;
}

std::vector<TagCost> CostTable::tags(Sort sort) const {
  std::vector<TagCost> sorted;
  for (const auto& [key, cost] : tags_) sorted.push_back(cost);
  if (sort == Sort::Name) return sorted;
  // All series have the same few tags: what tells them apart is what multiplies them.
  std::stable_sort(sorted.begin(), sorted.end(), [&](const TagCost& a, const TagCost& b) {
    return sort == Sort::Series ? a.series > b.series : a.values > b.values;
  });
  return sorted;
}

MetricCost CostTable::total() const {
  MetricCost total;
  for (const auto& [names, cost] : metrics_) {
    total.kept += cost.kept;
    total.dropped += cost.dropped;
    total.collided += cost.collided;
    total.points_per_s += cost.points_per_s;
  }
  return total;
}

std::string CostTable::rate_cell(double points_per_s) const {
  return is_known() ? rate_text(points_per_s) : "-";
}

void CostTable::write_metrics(std::ostream& out, const std::vector<MetricCost>& metrics,
                              std::size_t rows, std::optional<std::size_t> columns) const {
  const double all_points_per_s = total().points_per_s;
  std::vector<Cells> lines = {
      {"METRIC", "IN WAVEFRONT", "SERIES", "KEPT", "DROPPED", "POINTS/S", "SHARE"}};
  for (std::size_t i = 0; i < shown_of(metrics, rows); ++i) {
    const MetricCost& cost = metrics[i];
    lines.push_back({base::printable(cost.name), cost.kept > 0 ? cost.sent_as : "-",
                     grouped(cost.kept + cost.dropped), grouped(cost.kept), grouped(cost.dropped),
                     rate_cell(cost.points_per_s),
                     percent_text(cost.points_per_s, all_points_per_s)});
  }
  if (columns) fit_names(lines, *columns);
  std::vector<TextTable::Column> titles;
  for (std::size_t i = 0; i < lines.front().size(); ++i) {
    titles.push_back({lines.front()[i], i < 2 ? Align::Left : Align::Right});
  }
  TextTable table(std::move(titles));
  for (std::size_t i = 1; i < lines.size(); ++i) table.add(std::move(lines[i]));
  table.print(out);
  tell_rest(out, metrics, rows, "metric");
}

void CostTable::write_tags(std::ostream& out, const std::vector<TagCost>& tags,
                           std::size_t rows) const {
  TextTable table(
      {{"TAG"}, {"VALUES", Align::Right}, {"SERIES", Align::Right}, {"POINTS/S", Align::Right}});
  for (std::size_t i = 0; i < shown_of(tags, rows); ++i) {
    table.add({tags[i].key, grouped(tags[i].values), grouped(tags[i].series),
               rate_cell(tags[i].points_per_s)});
  }
  table.print(out);
  tell_rest(out, tags, rows, "tag");
}

void CostTable::write_rate(std::ostream& out, double points_per_s) const {
  if (!is_known()) {
    out << "points/s unknown: no sample is newer than in the first scrape\n";
    return;
  }
  const bool is_at_most = known_ == PointRate::Known::AtMost;
  out << (is_at_most ? "at most " : "") << rate_text(points_per_s) << " points/s, "
      << many_text(points_per_s * kSecondsADay) << " a day, "
      << many_text(points_per_s * kSecondsADay * kDaysAMonth) << " a month\n";
  if (is_at_most) {
    out << "at most: what only comes again is sent once, which --watch or another --input shows\n";
  }
}

void CostTable::write_summary(std::ostream& out) const {
  const MetricCost all = total();
  const std::uint64_t series = all.kept + all.dropped;
  out << grouped(all.kept) << " of " << grouped(series) << " series kept ("
      << percent_text(static_cast<double>(all.kept), static_cast<double>(series)) << "): ";
  write_rate(out, all.points_per_s);
  if (all.collided > 0) {
    out << grouped(all.collided)
        << " series become the same as another one, by name, source and tags, once tags are left "
           "out: one "
           "overwrites the other; see limits.tags and tagExclude\n";
  }
  if (repeated_ > 0 && is_known()) {
    out << percent_text(static_cast<double>(repeated_), static_cast<double>(written_ + repeated_))
        << " of the kept samples came again with the same time and are sent once: taken off "
           "every metric's points alike\n";
  }
}

void CostTable::write_text(std::ostream& out, Sort sort, std::size_t rows, bool has_colour,
                           std::optional<std::size_t> columns) const {
  const std::string bold = has_colour ? "\x1b[1m" : "";
  const std::string plain = has_colour ? "\x1b[0m" : "";
  const std::vector<MetricCost> all_metrics = metrics(sort);
  const std::vector<TagCost> all_tags = tags(sort);
  if (!all_metrics.empty()) {
    write_metrics(out, all_metrics, rows, columns);
    out << '\n';
  }
  if (!all_tags.empty()) {
    write_tags(out, all_tags, rows);
    out << '\n';
  }
  out << bold;
  write_summary(out);
  out << plain;
}

void CostTable::write_json(std::ostream& out, Sort sort, std::size_t rows) const {
  const std::vector<MetricCost> all_metrics = metrics(sort);
  const std::vector<TagCost> all_tags = tags(sort);
  const MetricCost all = total();
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  relay::add(writer, "series", all.kept + all.dropped);
  relay::add(writer, "kept", all.kept);
  relay::add(writer, "dropped", all.dropped);
  relay::add(writer, "collided", all.collided);
  relay::add(writer, "points_per_s", if_known(all.points_per_s, is_known()));
  relay::add(writer, "points_per_s_is", known_text(known_.value_or(PointRate::Known::Measured)));
  relay::add(writer, "samples_written", written_);
  relay::add(writer, "samples_repeated", repeated_);
  writer.Key("metrics");
  writer.StartArray();
  for (std::size_t i = 0; i < shown_of(all_metrics, rows); ++i) {
    write_row(writer, all_metrics[i], is_known());
  }
  writer.EndArray();
  writer.Key("tags");
  writer.StartArray();
  for (std::size_t i = 0; i < shown_of(all_tags, rows); ++i) {
    write_row(writer, all_tags[i], is_known());
  }
  writer.EndArray();
  writer.EndObject();
  buffer.Put('\n');
  out.write(buffer.GetString(), static_cast<std::streamsize>(buffer.GetSize()));
}

}  // namespace fedwave::relay
