#include "relay/status/metrics_text.h"

#include "sinks/number_format.h"

namespace fedwave::relay {
namespace {

const char* type_name(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
  }
  return "untyped";
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
}

}  // namespace

std::string metric_number(double value) {
  std::string text;
  sinks::append_value(text, value);
  return text;
}

void MetricsText::begin_family(std::string_view name, MetricType type, std::string_view help) {
  family_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help);
  text_.append("\n# TYPE ").append(name).append(" ").append(type_name(type)).append("\n");
}

void MetricsText::add_sample(std::initializer_list<MetricLabelView> labels, double value,
                             std::string_view suffix) {
  text_.append(family_).append(suffix);
  char before = '{';
  for (const MetricLabelView& label : labels) {
    text_ += before;
    text_.append(label.key).append("=\"");
    append_escaped(text_, label.value);
    text_ += '"';
    before = ',';
  }
  if (before == ',') text_ += '}';
  text_ += ' ';
  sinks::append_value(text_, value);
  text_ += '\n';
}

}  // namespace fedwave::relay
