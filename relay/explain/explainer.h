// Takes one series through the very stages of the data path (series_stages), watching each: what
// `fedwave explain`, `diff` and the status page's "Why?" show. One per source; immutable after
// construction, any thread. The configuration outlives it.
#pragma once

#include <memory>
#include <string>

#include "config/config.h"
#include "parsers/sample.h"
#include "relay/explain/explanation.h"

namespace fedwave::relay {

class Explainer {
 public:
  // `instance` and `shard`: as for SeriesStages.
  Explainer(const config::Config& config, const config::Source& source, std::string instance = "",
            Shard shard = {});
  ~Explainer();
  Explainer(Explainer&&) noexcept;

  // The sample's value may be empty: then nothing is said of it.
  [[nodiscard]] Explanation explain(const parsers::SampleLineView& sample) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace fedwave::relay
