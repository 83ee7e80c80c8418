#include "relay/commands/diff_report.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "relay/base/text.h"
#include "relay/commands/readable.h"
#include "relay/commands/text_table.h"
#include "relay/explain/explanation_text.h"
#include "relay/json.h"

namespace fedwave::relay {
namespace {

constexpr const char* kBold = "\x1b[1m";
constexpr const char* kPlain = "\x1b[0m";

const char* colour_of(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::Added:
      return "\x1b[32m";
    case ChangeKind::Dropped:
      return "\x1b[31m";
    case ChangeKind::Renamed:
    case ChangeKind::Retagged:
      break;
  }
  return "\x1b[33m";
}

std::string signed_rate(double points_per_s) {
  const char* sign = points_per_s > 0 ? "+" : points_per_s < 0 ? "-" : "";
  return sign + rate_text(std::abs(points_per_s));
}

std::string name_text(const MetricChange& metric) {
  if (metric.old_name.empty()) return metric.new_name;
  if (metric.new_name.empty() || metric.old_name == metric.new_name) return metric.old_name;
  return metric.old_name + " -> " + metric.new_name;
}

class Text {
 public:
  Text(std::ostream& out, bool has_colour) : out_(out), has_colour_(has_colour) {}

  void write(const DiffFindings& findings) {
    if (!findings.settings.empty()) out_ << painted(kBold, "settings") << '\n';
    for (const std::string& line : findings.settings) out_ << "  " << line << '\n';
    if (!findings.settings.empty()) out_ << '\n';
    const ChangeGroup* last = nullptr;
    for (const ChangeGroup* group : findings.changes.groups()) {
      const bool is_new_place =
          last == nullptr || last->source != group->source || last->sink != group->sink;
      if (is_new_place) {
        out_ << painted(kBold, "source \"" + source_title(group->source) + "\", sink \"" +
                                   group->sink + "\"")
             << "\n\n";
      }
      write_group(*group);
      last = group;
    }
    write_summary(findings);
  }

 private:
  std::string painted(const char* colour, const std::string& text) const {
    return has_colour_ ? colour + text + kPlain : text;
  }

  void write_group(const ChangeGroup& group) {
    out_ << painted(colour_of(group.kind), change_text(group.kind)) << ' ' << grouped(group.series)
         << " series";
    if (group.points_per_s != 0) out_ << ", " << signed_rate(group.points_per_s) << " points/s";
    out_ << '\n';
    write_reasons(group);
    std::vector<std::pair<std::string, const MetricChange*>> metrics;
    for (const auto& [name, metric] : group.metrics) metrics.emplace_back(name, &metric);
    std::stable_sort(metrics.begin(), metrics.end(), [](const auto& a, const auto& b) {
      return a.second->series > b.second->series;
    });
    TextTable table({{"  SERIES", TextTable::Align::Right},
                     {"POINTS/S", TextTable::Align::Right},
                     {"METRIC"},
                     {"IN WAVEFRONT"}});
    for (const auto& [name, metric] : metrics) {
      table.add({grouped(metric->series), signed_rate(metric->points_per_s), base::printable(name),
                 name_text(*metric)});
    }
    table.print(out_);
    for (const auto& [name, metric] : metrics) {
      for (const SeriesChange& series : metric->examples) write_series(group.kind, series);
    }
    out_ << '\n';
  }

  void write_reasons(const ChangeGroup& group) {
    const bool is_added = group.kind == ChangeKind::Added;
    const bool has_sides = is_added || group.kind == ChangeKind::Dropped;
    if (!group.why.empty()) {
      out_ << (!has_sides ? ""
               : is_added ? "OLD: "
                          : "NEW: ")
           << base::printable(group.why) << '\n';
    }
    if (!group.kept_by.empty()) {
      out_ << (is_added ? "NEW: kept by " : "OLD: kept by ") << base::printable(group.kept_by)
           << '\n';
    }
  }

  void write_series(ChangeKind kind, const SeriesChange& series) {
    const std::string old_line = base::printable(series.old_line);
    const std::string new_line = base::printable(series.new_line);
    if (kind == ChangeKind::Added) {
      out_ << painted(colour_of(kind), "+ " + new_line) << '\n';
    } else if (kind == ChangeKind::Dropped) {
      out_ << painted(colour_of(kind), "- " + old_line) << '\n';
    } else {
      out_ << painted(colour_of(kind), "~ " + old_line + "\n  " + new_line) << '\n';
    }
  }

  void write_summary(const DiffFindings& findings) {
    const SeriesChanges& changes = findings.changes;
    const double difference = changes.new_points_per_s() - changes.old_points_per_s();
    if (changes.without_value() > 0) {
      out_ << "besides, " << grouped(changes.without_value())
           << " series would differ if there were a value to send\n";
    }
    out_ << "of " << grouped(findings.series) << " series ";
    if (changes.groups().empty()) {
      out_ << "none differs";
    } else {
      for (std::size_t i = 0; i < kChangeKindCount; ++i) {
        const auto kind = static_cast<ChangeKind>(i);
        out_ << (i == 0 ? "" : ", ") << grouped(changes.count(kind)) << ' ' << change_text(kind);
      }
    }
    out_ << "; " << rate_text(changes.old_points_per_s());
    if (std::abs(difference) > 1e-9) {
      out_ << " -> " << rate_text(changes.new_points_per_s()) << " points/s ("
           << signed_rate(difference) << ")\n";
    } else {
      out_ << " points/s\n";
    }
  }

  std::ostream& out_;
  const bool has_colour_;
};

void write_metric(JsonWriter& writer, const ChangeGroup& group, const std::string& name,
                  const MetricChange& metric) {
  writer.StartObject();
  add(writer, "source", group.source);
  add(writer, "sink", group.sink);
  add(writer, "what", change_text(group.kind));
  add(writer, "why", group.why);
  add(writer, "kept_by", group.kept_by);
  add(writer, "metric", name);
  add(writer, "old_name", metric.old_name);
  add(writer, "new_name", metric.new_name);
  add(writer, "series_count", metric.series);
  add(writer, "points_per_s", metric.points_per_s);
  writer.Key("series");
  writer.StartArray();
  for (const SeriesChange& series : metric.examples) {
    writer.StartObject();
    add(writer, "series", series.series);
    add(writer, "old", series.old_line);
    add(writer, "new", series.new_line);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
}

}  // namespace

void write_diff_text(std::ostream& out, const DiffFindings& findings, bool has_colour) {
  Text(out, has_colour).write(findings);
}

void write_diff_json(std::ostream& out, const DiffFindings& findings) {
  const SeriesChanges& changes = findings.changes;
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  add(writer, "old", findings.old_file);
  add(writer, "new", findings.new_file);
  writer.Key("same");
  writer.Bool(findings.is_same());
  add(writer, "series_count", findings.series);
  for (std::size_t i = 0; i < kChangeKindCount; ++i) {
    const auto kind = static_cast<ChangeKind>(i);
    add(writer, change_text(kind), changes.count(kind));
  }
  add(writer, "without_value", changes.without_value());
  add(writer, "old_points_per_s", changes.old_points_per_s());
  add(writer, "new_points_per_s", changes.new_points_per_s());
  writer.Key("settings");
  writer.StartArray();
  for (const std::string& line : findings.settings) put(writer, line);
  writer.EndArray();
  writer.Key("changes");
  writer.StartArray();
  for (const ChangeGroup* group : changes.groups()) {
    for (const auto& [name, metric] : group->metrics) write_metric(writer, *group, name, metric);
  }
  writer.EndArray();
  writer.EndObject();
  buffer.Put('\n');
  out.write(buffer.GetString(), static_cast<std::streamsize>(buffer.GetSize()));
}

}  // namespace fedwave::relay
