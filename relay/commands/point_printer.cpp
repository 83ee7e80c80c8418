#include "relay/commands/point_printer.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <variant>

#include "relay/base/check.h"
#include "relay/base/clock.h"
#include "relay/receive/line_checker.h"

namespace fedwave::relay {
namespace {

using receive::CheckedPoint;

// Our own lines: whatever the proxy's limits are, they are to be shown.
std::variant<CheckedPoint, receive::Rejection> read_back(std::string_view line) {
  receive::LineRules rules;
  constexpr std::size_t kNoLimit = std::size_t{1} << 30;
  rules.limits = {kNoLimit,
                  kNoLimit,
                  kNoLimit,
                  kNoLimit,
                  kNoLimit,
                  kNoLimit,
                  kNoLimit,
                  std::int64_t{1} << 60,
                  std::int64_t{1} << 60};
  rules.renames_reserved_tags = false;
  rules.now_ms = base::system_clock().wall_ms();
  return receive::check_line(line, receive::LineFormat::Autodetect, rules);
}

// The value as it stands on the wire: the second word of a metric line.
std::string_view value_text(std::string_view line) {
  const auto begin = line.find("\" ") + 2;
  return line.substr(begin, line.find(' ', begin) - begin);
}

std::string centroid_text(const CheckedPoint& point) {
  std::string text;
  for (const auto& centroid : point.centroids) {
    char part[64];
    std::snprintf(part, sizeof part, "%s%dx%g", text.empty() ? "" : " ", centroid.count,
                  centroid.mean);
    text += part;
  }
  return text;
}

template <class Each>
void for_each_line(std::string_view lines, const Each& each) {
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    each(lines.substr(0, end));
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
}

bool write_out(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
}

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

void write_string(JsonWriter& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_point(JsonWriter& writer, const CheckedPoint& point, std::string_view line) {
  writer.Key("name");
  write_string(writer, point.name);
  if (point.is_distribution()) {
    writer.Key("centroids");
    writer.StartArray();
    for (const auto& centroid : point.centroids) {
      writer.StartObject();
      writer.Key("mean");
      writer.Double(centroid.mean);
      writer.Key("count");
      writer.Int(centroid.count);
      writer.EndObject();
    }
    writer.EndArray();
  } else {
    const std::string_view value = value_text(line);
    writer.Key("value");
    writer.RawValue(value.data(), value.size(), rapidjson::kNumberType);
  }
  writer.Key("timestamp");
  writer.Int64(point.timestamp_ms / 1000);
  writer.Key("source");
  write_string(writer, point.source);
  writer.Key("tags");
  writer.StartObject();
  for (const auto& [key, value] : point.tags) {
    writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
    write_string(writer, value);
  }
  writer.EndObject();
}

}  // namespace

void PointPrinter::print(std::string_view lines) {
  switch (format_) {
    case DumpFormat::Wavefront:
      write_out(lines);
      break;
    case DumpFormat::Json:
      out_.clear();
      for_each_line(lines, [this](std::string_view line) { out_ += point_json(line) + '\n'; });
      write_out(out_);
      break;
    case DumpFormat::Table:
      for_each_line(lines, [this](std::string_view line) { add_row(line); });
      break;
  }
}

std::string point_json(std::string_view line) {
  const auto checked = read_back(line);
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.StartObject();
  if (const auto* point = std::get_if<CheckedPoint>(&checked)) {
    write_point(writer, *point, line);
  } else {
    writer.Key("unreadable");
    write_string(writer, line);
  }
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

void PointPrinter::add_row(std::string_view line) {
  const auto checked = read_back(line);
  if (const auto* rejection = std::get_if<receive::Rejection>(&checked)) {
    rows_.push_back({.name = rejection->text, .value = "", .time = "", .source = "", .tags = ""});
    return;
  }
  const auto& point = std::get<CheckedPoint>(checked);
  std::string tags;
  for (const auto& [key, value] : point.tags) {
    tags += (tags.empty() ? "" : " ") + key + "=" + value;
  }
  rows_.push_back(
      {.name = point.name,
       .value = point.is_distribution() ? centroid_text(point) : std::string(value_text(line)),
       .time = base::utc_text(point.timestamp_ms),
       .source = point.source,
       .tags = std::move(tags)});
}

// Columns as wide as their widest cell; numbers to the right.
void PointPrinter::print_table() {
  rows_.insert(rows_.begin(), {"METRIC", "VALUE", "TIME", "SOURCE", "TAGS"});
  std::array<std::size_t, 4> width{};
  for (const Row& row : rows_) {
    const std::array<const std::string*, 4> cells{&row.name, &row.value, &row.time, &row.source};
    for (std::size_t i = 0; i < cells.size(); ++i) width[i] = std::max(width[i], cells[i]->size());
  }
  for (const Row& row : rows_) {
    const auto pad = [](const std::string& cell, std::size_t to) {
      return std::string(to - cell.size(), ' ');
    };
    const std::string text = row.name + pad(row.name, width[0]) + "  " + pad(row.value, width[1]) +
                             row.value + "  " + row.time + pad(row.time, width[2]) + "  " +
                             row.source + pad(row.source, width[3]) + "  " + row.tags + "\n";
    write_out(text);
  }
}

bool PointPrinter::end() {
  if (format_ == DumpFormat::Table) print_table();
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

}  // namespace fedwave::relay
