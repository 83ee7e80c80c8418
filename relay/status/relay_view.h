// What the status server sees of the running relay. The commands that run a Pipeline adapt it to
// this; tests bring a fake. All methods from any thread; the configuration is the same one for as
// long as the view lives, and the view outlives the server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "config/config.h"
#include "relay/base/expected.h"
#include "relay/pipeline_figures.h"
#include "relay/survey.h"

namespace fedwave::relay {

class RelayView {
 public:
  virtual ~RelayView() = default;

  [[nodiscard]] virtual const config::Config& config() const = 0;
  [[nodiscard]] virtual PipelineFigures figures() const = 0;
  // Null before the first scrape.
  [[nodiscard]] virtual std::shared_ptr<const Survey> survey(std::size_t source) const = 0;
  [[nodiscard]] virtual std::int64_t started_ms() const = 0;  // wall time
  [[nodiscard]] virtual bool is_stopping() const = 0;
  [[nodiscard]] virtual std::int64_t config_loaded_ms() const = 0;  // wall time
  // False: the file was read again since and refused, or has changed and waits for a restart.
  [[nodiscard]] virtual bool config_is_current() const = 0;
  // Reads the configuration again. The text says what came of it; InvalidArgument: the file is no
  // good; any other error: it cannot be done now.
  virtual base::Expected<std::string> reload() = 0;
};

}  // namespace fedwave::relay
