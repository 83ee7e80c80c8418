// The running relay: every thread, queue and shutdown step is named here.
//
//   scrape workers   take due sources from the schedule; one scrape is one function on one worker
//                    (relay/scraper.h), ending in the spool of every sink; one more is started when
//                    all are at work, so that a source that hangs keeps no other waiting
//   senders          one per sink, from its spool to the receiver (relay/sink_line.h)
//   keepers          one per spool, looks after its files (sinks/spool/spool.h)
//
// Nothing else is shared: a target belongs to the worker that has it, spools have their own lock,
// figures are copied out under one. stop() closes in the order of the data: schedule, scrapes in
// hand, senders.
//
// An edited configuration is put in force while all of it runs: sources and sinks that are the same
// go on untouched, others change places between two of their scrapes (relay/source_line.h). Where
// several replicas elect a leader, only it scrapes; whatever it has read is delivered, leader or
// not. Owned by the command that runs it; start, apply and stop one after the other, the rest from
// any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/config.h"
#include "relay/base/clock.h"
#include "relay/base/http_client.h"
#include "relay/cluster/cluster_figures.h"
#include "relay/cluster/leadership.h"
#include "relay/config_change.h"
#include "relay/pipeline_figures.h"
#include "relay/survey.h"

namespace fedwave::relay {

// Where the relay stands among its replicas.
struct Replica {
  Leadership* leadership = nullptr;  // null: always leading; outlives the pipeline
  Shard shard{};
};

class Pipeline {
 public:
  // Opens the spools and delivers what waits there; scrapes nothing before start(). The clock
  // outlives the pipeline.
  Pipeline(std::shared_ptr<const config::Config> config, const base::Clock& clock,
           base::HttpClientFactory client, Replica replica = {});
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  void start();

  // Puts another configuration in force and tells what that has changed.
  ConfigChange apply(std::shared_ptr<const config::Config> config);

  // No new scrapes; those in hand get so long. For who has to say that it reads no more before all
  // is delivered; false when one does not end.
  bool stop_scraping(std::int64_t grace_ms);

  // No new scrapes; those in hand get half of the time, the senders what is left of it. What is
  // then still undelivered stays in the spools on disk; what is in memory only is lost and counted.
  // A second call does nothing.
  void stop(std::int64_t grace_ms);

  [[nodiscard]] std::shared_ptr<const config::Config> config() const;
  [[nodiscard]] PipelineFigures figures() const;

  // What the series of a source cost, by metric and tag: a worker makes a new one, at most every
  // two seconds. Waits for it a moment, then gives the one from before; null when there is none
  // yet, or no such source.
  [[nodiscard]] std::shared_ptr<const Survey> survey(const std::string& source) const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace fedwave::relay
