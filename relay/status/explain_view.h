// What /api/v1/explain answers: what becomes of a series that is given as text, or of those that
// are known by a name, the page's or Wavefront's; or what a pattern of a filter matches. Names are
// looked up in the sources' surveys; each verdict that a metric's series have is explained by one
// of them. What nobody knows is explained as hypothetical. An explainer for each source is made
// when it is first needed, and kept for as long as the configuration is the same. One thread; the
// relay outlives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/expected.h"
#include "relay/commands/asked_series.h"
#include "relay/explain/explainer.h"
#include "relay/status/relay_view.h"

namespace fedwave::relay {

class ExplainView {
 public:
  explicit ExplainView(const RelayView& relay) : relay_(relay) {}

  // The error says which parameter is no good, and what would be.
  base::Expected<std::string> json(std::string_view query);

 private:
  struct Found {
    Explanation explanation;
    std::optional<std::uint64_t> series_count = {};  // that the same became of
  };
  struct Answer {
    const char* matched_by = "";  // series, name, pattern, or none when nothing is known
    std::string note = {};
    std::vector<Found> found = {};
    bool is_hypothetical = false;
  };

  // One of the sources that are asked about, and what is known of its series.
  struct Place {
    std::size_t source = 0;
    std::shared_ptr<const Survey> survey;  // may be null
  };

  void take_config();
  [[nodiscard]] base::Expected<std::vector<Place>> places(std::string_view query) const;
  [[nodiscard]] std::vector<Place> scraped(const std::vector<Place>& places) const;
  Answer answer(const std::vector<Place>& places, const AskedSeries& asked);
  Answer explain_series(const std::vector<Place>& places, const AskedSeries& asked);
  Answer explain_name(const std::vector<Place>& places, const std::string& name);
  Answer explain_pattern(const std::vector<Place>& places, const std::string& pattern);
  Answer explain_unknown_name(const std::vector<Place>& places, const std::string& name);
  Answer explain_unknown_own(const Place& own, std::string_view name, const std::string& bare);
  Answer explain_unknown(const std::vector<Place>& places, std::string_view name,
                         const parsers::SampleLineView& sample);
  void explain_metric(const Place& place, const SurveyedMetric& metric, std::vector<Found>& found);
  Explanation explain(const Place& place, parsers::SampleLineView sample,
                      const SurveyedMetric* metric);
  std::string pattern_text(const Place& place, const std::string& pattern);
  [[nodiscard]] const config::Source& source_of(const Place& place) const;
  const Explainer& explainer(std::size_t source);

  const RelayView& relay_;
  std::shared_ptr<const config::Config> config_;  // of the request in hand; null before the first
  std::vector<std::unique_ptr<Explainer>> explainers_;  // by source
};

}  // namespace fedwave::relay
