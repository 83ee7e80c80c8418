// The scrapes of one source that a command makes: files that stand in for it, each taken for the
// next scrape of the same page, or the source itself, each of its addresses once. The same
// transform as the relay's takes them. Configuration and reading outlive it; main's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "relay/commands/page_reading.h"
#include "relay/scraper.h"
#include "relay/transform.h"
#include "sinks/block_output.h"

namespace fedwave::relay {

class PageScrapes {
 public:
  // `inputs`: the files; none for the source itself. They lie `interval_ms` apart, 0: the source's.
  PageScrapes(const config::Config& config, const config::Source& source,
              std::vector<std::string> inputs, std::int64_t interval_ms, PageReading& reading);

  // Takes all of them. `on_scrape` gets what was counted in a page (or in a part of it), and
  // whether it is whole.
  using OnScrape =
      std::function<void(const std::string& where, bool is_whole, const ScrapeCounts& counts)>;
  void take(const std::vector<sinks::BlockWriter*>& writers, const OnScrape& on_scrape);

  void survey(SurveyBuilder& survey) const;
  [[nodiscard]] const config::Source& source() const { return source_; }

 private:
  struct InputTransform {
    InputTransform(const config::Source& source, const config::Config& config)
        : stages(source, config, ""), transform(source, stages) {}
    const SeriesStages stages;
    Transform transform;
  };

  void listen(Transform& transform);
  void take_inputs(const std::vector<sinks::BlockWriter*>& writers, const OnScrape& on_scrape);

  const config::Source& source_;
  const std::vector<std::string> inputs_;
  const std::int64_t interval_ms_;
  PageReading& reading_;
  std::unique_ptr<InputTransform> input_;         // with inputs
  std::vector<std::unique_ptr<Target>> targets_;  // without
};

// Stands where a relay has a spool, for who does not want the lines.
class DiscardingOutput final : public sinks::BlockOutput {
 public:
  void append(sinks::Block) override {}
};

// The source's targets, as the relay has them.
std::vector<std::unique_ptr<Target>> make_targets(const config::Config& config,
                                                  const config::Source& source);

}  // namespace fedwave::relay
