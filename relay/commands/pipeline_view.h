// A running pipeline as the status server sees it, with the file that its configuration comes from
// and its place among its replicas: what `run` and `demo` hand to the server. All parts outlive it.
// Any thread.
#pragma once

#include <atomic>
#include <string>

#include "config/config.h"
#include "relay/base/clock.h"
#include "relay/commands/replicas.h"
#include "relay/pipeline.h"
#include "relay/reloader.h"
#include "relay/status/relay_view.h"

namespace fedwave::relay {

class PipelineView final : public RelayView {
 public:
  // `replicas`: null for a relay that is alone.
  PipelineView(const Pipeline& pipeline, Reloader& reloader, const Replicas* replicas,
               const base::Clock& clock)
      : pipeline_(pipeline),
        reloader_(reloader),
        replicas_(replicas),
        started_ms_(clock.wall_ms()) {}

  void note_stopping() { is_stopping_ = true; }

  [[nodiscard]] std::shared_ptr<const config::Config> config() const override {
    return pipeline_.config();
  }
  [[nodiscard]] ConfigFigures config_figures() const override { return reloader_.figures(); }
  [[nodiscard]] ClusterFigures cluster() const override {
    return replicas_ != nullptr ? replicas_->figures() : ClusterFigures{};
  }
  [[nodiscard]] PipelineFigures figures() const override { return pipeline_.figures(); }
  [[nodiscard]] std::shared_ptr<const Survey> survey(const std::string& source) const override {
    return pipeline_.survey(source);
  }
  [[nodiscard]] std::int64_t started_ms() const override { return started_ms_; }
  [[nodiscard]] bool is_stopping() const override { return is_stopping_; }
  base::Expected<std::string> reload() override { return reloader_.reload(Reloader::Why::Asked); }

 private:
  const Pipeline& pipeline_;
  Reloader& reloader_;
  const Replicas* const replicas_;
  const std::int64_t started_ms_;
  std::atomic<bool> is_stopping_ = false;
};

}  // namespace fedwave::relay
