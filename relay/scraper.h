// One target (a source, or one address of it) and one scrape of it: request, inflate, transform,
// from the first byte to the last on the calling thread. A Target is used by one thread at a time;
// configuration and stages outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "relay/base/clock.h"
#include "relay/base/file.h"
#include "relay/base/gzip.h"
#include "relay/base/http_client.h"
#include "relay/cluster/cluster_figures.h"
#include "relay/scrape_counts.h"
#include "relay/series_stages.h"
#include "relay/transform.h"
#include "sinks/block_writer.h"

namespace fedwave::relay {

// The numeric addresses that a source's host name stands for, where each of them is to be scraped;
// none when the source says otherwise, a proxy stands in between, or the name does not resolve.
std::vector<std::string> resolve_targets(const config::Source& source);

struct ScrapeResult {
  std::optional<base::Error> error;  // what was complete was kept all the same
  ScrapeCounts counts;
  std::int64_t start_ms = 0;  // wall time
  std::int64_t duration_ms = 0;
  bool empty = false;  // a good answer without a single sample
};

// Which of a source's requests, and to whom.
struct TargetPlace {
  std::string url{};      // empty: the source's own
  std::string job{};      // which one of the source's jobs, for people; empty where there is one
  std::string address{};  // where to connect instead of the name in the URL; empty: as it resolves
  Shard shard{};          // the series of others are left to them
};

class Target {
 public:
  Target(const config::Config& config, const config::Source& source, TargetPlace place,
         std::unique_ptr<base::HttpClient> client, const base::Clock& clock);

  // Goes on where another target of the same place has ended, whose configuration was another one:
  // with its connection and what it knows of the series. That one is at an end.
  void take_over(Target& before);

  ScrapeResult scrape(const std::vector<sinks::BlockWriter*>& writers,
                      const std::atomic<bool>* cancelled);

  // Sees the text of a page as it arrives; by default nobody does.
  using TextListener = std::function<void(std::string_view)>;
  void on_text(TextListener listener) { text_listener_ = std::move(listener); }

  [[nodiscard]] const std::string& label() const {
    return label_;
  }  // for people: name, job, address
  [[nodiscard]] const std::string& instance() const { return instance_; }  // as SeriesStages has it
  [[nodiscard]] Transform& transform() { return transform_; }

 private:
  class Body;
  base::Expected<base::HttpRequest> make_request(const std::atomic<bool>* cancelled);

  const config::Source& source_;
  const TargetPlace place_;
  const std::string instance_;
  const std::string label_;
  std::unique_ptr<base::HttpClient> client_;
  const base::Clock& clock_;
  const SeriesStages stages_;
  Transform transform_;
  base::GzipInflater inflater_;
  base::WatchedFile bearer_token_file_;
  base::WatchedFile password_file_;
  std::vector<std::string> secrets_;  // that the request in hand carries
  TextListener text_listener_;
};

}  // namespace fedwave::relay
