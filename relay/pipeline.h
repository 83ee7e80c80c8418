// The running relay: every thread, queue and shutdown step is named here.
//
//   scrape workers   take due sources from the schedule; one scrape is one function on one worker
//                    (relay/scraper.h), ending in the spool of every sink; one more is started when
//                    all are at work, so that a source that hangs keeps no other waiting
//   senders          one per sink, from its spool to the receiver (sinks/sender.h)
//   keepers          one per spool, looks after its files (sinks/spool/spool.h)
//
// Nothing else is shared: a target belongs to the worker that has it, spools have their own lock,
// figures are copied out under one. stop() closes in the order of the data: schedule, scrapes in
// hand, senders. Owned by the command that runs it; all methods from one thread, figures() from
// any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "config/config.h"
#include "relay/base/clock.h"
#include "relay/base/http_client.h"
#include "relay/pipeline_figures.h"
#include "relay/survey.h"

namespace fedwave::relay {

class Pipeline {
 public:
  // Opens the spools and delivers what waits there; scrapes nothing before start(). The clock and
  // the configuration outlive the pipeline.
  Pipeline(const config::Config& config, const base::Clock& clock, base::HttpClientFactory client);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  void start();

  // No new scrapes; those in hand get half of the time, the senders what is left of it. What is
  // then still undelivered stays in the spools on disk; what is in memory only is lost and counted.
  // A second call does nothing.
  void stop(std::int64_t grace_ms);

  [[nodiscard]] PipelineFigures figures() const;

  // What the series of a source cost, by metric and tag: a worker makes a new one, at most every
  // two seconds. Waits for it a moment, then gives the one from before; null when there is none
  // yet. Any thread.
  [[nodiscard]] std::shared_ptr<const Survey> survey(std::size_t source) const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace fedwave::relay
