// What the status server sees of the running relay. The commands that run a Pipeline adapt it to
// this; tests bring a fake. All methods from any thread; the view outlives the server. The
// configuration changes while the relay runs: whoever answers a request takes it once and works
// with that one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "relay/base/expected.h"
#include "relay/cluster/cluster_figures.h"
#include "relay/pipeline_figures.h"
#include "relay/survey.h"

namespace fedwave::relay {

// The file that the configuration comes from, and what became of its edits.
struct ConfigFigures {
  std::string file;            // empty: it is in the program
  std::string hash;            // of the content that is in force, 16 hexadecimal digits
  std::int64_t loaded_ms = 0;  // wall time since when it is in force
  bool is_current = true;      // false: the file has been refused since
  std::uint64_t applied = 0;   // reloads by what came of them
  std::uint64_t unchanged = 0;
  std::uint64_t refused = 0;
  std::int64_t refused_ms = 0;        // wall time of the last refusal; 0 for none
  std::vector<std::string> problems;  // while not current: FILE:LINE:COLUMN: what; what to write
  std::string last_change;            // what the last reload that was applied has changed
};

class RelayView {
 public:
  virtual ~RelayView() = default;

  [[nodiscard]] virtual std::shared_ptr<const config::Config> config() const = 0;
  [[nodiscard]] virtual ConfigFigures config_figures() const = 0;
  [[nodiscard]] virtual ClusterFigures cluster() const = 0;
  [[nodiscard]] virtual PipelineFigures figures() const = 0;
  // Of the source with this name; null before the first scrape.
  [[nodiscard]] virtual std::shared_ptr<const Survey> survey(const std::string& source) const = 0;
  [[nodiscard]] virtual std::int64_t started_ms() const = 0;  // wall time
  [[nodiscard]] virtual bool is_stopping() const = 0;
  // Reads the configuration again and puts it in force. The text says what came of it;
  // InvalidArgument: the file is no good; any other error: it cannot be done now.
  virtual base::Expected<std::string> reload() = 0;
};

}  // namespace fedwave::relay
