// The relay's own figures on their way to Wavefront (internal_stats_source): counted like the
// samples of any other source, through the same filters, tags and sinks, under the names that the
// collector has where the meaning is the same (docs/own-points.md). Beside them go a heartbeat
// and, for each source, an "up" that is 0 when its last scrape failed, so that silence shows in
// Wavefront itself. Owned by the pipeline, used by one worker at a time; configuration and clock
// outlive it.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "relay/base/clock.h"
#include "relay/pipeline_figures.h"
#include "relay/scraper.h"
#include "relay/series_stages.h"
#include "relay/transform.h"
#include "sinks/block_writer.h"

namespace fedwave::relay {

// As the collector makes a value of its version: 1.302 of 1.30.2.
double version_number(std::string version);

class OwnPoints {
 public:
  // `config.internal_stats` is there.
  OwnPoints(const config::Config& config, const base::Clock& clock);

  // Sends what `figures` say.
  ScrapeResult send(const PipelineFigures& figures,
                    const std::vector<sinks::BlockWriter*>& writers);

  // The series but for the heartbeat's.
  [[nodiscard]] const Transform& transform() const { return transform_; }

 private:
  const config::Config& config_;
  const base::Clock& clock_;
  const SeriesStages stages_;
  Transform transform_;
  // The heartbeat's way, on which nobody's prefix, tags and filters are.
  const config::Source heartbeat_source_;
  const SeriesStages heartbeat_stages_;
  Transform heartbeat_;
};

}  // namespace fedwave::relay
