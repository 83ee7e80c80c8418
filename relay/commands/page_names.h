// The metrics of a page by their names on either side: finds what somebody means by a name, and
// what comes near when nothing has it. Borrows the pages' series; main's thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "relay/commands/page_series.h"
#include "relay/explain/explainer.h"

namespace fedwave::relay {

// One metric of one page. A name may have several kinds of series: `x_count` of a histogram and of
// its own.
struct PageMetric {
  std::string name;
  std::string dotted;              // as the source's filters see it
  std::vector<std::string> names;  // as Wavefront has it at each sink, with and without prefixes
  const Explainer* explainer = nullptr;
  std::vector<const PageSeries*> series;
};

class PageNames {
 public:
  PageNames(const config::Config& config, const config::Source& source);

  // Pages and explainer outlive this.
  void add(const SourcePage& page, const Explainer& explainer);

  // By the exact name on either side, else whatever the case.
  [[nodiscard]] std::vector<const PageMetric*> find(const std::string& name) const;
  // Of the same side, the nearest first; at most `count`.
  [[nodiscard]] std::vector<std::string> nearest(const std::string& name, std::size_t count) const;
  // Whose dotted names a pattern matches.
  [[nodiscard]] std::vector<std::string> matching(const std::string& pattern) const;
  [[nodiscard]] const std::vector<PageMetric>& metrics() const { return metrics_; }

 private:
  void add_names(PageMetric& metric) const;

  const config::Config& config_;
  const config::Source& source_;
  std::vector<PageMetric> metrics_;  // by name
};

// What the page may call a metric of this Wavefront name, and its kind, from the name alone.
struct GuessedMetric {
  std::string name;
  parsers::SampleKind kind = parsers::SampleKind::Untyped;
};
GuessedMetric guess_metric(const config::Config& config, const config::Source& source,
                           std::string name);

}  // namespace fedwave::relay
