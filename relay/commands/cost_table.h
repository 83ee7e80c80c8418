// What the series of a command's sources cost, by metric and by tag: put together from surveys,
// sorted, and shown as tables for people or as one JSON object. Plain values, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "relay/commands/top.h"
#include "relay/survey.h"

namespace fedwave::relay {

// How many points a second a source's series cost, as far as its scrapes show it.
struct PointRate {
  enum class Known {
    AtMost,    // a point for each series and interval: one scrape does not show what is repeated
    Measured,  // the points of the scrapes after the first, over the time that they took
    Unknown,   // nothing in them was new; no more than with AtMost
  };
  Known known = Known::AtMost;
  double points_per_s = 0;  // of one series, on average
};

struct MetricCost {
  std::string name;     // as the page has it
  std::string sent_as;  // in Wavefront; empty where the name alone is reason to drop it
  std::uint64_t kept = 0;
  std::uint64_t dropped = 0;
  std::uint64_t collided = 0;  // see SurveyedMetric
  double points_per_s = 0;
};

struct TagCost {
  std::string key;
  std::uint64_t series = 0;
  std::uint64_t values = 0;  // different ones, of the source that has most
  double points_per_s = 0;
};

class CostTable {
 public:
  // The series of one source, as the first sink gets them.
  void add(const Survey& survey, const PointRate& rate);
  // Of the samples of all sources: how many came again without a change since the scrape before,
  // and are not sent. Known from the second scrape on.
  void add_repeats(std::uint64_t written, std::uint64_t repeated);

  // `columns`: what fits in a line, when the middle of long names is to be left out for that.
  void write_text(std::ostream& out, TopOptions::Sort sort, std::size_t rows, bool has_colour,
                  std::optional<std::size_t> columns = {}) const;
  void write_json(std::ostream& out, TopOptions::Sort sort, std::size_t rows) const;

 private:
  [[nodiscard]] std::vector<MetricCost> metrics(TopOptions::Sort sort) const;
  [[nodiscard]] std::vector<TagCost> tags(TopOptions::Sort sort) const;
  [[nodiscard]] MetricCost total() const;
  [[nodiscard]] bool is_known() const { return known_ != PointRate::Known::Unknown; }
  [[nodiscard]] std::string rate_cell(double points_per_s) const;
  void write_metrics(std::ostream& out, const std::vector<MetricCost>& metrics, std::size_t rows,
                     std::optional<std::size_t> columns) const;
  void write_rate(std::ostream& out, double points_per_s) const;
  void write_tags(std::ostream& out, const std::vector<TagCost>& tags, std::size_t rows) const;
  void write_summary(std::ostream& out) const;

  std::map<std::pair<std::string, std::string>, MetricCost> metrics_;  // by both names
  std::map<std::string, TagCost> tags_;
  std::optional<PointRate::Known> known_;  // of the sum; AtMost where sources differ
  std::uint64_t written_ = 0;
  std::uint64_t repeated_ = 0;
};

}  // namespace fedwave::relay
