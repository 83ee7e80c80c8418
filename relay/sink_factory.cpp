#include "relay/sink_factory.h"

#include <filesystem>

#include "relay/curl_client.h"
#include "relay/tls_options.h"
#include "sinks/balanced_sink.h"
#include "sinks/csp_token.h"
#include "sinks/http_sink.h"
#include "sinks/spool/format.h"
#include "sinks/stdout_sink.h"
#include "sinks/tcp_sink.h"
#include "sinks/token_source.h"

namespace fedwave::relay {
namespace {

sinks::SyncPolicy sync_policy(config::SpoolSync sync) {
  switch (sync) {
    case config::SpoolSync::Block:
      return sinks::SyncPolicy::EveryBlock;
    case config::SpoolSync::Never:
      return sinks::SyncPolicy::Never;
    case config::SpoolSync::Interval:
      break;
  }
  return sinks::SyncPolicy::Interval;
}

std::shared_ptr<sinks::TokenSource> make_token(const config::Sink& sink,
                                               base::HttpClientFactory client,
                                               const base::Clock& clock,
                                               const std::atomic<bool>* cancelled) {
  const config::CloudServices& services = sink.cloud_services;
  if (services.is_set()) {
    // Another host: of the sink's settings only those go for it that are about whom to trust.
    base::TlsOptions tls;
    tls.ca_file = sink.tls.ca_file;
    tls.insecure_skip_verify = sink.tls.insecure_skip_verify;
    return std::make_shared<sinks::CspTokenSource>(
        sinks::CspTokenOptions{.url = services.url,
                               .api_token = services.api_token.value,
                               .api_token_file = services.api_token_file,
                               .client_id = services.client_id,
                               .client_secret = services.client_secret.value,
                               .client_secret_file = services.client_secret_file,
                               .org_id = services.org_id,
                               .proxy_url = services.proxy_url,
                               .proxy_username = services.proxy_username,
                               .proxy_password = services.proxy_password.value,
                               .tls = tls,
                               .connect_timeout_ms = sink.connect_timeout_ms},
        client(), clock, cancelled);
  }
  return sink.token_file.empty() ? sinks::fixed_token(sink.token.value)
                                 : sinks::token_file(sink.token_file);
}

std::unique_ptr<sinks::Sink> make_tcp_sink(const config::Sink& sink, std::size_t index,
                                           const std::string& address,
                                           const std::atomic<bool>* cancelled) {
  const config::Endpoint& endpoint = sink.endpoints[index];
  return std::make_unique<sinks::TcpSink>(
      sinks::TcpSinkOptions{.host = address.empty() ? endpoint.host : address,
                            .port = endpoint.port,
                            .connect_timeout_ms = sink.connect_timeout_ms,
                            .write_timeout_ms = sink.request_timeout_ms},
      cancelled);
}

sinks::HttpSinkOptions http_options(const config::Sink& sink, std::size_t index,
                                    const std::string& address,
                                    std::shared_ptr<sinks::TokenSource> token) {
  return {.url = sink.endpoints[index].url,
          .connect_address = address,
          .token = std::move(token),
          .proxy_url = sink.proxy_url,
          .proxy_username = sink.proxy_username,
          .proxy_password = sink.proxy_password.value,
          .tls = tls_options(sink.tls),
          .connect_timeout_ms = sink.connect_timeout_ms,
          .request_timeout_ms = sink.request_timeout_ms};
}

sinks::BalancedTarget target_of(const config::Endpoint& endpoint) {
  if (endpoint.url.empty()) {
    return {.host = endpoint.host, .label = endpoint.host + ":" + std::to_string(endpoint.port)};
  }
  const auto parts = split_url(endpoint.url);
  if (!parts) return {.host = {}, .label = endpoint.url};
  return {.host = parts->host, .label = parts->host + ":" + parts->port};
}

// Whether the names of the endpoints are looked up here, each address being one: not for direct
// ingestion, which is one service whatever its addresses, nor where an HTTP proxy does the looking
// up.
bool balances(const config::Sink& sink) {
  return sink.kind == config::SinkKind::ProxyTcp ||
         (sink.kind == config::SinkKind::ProxyHttp && sink.proxy_url.empty());
}

}  // namespace

std::string spool_folder(const config::Sink& sink) {
  if (sink.spool.directory.empty()) return {};
  return std::filesystem::path(sink.spool.directory) / sinks::folder_name(sink.name);
}

sinks::SpoolOptions spool_options(const config::Sink& sink) {
  return {.name = sink.name,
          .memory_bytes_max = static_cast<std::uint64_t>(sink.spool.memory_bytes),
          .age_max_ms = sink.spool.max_age_ms,
          .disk_bytes_max = static_cast<std::uint64_t>(sink.spool.bytes),
          .sync = sync_policy(sink.spool.sync),
          .sync_interval_ms = sink.spool.sync_interval_ms};
}

std::unique_ptr<sinks::Spool> make_spool(const config::Sink& sink, const base::Clock& clock) {
  const std::string folder = spool_folder(sink);
  return std::make_unique<sinks::Spool>(spool_options(sink), clock,
                                        folder.empty() ? nullptr : sinks::posix_folder(folder));
}

std::unique_ptr<sinks::Sink> make_sink(const config::Sink& sink, base::HttpClientFactory client,
                                       const base::Clock& clock,
                                       const std::atomic<bool>* cancelled) {
  if (sink.kind == config::SinkKind::Stdout) return std::make_unique<sinks::StdoutSink>(cancelled);
  sinks::BalancedSinkOptions options;
  options.name = sink.name;
  for (const config::Endpoint& endpoint : sink.endpoints) {
    options.targets.push_back(target_of(endpoint));
  }
  options.resolve = [balances = balances(sink)](
                        const std::string& host) -> base::Expected<std::vector<std::string>> {
    if (!balances) return std::vector<std::string>{""};
    return resolve_addresses(host);
  };
  if (sink.kind == config::SinkKind::ProxyTcp) {
    options.make = [sink, cancelled](std::size_t index, const std::string& address) {
      return make_tcp_sink(sink, index, address, cancelled);
    };
  } else {
    options.make = [sink, client, &clock, cancelled,
                    token = make_token(sink, client, clock, cancelled)](
                       std::size_t index, const std::string& address) {
      return std::make_unique<sinks::HttpSink>(http_options(sink, index, address, token), client(),
                                               clock, cancelled);
    };
  }
  return std::make_unique<sinks::BalancedSink>(std::move(options), clock, cancelled);
}

sinks::SenderOptions sender_options(const config::Sink& sink) {
  sinks::SenderOptions options;
  options.drain_rate = sink.spool.drain_rate;
  return options;
}

sinks::QuarantineOptions quarantine_options(const config::Sink& sink) {
  const std::string folder = spool_folder(sink);
  return {.sink = sink.name, .path = folder.empty() ? "" : folder + "/quarantine.txt"};
}

bool wants_gzip(const config::Sink& sink) {
  const bool over_http =
      sink.kind == config::SinkKind::ProxyHttp || sink.kind == config::SinkKind::Direct;
  return over_http ? sink.gzip : !sink.spool.directory.empty();
}

}  // namespace fedwave::relay
