// Reads where a sink sends to: proxies or a server, the token, the HTTP proxy on the way.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

#include "config/sections.h"
#include "config/url.h"
#include "relay/base/check.h"

namespace fedwave::config {
namespace {

constexpr std::uint16_t kProxyPort = 2878;
constexpr std::size_t kAddressesMax = 100;

enum class Protocol { Http, Tcp };

// One of the addresses in `proxyAddress`.
struct Address {
  std::string text;
  Position where;
  std::string called;  // what messages call it; the text may hold a password
};

class TargetReader {
 public:
  TargetReader(Fields& fields, Sink& sink, Reading& reading)
      : fields_(fields), sink_(sink), reading_(reading) {}

  void read(bool is_stdout) {
    fields_.choice<Protocol>("protocol", protocol_,
                             {{"http", Protocol::Http}, {"tcp", Protocol::Tcp}});
    bool is_readable = true;
    const std::vector<Address> addresses = read_addresses(is_readable);
    std::string server;
    const bool has_server = fields_.text("server", server);
    read_token();
    if (is_stdout) {
      sink_.kind = SinkKind::Stdout;
      name_unless_named("stdout");
    } else if (!addresses.empty()) {
      if (has_server) {
        warn("server", "\"server\" is not used where \"proxyAddress\" stands beside it",
             "remove one of the two");
      }
      read_proxies(addresses);
    } else if (has_server && !server.empty()) {
      read_server(server);
    } else if (is_readable && has_server == (fields_.get("server") != nullptr)) {
      reading_.problems.error(fields_.where(), "a sink without \"proxyAddress\" or \"server\"",
                              "write proxyAddress: wavefront-proxy:2878");
    }
    read_http_proxies();
  }

 private:
  // A text or a list of texts; commas separate addresses in either.
  std::vector<Address> read_addresses(bool& is_readable) {
    std::vector<Address> addresses;
    const Node* node = fields_.get("proxyAddress");
    if (node == nullptr || (node->kind == Node::Kind::Scalar && node->text.empty())) return {};
    if (node->kind == Node::Kind::Map) {
      wrong_kind(*node, "proxyAddress", "an address or a list of addresses", "write host:2878",
                 reading_.problems);
      is_readable = false;
      return {};
    }
    std::vector<const Node*> items = {node};
    if (node->kind == Node::Kind::List) {
      items = text_items(*node, "proxyAddress", reading_.problems);
      is_readable = items.size() == node->items.size();
    }
    for (const Node* item : items) split_addresses(*item, addresses);
    if (addresses.size() > kAddressesMax) {
      reading_.problems.error(
          node->where,
          "\"proxyAddress\" holds more than " + std::to_string(kAddressesMax) + " addresses",
          "write fewer; a host name may stand for many");
      is_readable = false;
      return {};
    }
    if (addresses.size() == 1) return addresses;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      addresses[i].called = "address " + std::to_string(i + 1) + " of \"proxyAddress\"";
    }
    return addresses;
  }

  // Goes on until there are too many.
  static void split_addresses(const Node& item, std::vector<Address>& addresses) {
    const std::string_view text = item.text;
    for (std::size_t at = 0; at <= text.size() && addresses.size() <= kAddressesMax;) {
      const std::size_t comma = std::min(text.find(',', at), text.size());
      addresses.push_back(
          {std::string(trimmed(text.substr(at, comma - at))), item.where, "\"proxyAddress\""});
      at = comma + 1;
    }
  }

  void read_token() {
    token_failed_ = !read_secret_or_file(fields_, "token", sink_.token, "tokenFile",
                                         sink_.token_file, Severity::Error, reading_);
    const Node* node = fields_.get("cloudServices");
    if (node == nullptr) return;
    sink_.cloud_services = read_cloud_services(*node, reading_);
    has_cloud_services_ = true;
    if (!sink_.token.empty() || !sink_.token_file.empty()) {
      const std::string_view key = sink_.token.empty() ? "tokenFile" : "token";
      error("cloudServices", "\"cloudServices\" and " + in_quotes(key) + " exclude one another",
            "remove one of the two");
    }
  }

  [[nodiscard]] bool has_token() const {
    return !sink_.token.empty() || !sink_.token_file.empty() || has_cloud_services_;
  }

  void read_proxies(const std::vector<Address>& addresses) {
    const bool is_tcp = protocol_ == Protocol::Tcp;
    sink_.kind = is_tcp ? SinkKind::ProxyTcp : SinkKind::ProxyHttp;
    for (const Address& address : addresses) {
      if (address.text.empty()) {
        reading_.problems.error(address.where, address.called + " is empty",
                                "write host:" + std::to_string(kProxyPort) + ", or remove it");
      } else if (address.text.find("://") != std::string::npos) {
        read_proxy_by_url(address);
      } else {
        read_proxy(address);
      }
    }
    if (is_tcp && has_token()) {
      warn("protocol", "a token cannot be sent with protocol: tcp", "write protocol: http");
    }
    if (sink_.endpoints.empty()) return;
    const std::size_t more = sink_.endpoints.size() - 1;
    name_unless_named("proxy " + first_shown_ +
                      (more == 0 ? "" : " and " + std::to_string(more) + " more"));
  }

  void read_proxy(const Address& address) {
    auto target = parse_host_port(address.text);
    if (!target) {
      reading_.problems.error(address.where, address.called + " " + target.error().message);
      return;
    }
    if (target->port == 0) {
      target->port = kProxyPort;
      reading_.problems.warning(
          address.where,
          address.called + " has no port: " + std::to_string(kProxyPort) + " is used",
          "write " + host_port_text(one_line(target->host), kProxyPort));
    }
    const std::string shown = host_port_text(target->host, target->port);
    if (protocol_ == Protocol::Http) {
      add_endpoint(address, {.url = "http://" + shown + "/report"}, shown, std::nullopt);
    } else {
      add_endpoint(address, {.host = target->host, .port = target->port}, shown, std::nullopt);
    }
  }

  void read_proxy_by_url(const Address& address) {
    auto url = read_plain_url(address.called, address.text, address.where, reading_.problems);
    if (!url) return;
    if (protocol_ == Protocol::Tcp) {
      error("protocol", "protocol: tcp does not go with a URL in \"proxyAddress\"",
            "write proxyAddress: " + one_line(url->authority) + ", or remove \"protocol\"");
      return;
    }
    // A proxy with health checks answers requests for "/" itself and discards what they bring.
    const bool has_path = !url->path.empty() && url->path != "/";
    const std::string shown = url->scheme + "://" + url->authority;
    Endpoint endpoint{.url = shown + (has_path ? url->path : "/report")};
    add_endpoint(address, std::move(endpoint), shown, std::move(url));
  }

  void add_endpoint(const Address& address, Endpoint endpoint, const std::string& shown,
                    std::optional<Url> url) {
    const std::string& place = endpoint.url.empty() ? shown : endpoint.url;
    if (!places_.insert(place).second) {
      reading_.problems.warning(address.where, address.called + " is the same as one before it",
                                "remove one of the two");
      return;
    }
    if (sink_.endpoints.empty()) first_shown_ = shown;
    sink_.endpoints.push_back(std::move(endpoint));
    urls_.push_back(std::move(url));
  }

  void read_server(const std::string& server) {
    auto url = read_plain_url("\"server\"", server, fields_.where("server"), reading_.problems);
    if (!url) return;
    sink_.kind = SinkKind::Direct;
    std::string path = url->path;
    while (path.ends_with('/')) path.pop_back();
    if (!path.ends_with("/report")) path += "/report";
    sink_.endpoints.push_back({.url = url->scheme + "://" + url->authority + path});
    name_unless_named("direct " + url->scheme + "://" + url->authority);
    if (url->scheme == "http") {
      warn("server", "the token travels unencrypted to an http:// server", "write https://");
    }
    // A token that could not be read already has its own problem.
    if (!has_token() && !token_failed_) {
      error("server", "\"server\" without \"token\" or \"tokenFile\"",
            "write token: ${WAVEFRONT_TOKEN}, or tokenFile with the path of a mounted secret, or "
            "cloudServices");
    }
    urls_.push_back(std::move(url));
  }

  // "proxyUrl", or what the environment has: for the target, and for where tokens come from.
  void read_http_proxies() {
    const HttpProxy own = read_http_proxy(fields_, "proxyUrl", reading_);
    const bool has_own = !own.url.empty();
    const std::string_view target_key = sink_.kind == SinkKind::Direct ? "server" : "proxyAddress";
    set_http_proxy(sink_,
                   has_own ? own : environment_proxy(urls_, fields_.where(target_key), reading_));
    const bool is_over_http = sink_.kind == SinkKind::ProxyHttp || sink_.kind == SinkKind::Direct;
    for (const std::string_view key : {"proxyUrl", "tls_config"}) {
      if (is_over_http || fields_.get(key) == nullptr) continue;
      warn(key, in_quotes(key) + " has no effect where nothing is sent over HTTP",
           "remove it, or send over http");
    }
    if (!is_over_http || !sink_.cloud_services.is_set()) return;
    const auto url = parse_url(sink_.cloud_services.url);
    FEDWAVE_CHECK(url.has_value());
    set_http_proxy(
        sink_.cloud_services,
        has_own ? own : environment_proxy({*url}, fields_.where("cloudServices"), reading_));
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

  Fields& fields_;
  Sink& sink_;
  Reading& reading_;
  Protocol protocol_ = Protocol::Http;
  bool token_failed_ = false;
  bool has_cloud_services_ = false;
  std::set<std::string> places_;          // of the endpoints
  std::string first_shown_;               // the first endpoint, as the sink's name has it
  std::vector<std::optional<Url>> urls_;  // of the endpoints; none for one written as host:port
};

}  // namespace

void read_target(Fields& fields, bool is_stdout, Sink& sink, Reading& reading) {
  TargetReader(fields, sink, reading).read(is_stdout);
}

}  // namespace fedwave::config
