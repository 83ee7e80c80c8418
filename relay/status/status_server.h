// The status server: the page, its API, /metrics and the probes, on a port of their own and off the
// data's path. It owns two threads: the HTTP server's, on which everything is answered, and the
// sampler, which puts the figures into the history every five seconds. What it answers to slow and
// hostile clients is bounded (listen_options in the source). Relay and clock outlive it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "config/config.h"
#include "relay/base/clock.h"
#include "relay/base/expected.h"
#include "relay/http_server.h"
#include "relay/status/history.h"
#include "relay/status/relay_view.h"
#include "relay/status/status_handler.h"

namespace fedwave::relay {

class StatusServer {
 public:
  // `settings.listen` is not empty.
  static base::Expected<std::unique_ptr<StatusServer>> start(const config::Status& settings,
                                                             RelayView& relay,
                                                             const base::Clock& clock);
  ~StatusServer();
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  [[nodiscard]] const std::string& address() const { return server_->address(); }

  // Finishes the answers in hand. A second call does nothing.
  void stop();

 private:
  StatusServer(const config::Status& settings, RelayView& relay, const base::Clock& clock);
  void sample(const std::stop_token& stop) noexcept;

  RelayView& relay_;
  History history_;
  StatusHandler handler_;
  std::unique_ptr<HttpServer> server_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread sampler_;
};

}  // namespace fedwave::relay
