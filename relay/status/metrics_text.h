// Writes the Prometheus text format 0.0.4: one family after the other, each with its HELP and TYPE
// and then its samples. A plain value that belongs to whoever writes the page.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace fedwave::relay {

enum class MetricType : std::uint8_t { Counter, Gauge, Histogram };

struct MetricLabelView {
  std::string_view key;
  std::string_view value;  // UTF-8; anything in it is escaped
};

class MetricsText {
 public:
  void begin_family(std::string_view name, MetricType type, std::string_view help);

  // A sample of the family that was begun last; `suffix` is for a histogram's parts.
  template <class Number>
  void add(std::initializer_list<MetricLabelView> labels, Number value,
           std::string_view suffix = "") {
    add_sample(labels, static_cast<double>(value), suffix);
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void add_sample(std::initializer_list<MetricLabelView> labels, double value,
                  std::string_view suffix);

  std::string family_;
  std::string text_;
};

// 1000 is 1000, 0.25 is 0.25.
std::string metric_number(double value);

// As Prometheus has times and durations.
inline double seconds(std::int64_t ms) {
  return static_cast<double>(ms) / 1000;
}

// The known causes, and what else was counted.
template <class Known>
std::map<std::string, std::uint64_t> with_zeros(std::map<std::string, std::uint64_t> counts,
                                                const Known& known) {
  for (const char* cause : known) counts.try_emplace(cause, 0);
  return counts;
}

}  // namespace fedwave::relay
