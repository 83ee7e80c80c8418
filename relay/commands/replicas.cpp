#include "relay/commands/replicas.h"

#include "relay/base/log.h"
#include "relay/cluster/service_account.h"
#include "relay/cluster/shards.h"
#include "relay/curl_client.h"

namespace fedwave::relay {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;

// Null outside a cluster: whoever tries the pod's command line at a desk has no replicas.
Expected<std::unique_ptr<Election>> make_election(const ElectionOptions& options,
                                                  const config::Environment& environment,
                                                  const base::Clock& clock) {
  if (const auto checked = check_election(options); !checked) return checked.error();
  if (!in_cluster(environment)) {
    base::log(base::LogLevel::Warn,
              "this is no pod of a cluster (KUBERNETES_SERVICE_HOST is not set), so there is no "
              "election: the relay works alone",
              {{"lease", options.lease}});
    return std::unique_ptr<Election>();
  }
  auto account = ServiceAccount::from(environment);
  if (!account) return account.error();
  const auto complete = complete_election(options, environment, *account);
  if (!complete) return complete.error();
  return std::make_unique<Election>(*complete, *std::move(account), make_curl_client(), clock);
}

// `figures`: of a pipeline that has started. The relay's own figures are each one's own.
void log_shard(Shard shard, const PipelineFigures& figures) {
  std::size_t requests = 0;
  std::size_t own_requests = 0;
  for (std::size_t i = 0; i < figures.config->sources.size(); ++i) {
    for (const JobFigures& job : figures.sources[i].jobs) {
      ++requests;
      if (job.is_ours) ++own_requests;
    }
  }
  base::log(base::LogLevel::Info, "working as a shard",
            {{"shard", shard.ordinal},
             {"shards", shard.count},
             {"own_requests", own_requests},
             {"requests", requests}});
  if (own_requests > 0) return;
  base::log(base::LogLevel::Warn,
            "no request is this shard's own, so it scrapes nothing: write splitMatches: true or "
            "shardBy: series in a source, or a smaller --shards",
            {{"shard", shard.ordinal}, {"shards", shard.count}, {"requests", requests}});
}

}  // namespace

Expected<std::unique_ptr<Replicas>> Replicas::from(const ReplicaOptions& options,
                                                   const config::Environment& environment,
                                                   const base::Clock& clock) {
  std::unique_ptr<Replicas> replicas(new Replicas());
  if (options.shards && !options.election.lease.empty()) {
    return Error{ErrorCode::InvalidArgument,
                 "--lease and --shards exclude each other: with a lease one replica does all the "
                 "work, with shards each does a part of it"};
  }
  if (options.shard && !options.shards) {
    return Error{ErrorCode::InvalidArgument, "--shard needs --shards, the number of all of them"};
  }
  if (!options.election.lease.empty()) {
    auto election = make_election(options.election, environment, clock);
    if (!election) return election.error();
    replicas->election_ = *std::move(election);
  }
  if (options.shards) {
    const auto shard =
        shard_of(*options.shards, options.shard, environment("POD_NAME").value_or(""));
    if (!shard) return shard.error();
    replicas->shard_ = *shard;
  }
  return replicas;
}

ClusterFigures Replicas::figures() const {
  return {.election = election_ ? election_->figures() : ElectionFigures{}, .shard = shard_};
}

void Replicas::start(const PipelineFigures& figures) {
  if (shard_.count > 1) log_shard(shard_, figures);
  if (election_) election_->start();
}

void Replicas::release() {
  if (election_) election_->release();
}

}  // namespace fedwave::relay
