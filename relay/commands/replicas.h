// Where this relay stands among its replicas, as the options of `run` and the pod's environment
// say: alone, one of several that elect a leader, or one of several shards. Made, started and ended
// on main's thread; figures() from any. The clock outlives it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "config/load.h"
#include "relay/base/clock.h"
#include "relay/base/expected.h"
#include "relay/cluster/cluster_figures.h"
#include "relay/cluster/election.h"
#include "relay/pipeline.h"

namespace fedwave::relay {

struct ReplicaOptions {
  ElectionOptions election;            // without a lease: no election
  std::optional<std::int64_t> shards;  // none: the work is not shared
  std::optional<std::int64_t> shard;   // none: by the number at the end of POD_NAME
};

class Replicas {
 public:
  static base::Expected<std::unique_ptr<Replicas>> from(const ReplicaOptions& options,
                                                        const config::Environment& environment,
                                                        const base::Clock& clock);

  [[nodiscard]] Replica place() { return {.leadership = election_.get(), .shard = shard_}; }
  [[nodiscard]] bool has_election() const { return election_ != nullptr; }
  [[nodiscard]] ClusterFigures figures() const;

  // Once the pipeline has started; tells the log where this relay stands.
  void start(const PipelineFigures& figures);
  // When the pipeline scrapes no more.
  void release();

 private:
  Replicas() = default;

  std::unique_ptr<Election> election_;  // null: none
  Shard shard_{};
};

}  // namespace fedwave::relay
