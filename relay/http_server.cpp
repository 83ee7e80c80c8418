// clang has coroutines, but Asio 1.74 believes it only beside <experimental/coroutine>, and clang
// 14 does not announce them the way libstdc++'s <coroutine> asks for.
#ifdef __clang__
#ifndef __cpp_impl_coroutine
#define __cpp_impl_coroutine 201902L  // NOLINT(bugprone-reserved-identifier)
#endif
#define BOOST_ASIO_HAS_CO_AWAIT 1
#define BOOST_ASIO_HAS_STD_COROUTINE 1
#endif
// ThreadSanitizer knows no fences, and g++ says so; Asio's mutexes alone are enough for it.
#ifdef __SANITIZE_THREAD__
#define BOOST_ASIO_DISABLE_FENCED_BLOCK 1
#endif

#include "relay/http_server.h"

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <chrono>
#include <set>
#include <thread>

#include "relay/base/check.h"

namespace fedwave::relay {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kStopGrace{1'000};
constexpr milliseconds kQuietAtStop{50};
constexpr milliseconds kLingerTimeout{2'000};
constexpr milliseconds kAcceptPause{100};  // after an accept that failed: out of descriptors
constexpr milliseconds kCancelAgain{50};
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kLingerBytesMax = std::size_t{64} << 20;

bool iequals(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

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

// What a request that could not be read is answered with; 0 when nobody is left to answer.
int refusal_status(const error_code& error, bool timed_out) {
  if (timed_out) return 408;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  if (error == http::error::body_limit) return 413;
  if (error == http::error::partial_message || error == http::error::end_of_stream) return 0;
  return error.category() == make_error_code(http::error::bad_method).category() ? 400 : 0;
}

class Connection;

}  // namespace

struct HttpServer::Impl {
  Impl(ListenOptions some_options, HttpHandler some_handler)
      : options(std::move(some_options)), handler(std::move(some_handler)) {}

  base::Expected<void> listen(const ListenAddress& where);
  asio::awaitable<void> accept_connections();
  void serve(tcp::socket socket);
  void finish();

  ListenOptions options;
  HttpHandler handler;
  asio::io_context context{1};
  tcp::acceptor acceptor{context};
  std::string address;
  std::uint16_t port = 0;
  std::thread thread;
  // The rest belongs to the server's thread.
  std::set<Connection*> connections;
  std::optional<SteadyClock::time_point> stop_deadline;  // set once stopping
};

namespace {

using Server = HttpServer::Impl;

// One connection. Held by its own coroutine and gone when that ends; only on the server's thread.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Server& server, tcp::socket socket)
      : server_(server),
        socket_(std::move(socket)),
        timer_(server.context),
        buffer_(server.options.max_header_bytes + 2 * kReadBytes) {
    error_code error;
    const auto remote = socket_.remote_endpoint(error);
    if (!error) remote_address_ = remote.address().to_string();
    server_.connections.insert(this);
  }
  ~Connection() { server_.connections.erase(this); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The coroutine starts later than it is made, so it holds the connection from the beginning.
  static asio::awaitable<void> run(std::shared_ptr<Connection> self, bool is_one_too_many);
  void finish_soon();

 private:
  asio::awaitable<void> serve();
  asio::awaitable<bool> read_until(std::size_t bytes);
  asio::awaitable<void> serve_http();
  asio::awaitable<bool> serve_request();
  asio::awaitable<void> serve_raw();
  asio::awaitable<void> refuse(int status, std::string_view reason);
  asio::awaitable<bool> write(HttpReply reply, bool is_head, bool keep_alive);
  HttpReply answer(const http::request<http::string_body>& request);
  void set_deadline(milliseconds timeout);
  void watch_deadline();

  Server& server_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  boost::beast::flat_buffer buffer_;
  std::vector<HttpHeaderView> headers_;
  std::string remote_address_;
  bool is_idle_ = true;  // nothing of a request has been read
  bool timed_out_ = false;
  bool has_ended_ = false;  // Asio waits for ever when it is asked to read beyond the end
};

void Connection::set_deadline(milliseconds timeout) {
  timed_out_ = false;
  auto when = SteadyClock::now() + timeout;
  if (server_.stop_deadline) when = std::min(when, *server_.stop_deadline);
  timer_.expires_at(when);
  watch_deadline();
}

// An operation that has completed but not yet resumed us escapes the cancellation, and the next
// one would wait without a deadline; hence again and again until set_deadline or the end.
void Connection::watch_deadline() {
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

// A client that has something under way may finish it; one that is silent goes.
void Connection::finish_soon() {
  const auto latest = is_idle_ ? SteadyClock::now() + kQuietAtStop
                               : SteadyClock::time_point(*server_.stop_deadline);
  if (timer_.expiry() <= latest) return;
  timer_.expires_at(latest);
  watch_deadline();
}

asio::awaitable<void> Connection::run(std::shared_ptr<Connection> self, bool is_one_too_many) {
  if (is_one_too_many) {
    co_await self->refuse(503, "too many connections");
  } else {
    co_await self->serve();
  }
}

asio::awaitable<void> Connection::serve() {
  if (server_.options.raw_handler) {
    co_await read_until(2);
    if (buffer_.size() == 0) co_return;
    if (!begins_like_http(view(buffer_))) {
      co_await serve_raw();
      co_return;
    }
  }
  co_await serve_http();
}

// False when the peer closed, went silent or failed first.
asio::awaitable<bool> Connection::read_until(std::size_t bytes) {
  is_idle_ = true;
  while (buffer_.size() < bytes) {
    if (has_ended_) co_return false;
    set_deadline(server_.stop_deadline ? kQuietAtStop
                                       : milliseconds(server_.options.idle_timeout_ms));
    error_code error;
    const std::size_t read = co_await socket_.async_read_some(
        buffer_.prepare(kReadBytes), asio::redirect_error(asio::use_awaitable, error));
    buffer_.commit(read);
    has_ended_ = error || timed_out_;
  }
  is_idle_ = false;
  co_return true;
}

asio::awaitable<void> Connection::serve_raw() {
  const auto handler = server_.options.raw_handler(remote_address_);
  bool is_open = handler->on_data(view(buffer_));
  buffer_.consume(buffer_.size());
  while (is_open && co_await read_until(1)) {
    is_open = handler->on_data(view(buffer_));
    buffer_.consume(buffer_.size());
  }
  handler->on_close();
}

asio::awaitable<void> Connection::serve_http() {
  while (co_await read_until(1)) {
    const bool keep_alive = co_await serve_request();
    if (!keep_alive) break;
  }
}

asio::awaitable<bool> Connection::serve_request() {
  set_deadline(milliseconds(server_.options.request_timeout_ms));
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(server_.options.max_header_bytes));
  parser.body_limit(server_.options.max_body_bytes);
  error_code error;
  co_await http::async_read_header(socket_, buffer_, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
  const auto& request = parser.get();
  if (!error && !parser.is_done() && iequals(view(request[http::field::expect]), "100-continue")) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(socket_, asio::buffer(kContinue),
                               asio::redirect_error(asio::use_awaitable, error));
  }
  if (!error) {
    co_await http::async_read(socket_, buffer_, parser,
                              asio::redirect_error(asio::use_awaitable, error));
  }
  if (error || timed_out_) {
    const int status = refusal_status(error, timed_out_);
    // Named, because g++ 12 destroys a temporary in a co_await expression twice.
    const std::string reason = timed_out_ ? "the request took too long" : error.message();
    if (status != 0) co_await refuse(status, reason);
    co_return false;
  }
  HttpReply reply = answer(request);
  if (reply.close_without_answer) co_return false;
  const bool keep_alive = request.keep_alive() && !server_.stop_deadline;
  const bool is_written =
      co_await write(std::move(reply), request.method() == http::verb::head, keep_alive);
  co_return is_written&& keep_alive;
}

HttpReply Connection::answer(const http::request<http::string_body>& request) {
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
  asked.headers = headers_;
  return server_.handler(asked);
}

asio::awaitable<bool> Connection::write(HttpReply reply, bool is_head, bool keep_alive) {
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
    co_await http::async_write_header(socket_, serializer,
                                      asio::redirect_error(asio::use_awaitable, error));
  } else {
    co_await http::async_write(socket_, serializer,
                               asio::redirect_error(asio::use_awaitable, error));
  }
  co_return !error && !timed_out_;
}

// Answers and closes. Closing while the client still sends would reset the connection and take the
// answer with it, so what comes is read and thrown away for a moment.
asio::awaitable<void> Connection::refuse(int status, std::string_view reason) {
  HttpReply reply;
  reply.status = status;
  reply.body = std::string(reason) + "\n";
  const bool is_written = co_await write(std::move(reply), false, false);
  if (!is_written) co_return;
  error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  set_deadline(kLingerTimeout);
  std::size_t thrown_away = 0;
  while (!error && !timed_out_ && thrown_away < kLingerBytesMax) {
    buffer_.consume(buffer_.size());
    thrown_away += co_await socket_.async_read_some(
        buffer_.prepare(kReadBytes), asio::redirect_error(asio::use_awaitable, error));
  }
}

std::string listen_advice(const error_code& error) {
  if (error == asio::error::address_in_use) {
    return "stop what listens there, or choose another port (port 0 takes a free one)";
  }
  if (error == asio::error::access_denied) return "ports below 1024 need privileges";
  return "is it an address of this machine?";
}

std::string lower_first(std::string text) {
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + 32);
  return text;
}

std::string format_endpoint(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + host + "]:" + port : host + ":" + port;
}

// One attempt at one endpoint.
error_code open_acceptor(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, bool is_dual) {
  error_code error;
  error_code ignored;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && is_dual) acceptor.set_option(asio::ip::v6_only(false), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) acceptor.close(ignored);
  return error;
}

}  // namespace

base::Expected<void> HttpServer::Impl::listen(const ListenAddress& where) {
  error_code error;
  if (where.host.empty()) {
    error = open_acceptor(acceptor, {asio::ip::address_v6::any(), where.port}, true);
    // A machine without IPv6.
    if (error == asio::error::address_family_not_supported ||
        error == boost::system::errc::address_not_available) {
      error = open_acceptor(acceptor, {asio::ip::address_v4::any(), where.port}, false);
    }
  } else {
    error = open_acceptor(acceptor, {asio::ip::make_address(where.host), where.port}, false);
  }
  if (error) {
    return base::Error{base::ErrorCode::Io, "could not listen on " + options.address + ": " +
                                                lower_first(error.message()) + "; " +
                                                listen_advice(error)};
  }
  const tcp::endpoint endpoint = acceptor.local_endpoint(error);
  address = format_endpoint(endpoint);
  port = endpoint.port();
  return {};
}

asio::awaitable<void> HttpServer::Impl::accept_connections() {
  asio::steady_timer pause(context);
  while (!stop_deadline) {
    error_code error;
    tcp::socket socket =
        co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      serve(std::move(socket));
    } else if (!stop_deadline) {
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
  }
}

void HttpServer::Impl::serve(tcp::socket socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  const bool is_one_too_many = connections.size() >= options.max_connections;
  const auto connection = std::make_shared<Connection>(*this, std::move(socket));
  if (stop_deadline) connection->finish_soon();
  asio::co_spawn(context, Connection::run(connection, is_one_too_many), asio::detached);
}

void HttpServer::Impl::finish() {
  stop_deadline = SteadyClock::now() + kStopGrace;
  for (Connection* connection : connections) connection->finish_soon();
  error_code error;
  acceptor.non_blocking(true, error);
  while (!error) {
    tcp::socket socket = acceptor.accept(error);
    if (!error) serve(std::move(socket));
  }
  acceptor.close(error);
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() {
  stop();
}

base::Expected<std::unique_ptr<HttpServer>> HttpServer::start(ListenOptions options,
                                                              HttpHandler handler) {
  auto where = parse_listen_address(options.address);
  if (!where) return where.error();
  auto impl = std::make_unique<Impl>(std::move(options), std::move(handler));
  auto listening = impl->listen(*where);
  if (!listening) return listening.error();
  asio::co_spawn(impl->context, impl->accept_connections(), asio::detached);
  impl->thread = std::thread([server = impl.get()]() noexcept { server->context.run(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

std::uint16_t HttpServer::port() const {
  return impl_->port;
}
const std::string& HttpServer::address() const {
  return impl_->address;
}

void HttpServer::stop() {
  if (!impl_->thread.joinable()) return;
  asio::post(impl_->context, [server = impl_.get()] { server->finish(); });
  impl_->thread.join();
}

std::optional<std::string_view> HttpRequestView::header(std::string_view name) const {
  for (const HttpHeaderView& field : headers) {
    if (iequals(field.name, name)) return field.value;
  }
  return std::nullopt;
}

base::Expected<ListenAddress> parse_listen_address(std::string_view text) {
  const auto bad = [&](const std::string& what) {
    return base::Error{base::ErrorCode::InvalidArgument,
                       "'" + std::string(text) + "' is not an address to listen on: " + what +
                           "; write 127.0.0.1:2878, [::1]:2878, or :2878 for every address"};
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad("the port is missing");
  ListenAddress where;
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), where.port);
  if (error != std::errc() || end != port.data() + port.size()) {
    return bad("the port must be a number from 0 to 65535");
  }
  std::string_view host = text.substr(0, colon);
  const bool has_brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (has_brackets) host = host.substr(1, host.size() - 2);
  if (!has_brackets && host.find(':') != std::string_view::npos) {
    return bad("an IPv6 address needs brackets");
  }
  where.host = host == "localhost" ? "127.0.0.1" : std::string(host);
  error_code not_an_address;
  if (!where.host.empty()) asio::ip::make_address(where.host, not_an_address);
  if (not_an_address || (has_brackets && where.host.empty())) {
    return bad("'" + std::string(host) + "' is not an IP address");
  }
  return where;
}

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A '%' that no two hexadecimal digits follow stays as it is.
std::string percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const std::size_t ampersand = query.find('&');
    const std::string_view pair = query.substr(0, ampersand);
    query.remove_prefix(ampersand == std::string_view::npos ? query.size() : ampersand + 1);
    const std::size_t equals = pair.find('=');
    if (percent_decode(pair.substr(0, equals)) != key) continue;
    return equals == std::string_view::npos ? std::string()
                                            : percent_decode(pair.substr(equals + 1));
  }
  return std::nullopt;
}

}  // namespace fedwave::relay
