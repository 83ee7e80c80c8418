// What /api/v1/explain answers: what becomes of a series that is given as text, or of those that
// are known by a name, the page's or Wavefront's. Names are looked up in the sources' surveys; each
// verdict that a metric's series have is explained by one of them. An explainer for each source is
// made when it is first needed, and kept. One thread; the relay outlives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/expected.h"
#include "relay/explain/explainer.h"
#include "relay/status/relay_view.h"

namespace fedwave::relay {

class ExplainView {
 public:
  explicit ExplainView(const RelayView& relay);

  // The error says which parameter is no good, and what would be.
  base::Expected<std::string> json(std::string_view query);

 private:
  struct Found {
    Explanation explanation;
    std::optional<std::uint64_t> series_count;  // that the same became of
  };

  // One of the sources that are asked about, and what is known of its series.
  struct Place {
    std::size_t source = 0;
    std::shared_ptr<const Survey> survey;  // may be null
  };

  [[nodiscard]] base::Expected<std::vector<Place>> places(std::string_view query) const;
  [[nodiscard]] std::vector<Place> scraped(const std::vector<Place>& places) const;
  std::string explain_series(const std::vector<Place>& places,
                             const parsers::SampleLineView& sample);
  std::string explain_name(const std::vector<Place>& places, std::string_view name);
  void explain_metric(const Place& place, const SurveyedMetric& metric, std::vector<Found>& found);
  std::string explain_unknown(const std::vector<Place>& places, std::string_view name);
  Found explain(const Place& place, parsers::SampleLineView sample, const SurveyedMetric* metric);
  const Explainer& explainer(std::size_t source);
  [[nodiscard]] std::string answer(const char* matched_by, const std::string& note,
                                   const std::vector<Found>& found) const;

  const RelayView& relay_;
  std::vector<std::unique_ptr<Explainer>> explainers_;  // by source
};

}  // namespace fedwave::relay
