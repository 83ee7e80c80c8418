#include "relay/http_server.h"

#include <algorithm>
#include <charconv>
#include <thread>
#include <utility>

#include "relay/base/text.h"
#include "relay/http_server_asio.h"
#include "relay/http_server_connection.h"
#include "relay/http_server_tls.h"

namespace fedwave::relay {
namespace {

constexpr milliseconds kStopGrace{1'000};
constexpr int kAcceptedAtOnce = 7;
constexpr milliseconds kAcceptPause{100};  // after an accept that failed: out of descriptors

}  // namespace

struct HttpServer::Impl : HttpServerState {
  base::Expected<void> listen(const ListenAddress& where);
  asio::awaitable<void> accept_connections();
  void accept_waiting();
  void serve(tcp::socket socket);
  bool make_room();
  void finish();

  tcp::acceptor acceptor{context};
  std::string address;
  std::uint16_t port = 0;
  std::thread thread;
};

namespace {

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
      accept_waiting();
    } else if (!stop_deadline) {
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
  }
}

// One for each turn of the loop would keep a probe waiting behind clients that keep us busy; too
// many at once would push out, where full, those that have hardly come in.
void HttpServer::Impl::accept_waiting() {
  error_code error;
  acceptor.non_blocking(true, error);
  for (int i = 0; i < kAcceptedAtOnce && !error; ++i) {
    tcp::socket socket = acceptor.accept(error);
    if (!error) serve(std::move(socket));
  }
}

void HttpServer::Impl::serve(tcp::socket socket) {
  const bool is_one_too_many = !make_room();
  const auto connection = std::make_shared<HttpConnection>(*this, std::move(socket));
  if (stop_deadline) connection->finish_soon();
  asio::co_spawn(context, HttpConnection::run(connection, is_one_too_many), asio::detached);
}

// False when there is no place for one more.
bool HttpServer::Impl::make_room() {
  if (connections.size() < options.max_connections) return true;
  if (!options.evicts_when_full || connections.empty()) return false;
  connections.front()->evict();
  return true;
}

void HttpServer::Impl::finish() {
  stop_deadline = SteadyClock::now() + kStopGrace;
  for (HttpConnection* connection : connections) connection->finish_soon();
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
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  impl->handler = std::move(handler);
  if (impl->options.tls) {
    auto tls = TlsFiles::load(*impl->options.tls, SteadyClock::now());
    if (!tls) return std::move(tls).error();
    impl->tls = *std::move(tls);
  }
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
  const std::string wanted = base::lower(name);
  for (const HttpHeaderView& field : headers) {
    if (base::lower(field.name) == wanted) return field.value;
  }
  return std::nullopt;
}

base::Expected<ListenAddress> parse_listen_address(std::string_view text) {
  const auto bad = [&](const std::string& what) {
    return base::Error{
        base::ErrorCode::InvalidArgument,
        "'" + std::string(text) + "' is not an address to listen on: " + what +
            "; write for example 127.0.0.1:8080, [::1]:8080, or :8080 for every address"};
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

std::string form_decoded(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return base::percent_decoded(spaced);
}

}  // namespace

std::optional<std::string> query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const std::size_t ampersand = query.find('&');
    const std::string_view pair = query.substr(0, ampersand);
    query.remove_prefix(ampersand == std::string_view::npos ? query.size() : ampersand + 1);
    const std::size_t equals = pair.find('=');
    if (form_decoded(pair.substr(0, equals)) != key) continue;
    return equals == std::string_view::npos ? std::string() : form_decoded(pair.substr(equals + 1));
  }
  return std::nullopt;
}

}  // namespace fedwave::relay
