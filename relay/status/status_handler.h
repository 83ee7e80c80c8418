// Answers the requests to the status server: which path gives what, who may have it, and the
// headers that go with every answer. GET and HEAD change nothing; the one request that does is
// POST /-/reload. One thread (the HTTP server's); relay, history and clock outlive it.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "relay/base/clock.h"
#include "relay/base/gzip.h"
#include "relay/http_server.h"
#include "relay/status/access.h"
#include "relay/status/explain_view.h"
#include "relay/status/history.h"
#include "relay/status/relay_view.h"

namespace fedwave::relay {

class StatusHandler {
 public:
  StatusHandler(const config::Status& settings, RelayView& relay, const History& history,
                const base::Clock& clock);

  HttpReply handle(const HttpRequestView& request);

 private:
  struct Route;
  static const Route* find_route(std::string_view path);

  HttpReply answer(const HttpRequestView& request);
  void dress(HttpReply& reply, const HttpRequestView& request);

  HttpReply healthy(const HttpRequestView& request);
  HttpReply ready(const HttpRequestView& request);
  HttpReply reload(const HttpRequestView& request);
  HttpReply asset(const HttpRequestView& request);
  HttpReply config(const HttpRequestView& request);
  HttpReply targets(const HttpRequestView& request);
  HttpReply metrics(const HttpRequestView& request);
  HttpReply status(const HttpRequestView& request);
  HttpReply history(const HttpRequestView& request);
  HttpReply sources(const HttpRequestView& request);
  HttpReply sinks(const HttpRequestView& request);
  HttpReply series(const HttpRequestView& request);
  HttpReply tags(const HttpRequestView& request);
  HttpReply explain(const HttpRequestView& request);

  RelayView& relay_;
  const History& history_;
  const base::Clock& clock_;
  Access access_;
  ExplainView explain_;
  base::GzipDeflater deflater_;
};

}  // namespace fedwave::relay
