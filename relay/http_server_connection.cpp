#include "relay/http_server_connection.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <boost/beast/http.hpp>
#include <utility>

#include "relay/base/check.h"
#include "relay/base/text.h"

namespace fedwave::relay {
namespace {

constexpr milliseconds kQuietAtStop{50};
constexpr milliseconds kLingerTimeout{2'000};
constexpr milliseconds kCancelAgain{50};
constexpr std::size_t kReadBytesMin = 1024;
constexpr std::size_t kReadBytesMax = 64 * 1024;
constexpr std::size_t kLingerBytesMax = std::size_t{64} << 20;
constexpr char kTlsHandshake = 0x16;  // the first byte of a client that speaks TLS

// The first two bytes of every HTTP method, as the proxy tells HTTP from lines.
bool begins_like_http(std::string_view bytes) {
  static constexpr std::array<std::string_view, 9> kBeginnings = {"GE", "PO", "PU", "HE", "OP",
                                                                  "PA", "DE", "TR", "CO"};
  return std::find(kBeginnings.begin(), kBeginnings.end(), bytes.substr(0, 2)) != kBeginnings.end();
}

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

std::string_view view(const boost::beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

// No more than a request can have: strangers decide how many connections there are.
std::size_t bytes_per_read(const ListenOptions& options) {
  return std::clamp(options.max_header_bytes + std::min(options.max_body_bytes, kReadBytesMax),
                    kReadBytesMin, kReadBytesMax);
}

// What a request that could not be read is answered with; 0 when nobody is left to answer.
int refusal_status(const error_code& error, bool timed_out) {
  if (timed_out) return 408;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  if (error == http::error::body_limit) return 413;
  if (error == http::error::partial_message || error == http::error::end_of_stream) return 0;
  return error.category() == make_error_code(http::error::bad_method).category() ? 400 : 0;
}

}  // namespace

HttpConnection::HttpConnection(HttpServerState& server, tcp::socket socket)
    : server_(server),
      place_(server.connections.insert(server.connections.end(), this)),
      socket_(std::move(socket)),
      timer_(server.context),
      read_bytes_(bytes_per_read(server.options)),
      buffer_(server.options.max_header_bytes + 2 * read_bytes_) {
  error_code error;
  const auto remote = socket_.remote_endpoint(error);
  if (!error) remote_address_ = remote.address().to_string();
  socket_.set_option(tcp::no_delay(true), error);
  socket_.non_blocking(true, error);  // for first_byte, which looks without waiting
}

HttpConnection::~HttpConnection() {
  if (place_) server_.connections.erase(*place_);
}

void HttpConnection::evict() {
  server_.connections.erase(*place_);
  place_.reset();
  drop();
}

void HttpConnection::count_completed() {
  auto& all = server_.connections;
  if (place_) all.splice(all.end(), all, *place_);
}

// What the client has not taken yet is not worth the kernel's memory either.
void HttpConnection::drop() {
  error_code ignored;
  socket_.set_option(tcp::socket::linger(true, 0), ignored);
  socket_.close(ignored);
}

void HttpConnection::set_deadline(milliseconds timeout) {
  timed_out_ = false;
  auto when = SteadyClock::now() + timeout;
  if (server_.stop_deadline) when = std::min(when, *server_.stop_deadline);
  timer_.expires_at(when);
  watch_deadline();
}

void HttpConnection::set_idle_deadline(milliseconds timeout) {
  is_idle_ = true;
  set_deadline(server_.stop_deadline ? kQuietAtStop : timeout);
}

// An operation that has completed but not yet resumed us escapes the cancellation, and the next
// one would wait without a deadline; hence again and again until set_deadline or the end.
void HttpConnection::watch_deadline() {
  timer_.async_wait([weak = weak_from_this()](const error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->timer_.expiry() > SteadyClock::now()) return;
    self->timed_out_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);
    self->timer_.expires_after(kCancelAgain);
    self->watch_deadline();
  });
}

void HttpConnection::finish_soon() {
  const auto latest = is_idle_ ? SteadyClock::now() + kQuietAtStop
                               : SteadyClock::time_point(*server_.stop_deadline);
  if (timer_.expiry() <= latest) return;
  timer_.expires_at(latest);
  watch_deadline();
}

asio::awaitable<void> HttpConnection::run(std::shared_ptr<HttpConnection> self,
                                          bool is_one_too_many) {
  if (is_one_too_many) {
    co_await self->refuse(self->socket_, 503, "too many connections");
  } else {
    co_await self->serve();
  }
}

asio::awaitable<void> HttpConnection::serve() {
  const std::optional<char> first = co_await first_byte();
  if (!first) co_return;
  if (server_.tls && *first == kTlsHandshake) {
    co_await serve_tls();
  } else {
    co_await serve_stream(socket_);
  }
}

// Leaves it where it is, and costs no buffer while it does not come.
asio::awaitable<std::optional<char>> HttpConnection::first_byte() {
  set_idle_deadline(milliseconds(server_.options.idle_timeout_ms));
  error_code error = asio::error::would_block;
  char byte = 0;
  while (error == asio::error::would_block) {
    co_await socket_.async_wait(tcp::socket::wait_read,
                                asio::redirect_error(asio::use_awaitable, error));
    if (error || timed_out_) co_return std::nullopt;
    socket_.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
  }
  if (error) co_return std::nullopt;
  co_return byte;
}

asio::awaitable<void> HttpConnection::serve_tls() {
  is_idle_ = false;
  set_deadline(milliseconds(server_.options.request_timeout_ms));
  TlsStream stream(socket_, server_.tls->current(SteadyClock::now()));
  error_code error;
  co_await stream.async_handshake(TlsStream::server,
                                  asio::redirect_error(asio::use_awaitable, error));
  if (error || timed_out_) co_return;
  co_await serve_stream(stream);
  const bool has_said_so = (SSL_get_shutdown(stream.native_handle()) & SSL_SENT_SHUTDOWN) != 0;
  if (!has_said_so) co_await end_tls(stream);
}

// Tells the client that nothing is missing, and waits a moment for it to say the same.
asio::awaitable<void> HttpConnection::end_tls(TlsStream& stream) {
  set_idle_deadline(kLingerTimeout);
  error_code ignored;
  co_await stream.async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
}

template <class Stream>
asio::awaitable<void> HttpConnection::serve_stream(Stream& stream) {
  if (server_.options.raw_handler) {
    co_await read_until(stream, 2);
    if (buffer_.size() == 0) co_return;
    if (!begins_like_http(view(buffer_))) {
      co_await serve_raw(stream);
      co_return;
    }
  }
  co_await serve_http(stream);
}

// False when the peer closed, went silent or failed first.
template <class Stream>
asio::awaitable<bool> HttpConnection::read_until(Stream& stream, std::size_t bytes) {
  while (buffer_.size() < bytes) {
    if (has_ended_) co_return false;
    set_idle_deadline(milliseconds(server_.options.idle_timeout_ms));
    error_code error;
    const std::size_t read = co_await stream.async_read_some(
        buffer_.prepare(read_bytes_), asio::redirect_error(asio::use_awaitable, error));
    buffer_.commit(read);
    has_ended_ = error || timed_out_;
  }
  is_idle_ = false;
  co_return true;
}

template <class Stream>
asio::awaitable<void> HttpConnection::serve_raw(Stream& stream) {
  const auto handler = server_.options.raw_handler(remote_address_);
  bool is_open = handler->on_data(view(buffer_));
  buffer_.consume(buffer_.size());
  // Not `is_open && co_await …`: g++ 12 reads all the same.
  while (is_open) {
    const bool has_more = co_await read_until(stream, 1);
    if (!has_more) break;
    is_open = handler->on_data(view(buffer_));
    buffer_.consume(buffer_.size());
  }
  handler->on_close();
}

template <class Stream>
asio::awaitable<void> HttpConnection::serve_http(Stream& stream) {
  while (co_await read_until(stream, 1)) {
    const bool keep_alive = co_await serve_request(stream);
    if (!keep_alive) break;
  }
}

template <class Stream>
asio::awaitable<bool> HttpConnection::serve_request(Stream& stream) {
  set_deadline(milliseconds(server_.options.request_timeout_ms));
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(server_.options.max_header_bytes));
  parser.body_limit(server_.options.max_body_bytes);
  error_code error;
  co_await http::async_read_header(stream, buffer_, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
  const auto& request = parser.get();
  if (!error && !parser.is_done() &&
      base::lower(view(request[http::field::expect])) == "100-continue") {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(stream, asio::buffer(kContinue),
                               asio::redirect_error(asio::use_awaitable, error));
  }
  if (!error) {
    co_await http::async_read(stream, buffer_, parser,
                              asio::redirect_error(asio::use_awaitable, error));
  }
  if (error || timed_out_) {
    const int status = refusal_status(error, timed_out_);
    // Named, because g++ 12 destroys a temporary in a co_await expression twice.
    const std::string reason = timed_out_ ? "the request took too long" : error.message();
    if (status != 0) co_await refuse(stream, status, reason);
    co_return false;
  }
  HttpReply reply = answer(request, kIsTls<Stream>);
  if (reply.close_without_answer) co_return false;
  const bool keep_alive = request.keep_alive() && !server_.stop_deadline;
  const bool is_written =
      co_await write(stream, std::move(reply), request.method() == http::verb::head, keep_alive);
  if (is_written) count_completed();
  co_return is_written&& keep_alive;
}

HttpReply HttpConnection::answer(const http::request<http::string_body>& request, bool is_secure) {
  headers_.clear();
  for (const auto& field : request) {
    headers_.push_back({view(field.name_string()), view(field.value())});
  }
  HttpRequestView asked;
  asked.method = view(request.method_string());
  asked.target = view(request.target());
  const std::size_t question = asked.target.find('?');
  asked.path = asked.target.substr(0, question);
  if (question != std::string_view::npos) asked.query = asked.target.substr(question + 1);
  asked.body = request.body();
  asked.remote_address = remote_address_;
  asked.is_secure = is_secure;
  asked.headers = headers_;
  return server_.handler(asked);
}

template <class Stream>
asio::awaitable<bool> HttpConnection::write(Stream& stream, HttpReply reply, bool is_head,
                                            bool keep_alive) {
  FEDWAVE_CHECK(reply.status >= 200 && reply.status <= 599);
  set_deadline(milliseconds(server_.options.request_timeout_ms));
  http::response<http::string_body> response;
  response.result(static_cast<unsigned>(reply.status));
  if (!reply.content_type.empty()) response.set(http::field::content_type, reply.content_type);
  for (const auto& [name, value] : reply.headers) response.set(name, value);
  response.keep_alive(keep_alive);
  response.body() = std::move(reply.body);
  response.prepare_payload();
  http::response_serializer<http::string_body> serializer(response);
  error_code error;
  if (is_head) {
    serializer.split(true);
    co_await http::async_write_header(stream, serializer,
                                      asio::redirect_error(asio::use_awaitable, error));
  } else {
    co_await http::async_write(stream, serializer,
                               asio::redirect_error(asio::use_awaitable, error));
  }
  if (timed_out_) drop();
  co_return !error && !timed_out_;
}

// Answers and closes. Closing while the client still sends would reset the connection and take the
// answer with it, so what comes is read and thrown away for a moment.
template <class Stream>
asio::awaitable<void> HttpConnection::refuse(Stream& stream, int status, std::string_view reason) {
  HttpReply reply;
  reply.status = status;
  reply.body = std::string(reason) + "\n";
  const bool is_written = co_await write(stream, std::move(reply), false, false);
  if (!is_written) co_return;
  if constexpr (kIsTls<Stream>) co_await end_tls(stream);
  error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  set_deadline(kLingerTimeout);
  std::size_t thrown_away = 0;
  while (!error && !timed_out_ && thrown_away < kLingerBytesMax) {
    buffer_.consume(buffer_.size());
    thrown_away += co_await socket_.async_read_some(
        buffer_.prepare(read_bytes_), asio::redirect_error(asio::use_awaitable, error));
  }
}

}  // namespace fedwave::relay
