#include "relay/sink_factory.h"

#include "relay/tls_options.h"
#include "sinks/http_sink.h"
#include "sinks/spool/memory_spool.h"
#include "sinks/stream_sinks.h"

namespace fedwave::relay {

std::unique_ptr<sinks::Spool> make_spool(const config::Sink& sink) {
  return std::make_unique<sinks::MemorySpool>(sink.name,
                                              static_cast<std::uint64_t>(sink.spool_bytes));
}

std::unique_ptr<sinks::Sink> make_sink(const config::Sink& sink, base::HttpClientFactory client,
                                       const std::atomic<bool>* cancelled) {
  switch (sink.kind) {
    case config::SinkKind::ProxyTcp:
      return std::make_unique<sinks::TcpSink>(
          sinks::TcpSinkOptions{.host = sink.host,
                                .port = sink.port,
                                .connect_timeout_ms = sink.connect_timeout_ms,
                                .write_timeout_ms = sink.request_timeout_ms},
          cancelled);
    case config::SinkKind::Stdout:
      return std::make_unique<sinks::StdoutSink>(cancelled);
    case config::SinkKind::ProxyHttp:
    case config::SinkKind::Direct:
      break;
  }
  return std::make_unique<sinks::HttpSink>(
      sinks::HttpSinkOptions{.url = sink.url,
                             .token = sink.token.value,
                             .token_file = sink.token_file,
                             .proxy_url = sink.proxy_url,
                             .proxy_username = sink.proxy_username,
                             .proxy_password = sink.proxy_password.value,
                             .tls = tls_options(sink.tls),
                             .connect_timeout_ms = sink.connect_timeout_ms,
                             .request_timeout_ms = sink.request_timeout_ms},
      client(), cancelled);
}

bool wants_gzip(const config::Sink& sink) {
  const bool over_http =
      sink.kind == config::SinkKind::ProxyHttp || sink.kind == config::SinkKind::Direct;
  return over_http && sink.gzip;
}

}  // namespace fedwave::relay
