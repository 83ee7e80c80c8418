// One sink of a running relay: its spool, its quarantine and the sender between them and the
// receiver. An edit of the configuration may give it another sender on the same spool, or take it
// out: it then leaves, which is to deliver what waits and end. Owned by the pipeline; change(),
// stop() from its thread, the rest from any. Clock and client factory outlive it.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "config/config.h"
#include "relay/base/clock.h"
#include "relay/base/http_client.h"
#include "relay/pipeline_figures.h"
#include "sinks/quarantine.h"
#include "sinks/sender.h"
#include "sinks/spool/spool.h"

namespace fedwave::relay {

class SinkLine {
 public:
  SinkLine(const config::Sink& sink, const base::Clock& clock, base::HttpClientFactory client);
  SinkLine(const SinkLine&) = delete;
  SinkLine& operator=(const SinkLine&) = delete;

  // Whether it can become `sink` without moving what waits: the same name and the same folder.
  [[nodiscard]] bool can_become(const config::Sink& sink) const;
  // Becomes it: a new sender where the way to the receiver is another one, new limits of the spool.
  void change(const config::Sink& sink);

  [[nodiscard]] sinks::Spool& spool() { return *spool_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] SinkFigures figures() const;

  // Delivers what waits until the deadline, then closes the spool. A second call does nothing.
  void stop(std::chrono::steady_clock::time_point deadline);

 private:
  void start_sender();
  void start_sender_patiently();

  const std::string name_;
  const base::Clock& clock_;
  const base::HttpClientFactory client_;
  config::Sink sink_;
  std::atomic<bool> stopped_ = false;
  std::unique_ptr<sinks::Spool> spool_;
  std::unique_ptr<sinks::Quarantine> quarantine_;
  mutable std::mutex mutex_;      // guards those below
  sinks::SenderFigures earlier_;  // what former senders have counted
  std::unique_ptr<std::atomic<bool>> cancelled_;
  std::unique_ptr<sinks::Sender> sender_;
};

}  // namespace fedwave::relay
