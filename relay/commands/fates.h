// Series that have met the same fate, counted together with one of them as the example: what
// `explain` shows of many series. Plain values, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "relay/explain/explanation.h"

namespace fedwave::relay {

// Alike in what became of them, by which rules, and why tags were taken off.
struct Fate {
  Explanation example;
  std::uint64_t series = 0;
};

class Fates {
 public:
  void add(Explanation explanation);
  [[nodiscard]] std::vector<const Fate*> by_count() const;  // the most series first
  [[nodiscard]] bool empty() const { return fates_.empty(); }

 private:
  std::map<std::string, Fate> fates_;
};

// What one sink (or all of them, when it was the source's filters) has made of a series, and by
// which rule.
struct Decision {
  bool is_kept = false;
  std::string who;   // "sink "b": " where there are several that may decide otherwise
  std::string why;   // "no pattern of the source's metricAllowList matches the name"; not of kept
  std::string rule;  // "metricAllowList "istio.tcp.*" at collector.yaml:12:7"; empty for none
};
std::vector<Decision> decisions_of(const Explanation& explanation, std::string_view file);

// The rules that have let it pass to a sink, "… and …"; empty when there was none to ask.
std::string kept_by(const Explanation& explanation, const SinkExplanation& sink,
                    std::string_view file);

// All of a page's series by decision, and within each by metric.
class DecisionCounts {
 public:
  struct Metric {
    std::uint64_t series = 0;
    std::string example;
    std::string hint;
    std::string hint_for_all;  // without this metric's name
  };
  struct Group {
    Decision decision;
    std::uint64_t series = 0;
    std::map<std::string, Metric> metrics;  // by name
  };

  explicit DecisionCounts(std::string_view file) : file_(file) {}
  void add(const Explanation& explanation);

  [[nodiscard]] std::vector<const Group*> by_count() const;  // kept before dropped, most first
  [[nodiscard]] std::uint64_t series() const { return series_; }
  [[nodiscard]] std::uint64_t unsent() const { return unsent_; }  // that some sink does not get

 private:
  std::string file_;
  std::uint64_t series_ = 0;
  std::uint64_t unsent_ = 0;
  std::map<std::string, Group> groups_;
};

// Whether there is a sink that does not get the series.
bool is_missed(const Explanation& explanation);

}  // namespace fedwave::relay
