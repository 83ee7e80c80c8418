// A running pipeline as the status server sees it, and the file that its configuration came from:
// what `run` and `demo` hand to the server. Pipeline, configuration and clock outlive it. Any
// thread.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/load.h"
#include "relay/base/clock.h"
#include "relay/base/hash.h"
#include "relay/pipeline.h"
#include "relay/status/relay_view.h"

namespace fedwave::relay {

// The problems of a file as events of the log.
void log_problems(const std::string& file, const std::vector<config::Problem>& problems);

class PipelineView final : public RelayView {
 public:
  // `file`: where the configuration was read from; empty when it is in the program.
  PipelineView(const config::Config& config, std::string file, const Pipeline& pipeline,
               const base::Clock& clock);

  void note_stopping() { is_stopping_ = true; }

  [[nodiscard]] const config::Config& config() const override { return config_; }
  [[nodiscard]] PipelineFigures figures() const override { return pipeline_.figures(); }
  [[nodiscard]] std::shared_ptr<const Survey> survey(std::size_t source) const override {
    return pipeline_.survey(source);
  }
  [[nodiscard]] std::int64_t started_ms() const override { return started_ms_; }
  [[nodiscard]] bool is_stopping() const override { return is_stopping_; }
  [[nodiscard]] std::int64_t config_loaded_ms() const override { return started_ms_; }
  [[nodiscard]] bool config_is_current() const override { return config_is_current_; }

  // Reads and checks the file; says, and logs, what is wrong with it, or whether it has changed. A
  // changed one takes effect at the next start.
  base::Expected<std::string> reload() override;

 private:
  [[nodiscard]] base::Error refused(const std::vector<config::Problem>& problems) const;

  const config::Config& config_;
  const std::string file_;
  const std::optional<base::Hash128> loaded_;  // what the file held; none: it cannot be read again
  const Pipeline& pipeline_;
  const std::int64_t started_ms_;
  std::atomic<bool> is_stopping_ = false;
  std::atomic<bool> config_is_current_ = true;
};

}  // namespace fedwave::relay
