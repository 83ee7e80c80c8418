#include "relay/status/status_server.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace fedwave::relay {
namespace {

ListenOptions listen_options(const config::Status& settings) {
  ListenOptions options;
  options.address = settings.listen;
  options.max_body_bytes = std::size_t{4} << 10;
  options.max_header_bytes = std::size_t{16} << 10;
  options.max_connections = 64;
  options.evicts_when_full = true;
  options.request_timeout_ms = 5'000;
  options.idle_timeout_ms = 60'000;
  if (!settings.cert_file.empty()) {
    options.tls = ListenTls{.cert_file = settings.cert_file, .key_file = settings.key_file};
  }
  return options;
}

}  // namespace

StatusServer::StatusServer(const config::Status& settings, RelayView& relay,
                           const base::Clock& clock)
    : relay_(relay), history_(clock), handler_(settings, relay, history_, clock) {}

base::Expected<std::unique_ptr<StatusServer>> StatusServer::start(const config::Status& settings,
                                                                  RelayView& relay,
                                                                  const base::Clock& clock) {
  std::unique_ptr<StatusServer> status(new StatusServer(settings, relay, clock));
  auto server = HttpServer::start(listen_options(settings),
                                  [handler = &status->handler_](const HttpRequestView& request) {
                                    return handler->handle(request);
                                  });
  if (!server) return server.error();
  status->server_ = *std::move(server);
  status->sampler_ =
      std::jthread([self = status.get()](const std::stop_token& stop) { self->sample(stop); });
  return status;
}

StatusServer::~StatusServer() {
  stop();
}

void StatusServer::stop() {
  if (server_) server_->stop();
  sampler_.request_stop();
  if (sampler_.joinable()) sampler_.join();
}

void StatusServer::sample(const std::stop_token& stop) noexcept {
  const auto interval = std::chrono::milliseconds(History::kIntervalMs);
  auto next = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    history_.add(relay_.figures());
    // A machine that was asleep does not make up for it.
    next = std::max(next + interval, std::chrono::steady_clock::now());
    wake_.wait_until(lock, stop, next, [] { return false; });
  }
}

}  // namespace fedwave::relay
