// One connection of the HTTP server, and what all connections of one server share. Everything here
// belongs to the server's thread once that runs. A connection is held by its own coroutine and gone
// when that ends.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "relay/http_server.h"
#include "relay/http_server_asio.h"
#include "relay/http_server_tls.h"

namespace fedwave::relay {

class HttpConnection;

struct HttpServerState {
  ListenOptions options;
  HttpHandler handler;
  std::unique_ptr<TlsFiles> tls;  // empty: plain only
  // The one that has been longest without a completed request comes first.
  std::list<HttpConnection*> connections;
  std::optional<SteadyClock::time_point> stop_deadline;  // set once stopping
  asio::io_context context{1};
};

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(HttpServerState& server, tcp::socket socket);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // The coroutine starts later than it is made, so it holds the connection from the beginning.
  static asio::awaitable<void> run(std::shared_ptr<HttpConnection> self, bool is_one_too_many);

  // A client that has something under way may finish it; one that is silent goes.
  void finish_soon();
  // Closes without ceremony and makes room at once.
  void evict();

 private:
  using TlsStream = asio::ssl::stream<tcp::socket&>;
  template <class Stream>
  static constexpr bool kIsTls = std::is_same_v<Stream, TlsStream>;

  asio::awaitable<void> serve();
  asio::awaitable<std::optional<char>> first_byte();
  asio::awaitable<void> serve_tls();
  asio::awaitable<void> end_tls(TlsStream& stream);
  // Over the socket itself or over TLS.
  template <class Stream>
  asio::awaitable<void> serve_stream(Stream& stream);
  template <class Stream>
  asio::awaitable<bool> read_until(Stream& stream, std::size_t bytes);
  template <class Stream>
  asio::awaitable<void> serve_raw(Stream& stream);
  template <class Stream>
  asio::awaitable<void> serve_http(Stream& stream);
  template <class Stream>
  asio::awaitable<bool> serve_request(Stream& stream);
  template <class Stream>
  asio::awaitable<void> refuse(Stream& stream, int status, std::string_view reason);
  template <class Stream>
  asio::awaitable<bool> write(Stream& stream, HttpReply reply, bool is_head, bool keep_alive);

  HttpReply answer(const http::request<http::string_body>& request, bool is_secure);
  void count_completed();
  void drop();
  void set_idle_deadline(milliseconds timeout);
  void set_deadline(milliseconds timeout);
  void watch_deadline();

  HttpServerState& server_;
  std::optional<std::list<HttpConnection*>::iterator> place_;  // none once evicted
  tcp::socket socket_;
  asio::steady_timer timer_;
  const std::size_t read_bytes_;
  boost::beast::flat_buffer buffer_;  // empty until the first bytes have arrived
  std::vector<HttpHeaderView> headers_;
  std::string remote_address_;
  bool is_idle_ = true;  // nothing of a request has been read
  bool timed_out_ = false;
  bool has_ended_ = false;  // Asio waits for ever when it is asked to read beyond the end
};

}  // namespace fedwave::relay
