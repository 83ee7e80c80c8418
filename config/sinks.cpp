// Reads `sinks`.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "config/sections.h"
#include "config/url.h"

namespace fedwave::config {
namespace {

constexpr std::uint16_t kProxyPort = 2878;
constexpr std::int64_t kBatchPointsMax = 40'000;  // what Wavefront advises for one request
constexpr std::int64_t kCountMax = 1'000'000'000;
constexpr std::int64_t kMebibyte = std::int64_t{1} << 20;

// What tells one series of a mesh from another comes first; what follows from the rest, or says the
// same in other words (versions, principals, revisions), is what a full point can do without.
constexpr std::array kTagPriority = {
    "cluster",
    "le",
    "quantile",
    "reporter",
    "source_workload",
    "source_workload_namespace",
    "destination_workload",
    "destination_workload_namespace",
    "destination_service",
    "response_code",
    "request_protocol",
    "response_flags",
    "grpc_response_status",
    "connection_security_policy",
    "destination_service_name",
    "destination_service_namespace",
    "source_cluster",
    "destination_cluster",
    "source_app",
    "destination_app",
    "source_version",
    "destination_version",
    "source_canonical_service",
    "destination_canonical_service",
    "namespace",
    "pod",
    "app",
    "job",
    "instance",
};

enum class Kind { Wavefront, External, Stdout };
enum class Protocol { Http, Tcp };

class SinkReader {
 public:
  SinkReader(const Node& node, std::int64_t request_timeout_ms, bool names_have_underscores,
             Reading& reading)
      : fields_(&node, "a sink", reading.problems),
        names_have_underscores_(names_have_underscores),
        reading_(reading) {
    sink_.where = fields_.where();
    sink_.request_timeout_ms = request_timeout_ms;
    sink_.tag_priority.assign(kTagPriority.begin(), kTagPriority.end());
    fields_.choice<Kind>(
        "type", kind_,
        {{"", Kind::Wavefront}, {"external", Kind::External}, {"stdout", Kind::Stdout}});
  }

  // An external sink takes Kubernetes events and nothing else.
  [[nodiscard]] bool is_external() const { return kind_ == Kind::External; }

  Sink read() {
    if (!fields_.is_map()) return std::move(sink_);
    fields_.text("name", sink_.name);
    read_target();
    fields_.text("prefix", sink_.prefix);
    fields_.word_map("tags", sink_.tags);
    sink_.filters =
        read_filters(fields_.get("filters"), names_have_underscores_, reading_.problems);
    read_ignored_keys();
    read_delivery();
    read_limits();
    fields_.done();
    return std::move(sink_);
  }

 private:
  void read_target() {
    bool test_mode = false;
    Protocol protocol = Protocol::Http;
    fields_.boolean("testMode", test_mode);
    fields_.choice<Protocol>("protocol", protocol,
                             {{"http", Protocol::Http}, {"tcp", Protocol::Tcp}});
    std::string proxy_address;
    std::string server;
    const bool has_proxy = fields_.text("proxyAddress", proxy_address);
    const bool has_server = fields_.text("server", server);
    const bool token_failed =
        fields_.get("token") != nullptr && !read_secret(fields_, "token", sink_.token, reading_);
    read_path(fields_, "tokenFile", sink_.token_file, Severity::Error, reading_.problems);
    if (!sink_.token.empty() && !sink_.token_file.empty()) {
      warn("tokenFile", "\"tokenFile\" is not read where \"token\" stands beside it",
           "remove one of the two");
      sink_.token_file.clear();
    }
    if (test_mode || kind_ == Kind::Stdout) {
      if (test_mode) warn("testMode", "testMode sends nothing to Wavefront: points go to stdout");
      sink_.kind = SinkKind::Stdout;
      name_unless_named("stdout");
    } else if (has_proxy && !proxy_address.empty()) {
      if (has_server) {
        warn("server", "\"server\" is not used where \"proxyAddress\" stands beside it",
             "remove one of the two");
      }
      read_proxy(proxy_address, protocol);
    } else if (has_server && !server.empty()) {
      read_server(server, token_failed);
    } else if (has_proxy == (fields_.get("proxyAddress") != nullptr) &&
               has_server == (fields_.get("server") != nullptr)) {
      reading_.problems.error(fields_.where(), "a sink without \"proxyAddress\" or \"server\"",
                              "write proxyAddress: wavefront-proxy:2878");
    }
  }

  void read_proxy(const std::string& address, Protocol protocol) {
    if (address.find("://") != std::string::npos) {
      read_proxy_by_url(address, protocol);
      return;
    }
    auto target = parse_host_port(address);
    if (!target) {
      error("proxyAddress", "\"proxyAddress\" " + target.error().message);
      return;
    }
    if (target->port == 0) {
      target->port = kProxyPort;
      warn("proxyAddress",
           "\"proxyAddress\" has no port: " + std::to_string(kProxyPort) + " is used",
           "write " + host_port_text(one_line(target->host), kProxyPort));
    }
    const std::string shown = host_port_text(target->host, target->port);
    name_unless_named("proxy " + shown);
    if (protocol == Protocol::Http) {
      sink_.kind = SinkKind::ProxyHttp;
      sink_.url = "http://" + shown + "/report";
      return;
    }
    sink_.kind = SinkKind::ProxyTcp;
    sink_.host = target->host;
    sink_.port = target->port;
    if (!sink_.token.empty() || !sink_.token_file.empty()) {
      warn("protocol", "a token cannot be sent with protocol: tcp", "write protocol: http");
    }
  }

  void read_proxy_by_url(const std::string& address, Protocol protocol) {
    const auto url = parse_endpoint("proxyAddress", address);
    if (!url) return;
    if (protocol == Protocol::Tcp) {
      error("protocol", "protocol: tcp does not go with a URL in \"proxyAddress\"",
            "write proxyAddress: " + one_line(url->authority) + ", or remove \"protocol\"");
    }
    sink_.kind = SinkKind::ProxyHttp;
    // A proxy with health checks answers requests for "/" itself and discards what they bring.
    const bool has_path = !url->path.empty() && url->path != "/";
    sink_.url = url->scheme + "://" + url->authority + (has_path ? url->path : "/report");
    name_unless_named("proxy " + url->scheme + "://" + url->authority);
  }

  void read_server(const std::string& server, bool token_failed) {
    const auto url = parse_endpoint("server", server);
    if (!url) return;
    sink_.kind = SinkKind::Direct;
    std::string path = url->path;
    while (path.ends_with('/')) path.pop_back();
    if (!path.ends_with("/report")) path += "/report";
    sink_.url = url->scheme + "://" + url->authority + path;
    name_unless_named("direct " + url->scheme + "://" + url->authority);
    if (url->scheme == "http") {
      warn("server", "the token travels unencrypted to an http:// server", "write https://");
    }
    // A token that could not be read already has its own problem.
    if (sink_.token.empty() && sink_.token_file.empty() && !token_failed) {
      error("server", "\"server\" without \"token\" or \"tokenFile\"",
            "write token: ${WAVEFRONT_TOKEN}, or tokenFile with the path of a mounted secret");
    }
  }

  std::optional<Url> parse_endpoint(std::string_view key, const std::string& text) {
    auto url = parse_url(text);
    if (!url) {
      error(key, in_quotes(key) + " " + url.error().message);
      return std::nullopt;
    }
    if (url->has_credentials || !url->query.empty() || url->has_fragment) {
      error(key, in_quotes(key) + " cannot hold credentials, a query or a fragment",
            "write scheme, host, port and path; the token has a key of its own");
      return std::nullopt;
    }
    return *std::move(url);
  }

  // They parse in the collector and do nothing there, or nothing that applies here.
  void read_ignored_keys() {
    std::string text;
    bool flag = false;
    std::int64_t count = 0;
    double share = 0;
    fields_.text("source", text);
    fields_.boolean("convertHistograms", flag);
    fields_.text("externalEndpointURL", text);
    if (fields_.boolean("enableEvents", flag) && flag) {
      reading_.left_aside.add(fields_.key_where("enableEvents"), "enableEvents of sinks");
    }
    if (fields_.number("errorLogPercent", share) && !(share > 0 && share <= 1)) {
      error("errorLogPercent", "\"errorLogPercent\" is out of range",
            "write a number above 0 and up to 1, or remove the key");
    }
    if (fields_.integer("maxBufferSize", count, 0, kCountMax)) {
      warn("maxBufferSize", "\"maxBufferSize\" counts points; the queue is bounded by bytes",
           "write spool: {memoryBytes: 64MiB}");
    }
  }

  void read_delivery() {
    std::int64_t batch_points = 0;
    if (fields_.integer("batchSize", batch_points, 0, kCountMax) && batch_points > 0) {
      if (batch_points > kBatchPointsMax) {
        warn("batchSize", "\"batchSize\" is above " + std::to_string(kBatchPointsMax) +
                              ", which is used instead");
      }
      sink_.batch_points = std::min(batch_points, kBatchPointsMax);
    }
    fields_.boolean("compress", sink_.gzip);
    read_timeout("connectTimeout", sink_.connect_timeout_ms);
    read_timeout("requestTimeout", sink_.request_timeout_ms);
    HttpProxy proxy = read_http_proxy(fields_, "proxyUrl", reading_);
    sink_.proxy_url = std::move(proxy.url);
    sink_.proxy_username = std::move(proxy.username);
    sink_.proxy_password = std::move(proxy.password);
    sink_.tls = read_tls(fields_.get("tls_config"), reading_.problems);
    Fields spool(fields_.get("spool"), "spool", reading_.problems);
    // A block of lines is up to 1 MiB, and less than one block is no queue.
    spool.bytes("memoryBytes", sink_.spool_bytes, kMebibyte, kMebibyte << 20);
    spool.done();
  }

  void read_timeout(std::string_view key, std::int64_t& timeout_ms) {
    std::int64_t written_ms = 0;
    if (!fields_.duration(key, written_ms)) return;
    if (written_ms <= 0) {
      error(key, in_quotes(key) + " has to be above 0", "write for example 10s, or remove the key");
    } else {
      timeout_ms = written_ms;
    }
  }

  void read_limits() {
    fields_.words("tagPriority", sink_.tag_priority);
    Fields limits(fields_.get("limits"), "limits", reading_.problems);
    limits.integer("name", sink_.limits.name_bytes, 1, 4096);
    limits.integer("source", sink_.limits.source_bytes, 1, 4096);
    limits.integer("tags", sink_.limits.tags, 1, 1000);
    limits.integer("tagKey", sink_.limits.tag_key_bytes, 1, 4096);
    limits.integer("tagValue", sink_.limits.tag_value_bytes, 1, 4096);
    limits.done();
  }

  void name_unless_named(std::string name) {
    if (sink_.name.empty()) sink_.name = std::move(name);
  }
  void error(std::string_view key, std::string what, std::string advice = {}) {
    reading_.problems.error(fields_.where(key), std::move(what), std::move(advice));
  }
  void warn(std::string_view key, std::string what, std::string advice = {}) {
    reading_.problems.warning(fields_.where(key), std::move(what), std::move(advice));
  }

  Fields fields_;
  bool names_have_underscores_;
  Reading& reading_;
  Kind kind_ = Kind::Wavefront;
  Sink sink_;
};

}  // namespace

std::vector<Sink> read_sinks(const Node& list, std::int64_t request_timeout_ms,
                             bool names_have_underscores, Reading& reading) {
  std::vector<Sink> sinks;
  if (list.kind != Node::Kind::List) {
    wrong_kind(list, "sinks", "a list", "begin each sink with \"- proxyAddress: host:2878\"",
               reading.problems);
    return sinks;
  }
  for (const Node* item : list.items) {
    if (reading.problems.full()) break;
    SinkReader reader(*item, request_timeout_ms, names_have_underscores, reading);
    if (reader.is_external()) {
      reading.left_aside.add(item->where, "sinks of type external");
    } else {
      sinks.push_back(reader.read());
    }
  }
  if (sinks.empty()) {
    reading.problems.error(list.where, "there is no sink for metrics",
                           "add \"- proxyAddress: wavefront-proxy:2878\"");
  }
  make_names_unique(sinks, "sink", reading.problems);
  return sinks;
}

}  // namespace fedwave::config
