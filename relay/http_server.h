// A small HTTP/1.1 server: the page of the demo, the stand-in Wavefront and the status page sit on
// it. Keep-alive, chunked requests, Expect: 100-continue and HEAD are dealt with here; whatever is
// too large, too slow or too much is answered with 413, 431, 408 or 503 and never buffered.
// Connections that do not begin like HTTP can be handed on as plain bytes (RawHandler), which is
// how Wavefront's proxy has lines and HTTP on one port. With ListenTls one port takes TLS and plain
// HTTP, told apart by the first byte; which of the two it wants is the handler's business
// (is_secure).
//
// start() makes one thread, and every handler runs on it: a handler that blocks holds up all
// connections. stop(), or the destructor, ends and joins that thread; what the handlers refer to
// must live until then. http_server*.cpp are the only users of Boost and OpenSSL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "relay/base/expected.h"

namespace fedwave::relay {

struct HttpHeaderView {
  std::string_view name;
  std::string_view value;
};

// Good until the handler returns.
struct HttpRequestView {
  std::string_view method;
  std::string_view target;          // as sent: path and query
  std::string_view path;            // not decoded; see base::percent_decoded
  std::string_view query;           // what follows the '?', not decoded; see query_value
  std::string_view body;            // as sent: Content-Encoding is the handler's business
  std::string_view remote_address;  // of the client, without its port
  bool is_secure = false;           // came over TLS
  std::span<const HttpHeaderView> headers;

  // The first header of that name, in any case.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
};

struct HttpReply {
  int status = 200;  // 200 ... 599
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  bool close_without_answer = false;  // a fault to inject: the connection just ends
};

using HttpHandler = std::function<HttpReply(const HttpRequestView&)>;

// Takes the bytes of one connection that is not HTTP.
class RawHandler {
 public:
  virtual ~RawHandler() = default;
  // False closes the connection.
  virtual bool on_data(std::string_view bytes) = 0;
  // Always the last call, whoever closed.
  virtual void on_close() = 0;
};

using RawHandlerFactory =
    std::function<std::unique_ptr<RawHandler>(std::string_view remote_address)>;

// Files in PEM. They are read again when they have changed, looked at when a TLS connection begins
// but only once a second; while they are of no use the pair read before stays.
struct ListenTls {
  std::string cert_file;  // the server's certificate, then those that signed it
  std::string key_file;   // without a password
};

struct ListenOptions {
  std::string address = "127.0.0.1:0";  // see parse_listen_address; port 0 takes a free one
  std::size_t max_body_bytes = std::size_t{16} << 20;
  std::size_t max_header_bytes = std::size_t{16} << 10;
  std::size_t max_connections = 256;
  // First byte to last of a request; the same for a reply and for the handshake of TLS.
  std::int64_t request_timeout_ms = 30'000;
  std::int64_t idle_timeout_ms = 300'000;  // between requests, and between pieces of raw bytes
  RawHandlerFactory raw_handler;           // empty: HTTP only
  std::optional<ListenTls> tls;            // 1.2 or newer, beside plain HTTP
  // One connection too many is answered with 503 (in plain); with this it is served, and the one
  // goes that has been longest without a completed request. So nobody who only holds connections
  // open keeps others out.
  bool evicts_when_full = false;
};

class HttpServer {
 public:
  static base::Expected<std::unique_ptr<HttpServer>> start(ListenOptions options,
                                                           HttpHandler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] const std::string& address() const;  // "127.0.0.1:2878": what it really listens on

  // Takes what is under way, connections not yet accepted included, until each client is silent or
  // a second is over; then joins the thread. A second call does nothing. Not to be called from a
  // handler.
  void stop();

  struct Impl;

 private:
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Where to listen: "127.0.0.1:2878", "[::1]:2878", "localhost:2878" or ":2878" for every address.
struct ListenAddress {
  std::string host;  // an IP address; empty for every address
  std::uint16_t port = 0;
};
base::Expected<ListenAddress> parse_listen_address(std::string_view text);

// The first value of `key` in a query string, percent-decoded ('+' is a blank).
std::optional<std::string> query_value(std::string_view query, std::string_view key);

}  // namespace fedwave::relay
