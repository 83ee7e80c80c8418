#include "relay/http_server.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/patience.h"
#include "tests/support/tcp_client.h"

namespace fedwave::relay {
namespace {

using std::chrono::milliseconds;
using support::in_some_attempt;
using support::wait_until;
using tests::body_of;
using tests::post;
using tests::status_of;
using tests::TcpClient;

// Tells what it was asked.
HttpReply echo(const HttpRequestView& request) {
  HttpReply reply;
  reply.body = std::string(request.method) + " " + std::string(request.path) + " ?" +
               std::string(request.query) + " [" + std::string(request.body) + "]";
  return reply;
}

std::unique_ptr<HttpServer> start(ListenOptions options, HttpHandler handler = echo) {
  auto server = HttpServer::start(std::move(options), std::move(handler));
  REQUIRE(server.has_value());
  return *std::move(server);
}

TEST_CASE("a request is handed over in its parts and answered") {
  const auto server = start({});
  CHECK(server->address() == "127.0.0.1:" + std::to_string(server->port()));
  struct Row {
    std::string request;
    std::string body;
  };
  const std::vector<Row> rows = {
      {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET / ? []"},
      {"GET /a%20b?x=1&y=%41 HTTP/1.1\r\nConnection: close\r\n\r\n", "GET /a%20b ?x=1&y=%41 []"},
      {post("/report?f=wavefront", "line 1\nline 2\n"),
       "POST /report ?f=wavefront [line 1\nline 2\n]"},
      {"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
       "5\r\nab\ncd\r\n3;note=x\r\nefg\r\n0\r\n\r\n",
       "POST /c ? [ab\ncdefg]"},
      {"GET /old HTTP/1.0\r\n\r\n", "GET /old ? []"},
      {"BREW /pot HTTP/1.1\r\nConnection: close\r\n\r\n", "BREW /pot ? []"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.request);
    TcpClient client(server->port());
    REQUIRE(client.send(row.request));
    const std::string answer = client.read_all();
    CHECK((status_of(answer) == 200 || answer.starts_with("HTTP/1.0 200")));
    CHECK(body_of(answer) == row.body);
  }
}

TEST_CASE("headers are found in any case, and the client's address is told") {
  const auto server = start({}, [](const HttpRequestView& request) {
    HttpReply reply;
    reply.status = 418;
    reply.content_type = "application/json";
    reply.headers = {{"Retry-After", "7"}};
    reply.body = std::string(request.header("x-aUth-token").value_or("none")) + " " +
                 std::string(request.header("absent").value_or("none")) + " " +
                 std::string(request.remote_address);
    return reply;
  });
  TcpClient client(server->port());
  client.send(post("/", "", "X-Auth-Token: s3cret\r\n"));
  const std::string answer = client.read_all();
  CHECK(status_of(answer) == 418);
  CHECK(answer.find("Content-Type: application/json\r\n") != std::string::npos);
  CHECK(answer.find("Retry-After: 7\r\n") != std::string::npos);
  CHECK(body_of(answer) == "s3cret none 127.0.0.1");
}

TEST_CASE("a connection serves one request after another, pipelined ones too") {
  const auto server = start({});
  TcpClient client(server->port());
  client.send("GET /1 HTTP/1.1\r\n\r\n");
  CHECK(body_of(client.read_answer()) == "GET /1 ? []");
  client.send(
      "GET /2 HTTP/1.1\r\n\r\nPOST /3 HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /4 HTTP/1.1\r\n");
  CHECK(body_of(client.read_answer()) == "GET /2 ? []");
  CHECK(body_of(client.read_answer()) == "POST /3 ? [hi]");
  client.send("Connection: close\r\n\r\n");
  CHECK(body_of(client.read_answer()) == "GET /4 ? []");
  CHECK(client.read_all().empty());
}

TEST_CASE("HEAD gets the headers of the answer and no body") {
  const auto server = start({});
  TcpClient client(server->port());
  client.send("HEAD /page HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string answers = client.read_all();
  CHECK(answers.find("Content-Length: 15\r\n") != std::string::npos);
  CHECK(answers.find("HEAD /page") == std::string::npos);
  CHECK(answers.ends_with("\r\n\r\nGET /next ? []"));
}

TEST_CASE("a client that waits for 100 Continue is told to go on") {
  const auto server = start({});
  TcpClient client(server->port());
  client.send("POST /r HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  CHECK(client.read_answer() == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("data");
  CHECK(body_of(client.read_answer()) == "POST /r ? [data]");
}

TEST_CASE("what is too large or not HTTP is refused without being asked of the handler") {
  std::atomic<int> asked = 0;
  ListenOptions options;
  options.max_body_bytes = 1000;
  options.max_header_bytes = 500;
  const auto server = start(std::move(options), [&](const HttpRequestView& request) {
    ++asked;
    return echo(request);
  });
  const std::string chunk = "100\r\n" + std::string(256, 'x') + "\r\n";
  const std::string chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  struct Row {
    std::string request;
    int status;
  };
  const std::vector<Row> rows = {
      {"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n", 413},
      {post("/", std::string(5'000'000, 'x')), 413},
      {chunked + chunk + chunk + chunk + chunk, 413},
      {"GET / HTTP/1.1\r\nX-Long: " + std::string(600, 'x') + "\r\n\r\n", 431},
      {"GET /" + std::string(600, 'x') + " HTTP/1.1\r\n\r\n", 431},
      {"GET / HTTP/1.1\r\nnot a header\r\n\r\n", 400},
      {"GET / HTTP/9.9\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nContent-Length: ten\r\n\r\n", 400},
      {"hello there\r\n\r\n", 400},
  };
  for (const Row& row : rows) {
    CAPTURE(row.request.substr(0, 80));
    TcpClient client(server->port());
    client.send(row.request);
    const std::string answer = client.read_all();
    CHECK(status_of(answer) == row.status);
    CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  }
  CHECK(asked == 0);
  TcpClient client(server->port());
  client.send(post("/", std::string(1000, 'x')));
  CHECK(status_of(client.read_all()) == 200);
}

TEST_CASE("what is too slow is refused without being asked of the handler") {
  std::atomic<int> asked = 0;
  ListenOptions options;
  options.request_timeout_ms = 200;
  const auto server = start(std::move(options), [&](const HttpRequestView& request) {
    ++asked;
    return echo(request);
  });
  for (const std::string beginning :
       {"GET / HT", "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345"}) {
    CAPTURE(beginning);
    const auto status = [&] {
      TcpClient client(server->port());
      client.send(beginning);
      const std::string answer = client.read_all();
      return answer.find("Connection: close\r\n") == std::string::npos ? 0 : status_of(answer);
    };
    CHECK(in_some_attempt(status, 408) == 408);
  }
  CHECK(asked == 0);
}

TEST_CASE("one connection too many gets 503, and a place once another has gone") {
  ListenOptions options;
  options.max_connections = 1;
  const auto server = start(std::move(options));
  {
    TcpClient first(server->port());
    first.send("GET /1 HTTP/1.1\r\n\r\n");
    CHECK(status_of(first.read_answer()) == 200);
    TcpClient second(server->port());
    second.send("GET /2 HTTP/1.1\r\n\r\n");
    CHECK(status_of(second.read_answer()) == 503);
  }
  int status = 503;
  wait_until([&] {
    TcpClient third(server->port());
    third.send("GET /3 HTTP/1.1\r\nConnection: close\r\n\r\n");
    third.finish_sending();
    status = status_of(third.read_all());
    return status != 503;
  });
  CHECK(status == 200);
}

ListenOptions evicting(std::size_t max_connections) {
  ListenOptions options;
  options.max_connections = max_connections;
  options.evicts_when_full = true;
  return options;
}

TEST_CASE("a full server gives the place of who has been longest without a request") {
  const auto server = start(evicting(3));
  const std::string request = "GET / HTTP/1.1\r\n\r\n";
  TcpClient first(server->port());
  TcpClient second(server->port());
  TcpClient third(server->port());
  // Once the third has its answer, all three have been accepted.
  third.send(request);
  CHECK(status_of(third.read_answer()) == 200);
  first.send(request);
  CHECK(status_of(first.read_answer()) == 200);
  TcpClient fourth(server->port());
  fourth.send(request);
  CHECK(status_of(fourth.read_answer()) == 200);
  CHECK(second.read_all().empty());
  TcpClient fifth(server->port());
  fifth.send(request);
  CHECK(status_of(fifth.read_answer()) == 200);
  CHECK(third.read_all().empty());
  for (TcpClient* still_here : {&first, &fourth, &fifth}) {
    still_here->send(request);
    CHECK(status_of(still_here->read_answer()) == 200);
  }
}

TEST_CASE("however many hold connections open, a request is answered") {
  const auto server = start(evicting(32));
  const std::string beginnings[] = {"", "G", "GET / HTTP/1.1\r\nX-Slow: ", "\x16\x03",
                                    "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nslow"};
  std::vector<std::unique_ptr<TcpClient>> holders;
  for (std::size_t i = 0; i < 300; ++i) {
    holders.push_back(std::make_unique<TcpClient>(server->port()));
    holders.back()->send(beginnings[i % std::size(beginnings)]);
  }
  TcpClient probe(server->port());
  probe.send("GET /-/healthy HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(status_of(probe.read_all()) == 200);
  for (std::size_t i = 0; i < holders.size() - 32; ++i) {
    CAPTURE(i);
    CHECK(status_of(holders[i]->read_all()) != 200);  // has ended
  }
}

TEST_CASE("a whole request must come in time, however busily it drips") {
  ListenOptions options;
  options.request_timeout_ms = 200;
  const auto server = start(std::move(options));
  for (const std::string beginning :
       {"GET / HTTP/1.1\r\nX-Slow: ", "POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"}) {
    CAPTURE(beginning);
    const auto status = [&] {
      TcpClient client(server->port());
      client.send(beginning);
      std::atomic<bool> is_over = false;
      std::thread dripping([&] {
        while (!is_over && client.send("x")) std::this_thread::sleep_for(milliseconds(5));
      });
      const std::string answer = client.read_answer();
      is_over = true;
      dripping.join();
      return status_of(answer);
    };
    CHECK(in_some_attempt(status, 408) == 408);
  }
}

TEST_CASE("a client that does not read its answer goes") {
  ListenOptions options;
  options.request_timeout_ms = 200;
  options.max_connections = 1;
  const auto server = start(std::move(options), [](const HttpRequestView& request) {
    HttpReply reply;
    if (request.path == "/large") reply.body.assign(30'000'000, 'x');
    return reply;
  });
  TcpClient lazy(server->port());
  lazy.send("GET /large HTTP/1.1\r\n\r\n");
  wait_until([&] {
    TcpClient other(server->port());
    other.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    other.finish_sending();
    return status_of(other.read_all()) == 200;
  });
  CHECK(lazy.read_all().size() < 30'000'000);
}

TEST_CASE("headers without end and bytes at random harm nobody else") {
  ListenOptions options = evicting(16);
  options.max_body_bytes = 0;
  const auto server = start(std::move(options));
  TcpClient giant(server->port());
  giant.send("GET / HTTP/1.1\r\nX-Giant: " + std::string(10'000'000, 'x'));
  CHECK(status_of(giant.read_all()) == 431);
  std::mt19937 random(20250721);
  for (int i = 0; i < 300; ++i) {
    CAPTURE(i);
    std::string noise(1 + random() % 3000, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    TcpClient client(server->port());
    client.send(noise);
    client.finish_sending();
    const std::string answer = client.read_all();
    CHECK((answer.empty() || status_of(answer) == 400));
  }
  TcpClient client(server->port());
  client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(status_of(client.read_all()) == 200);
}

TEST_CASE("a handler can end the connection without an answer") {
  const auto server = start({}, [](const HttpRequestView&) {
    HttpReply reply;
    reply.close_without_answer = true;
    return reply;
  });
  TcpClient client(server->port());
  client.send("GET / HTTP/1.1\r\n\r\n");
  CHECK(client.read_all().empty());
}

TEST_CASE("a page of 30 MB arrives whole") {
  std::string page(30'000'000, 'a');
  for (std::size_t i = 0; i < page.size(); i += 997) page[i] = static_cast<char>('b' + i % 20);
  const auto server = start({}, [&](const HttpRequestView&) {
    HttpReply reply;
    reply.body = page;
    return reply;
  });
  TcpClient client(server->port());
  client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_all();
  CHECK((body_of(answer) == page));
}

// Collects what a raw connection sends; "$" stands for its end.
class Collector final : public RawHandler {
 public:
  explicit Collector(std::promise<std::string>& done) : done_(done) {}
  bool on_data(std::string_view bytes) override {
    text_ += bytes;
    return text_.find("stop") == std::string::npos;
  }
  void on_close() override { done_.set_value(text_ + "$"); }

 private:
  std::promise<std::string>& done_;
  std::string text_;
};

TEST_CASE("a connection that does not begin like HTTP is handed on as bytes") {
  struct Row {
    std::string sent;
    std::string collected;
  };
  const std::vector<Row> rows = {
      {"\"a.b\" 1\n\"a.c\" 2\n", "\"a.b\" 1\n\"a.c\" 2\n$"},
      {"x", "x$"},
      {"get / HTTP/1.1\r\n\r\n", "get / HTTP/1.1\r\n\r\n$"},
      {std::string(300'000, 'z'), std::string(300'000, 'z') + "$"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sent.substr(0, 40));
    std::promise<std::string> done;
    ListenOptions options;
    options.raw_handler = [&](std::string_view) { return std::make_unique<Collector>(done); };
    const auto server = start(std::move(options));
    TcpClient client(server->port());
    client.send(row.sent);
    client.finish_sending();
    CHECK(done.get_future().get() == row.collected);
    CHECK(client.read_all().empty());
  }
}

TEST_CASE("every method begins HTTP even when raw bytes are welcome") {
  ListenOptions options;
  options.raw_handler = [](std::string_view) -> std::unique_ptr<RawHandler> { std::abort(); };
  const auto server = start(std::move(options));
  for (const std::string method :
       {"GET", "POST", "PUT", "HEAD", "OPTIONS", "PATCH", "DELETE", "TRACE", "CONNECT"}) {
    CAPTURE(method);
    TcpClient client(server->port());
    // Byte by byte at first, so that the server has to wait for the second.
    client.send(method.substr(0, 1));
    client.send(method.substr(1) + " / HTTP/1.1\r\nConnection: close\r\n\r\n");
    CHECK(status_of(client.read_all()) == 200);
  }
}

// What a raw connection has brought by the time at which the server ended it.
std::string collected_by_the_end(const std::string& sent, std::int64_t idle_timeout_ms) {
  std::promise<std::string> done;
  ListenOptions options;
  options.idle_timeout_ms = idle_timeout_ms;
  options.raw_handler = [&](std::string_view) { return std::make_unique<Collector>(done); };
  const auto server = start(std::move(options));
  TcpClient client(server->port());
  client.send(sent);
  CHECK(client.read_all().empty());
  std::future<std::string> collected = done.get_future();
  const bool has_closed =
      collected.wait_for(milliseconds(support::kPatienceMs)) == std::future_status::ready;
  return has_closed ? collected.get() : "(still open)";
}

TEST_CASE("a raw handler can close, and silence for too long closes too") {
  constexpr std::int64_t kNever = 3'600'000;
  CHECK(collected_by_the_end("please stop", kNever) == "please stop$");
  // A machine that pauses before the first byte makes a silence of its own.
  const auto after_silence = [] { return collected_by_the_end("nothing more", 200); };
  CHECK(in_some_attempt(after_silence, "nothing more$") == "nothing more$");
}

TEST_CASE("stop takes what has arrived, ends idle connections and may be called twice") {
  std::promise<std::string> done;
  ListenOptions options;
  options.raw_handler = [&](std::string_view) { return std::make_unique<Collector>(done); };
  const auto server = start(std::move(options));
  TcpClient idle(server->port());
  idle.send("GET / HTTP/1.1\r\n\r\n");
  CHECK(status_of(idle.read_answer()) == 200);
  TcpClient raw(server->port());
  raw.send("all of this");
  server->stop();
  server->stop();
  CHECK(done.get_future().get() == "all of this$");
  CHECK(idle.read_all().empty());
  CHECK(!TcpClient(server->port()).is_connected());
}

TEST_CASE("an address to listen on is parsed, or refused with what to write instead") {
  struct Row {
    std::string text;
    std::string host;
    int port;           // -1: refused
    std::string error;  // a part of it
  };
  const std::vector<Row> rows = {
      {"127.0.0.1:2878", "127.0.0.1", 2878, ""},
      {"127.0.0.1:0", "127.0.0.1", 0, ""},
      {":9464", "", 9464, ""},
      {"[::1]:65535", "::1", 65535, ""},
      {"localhost:80", "127.0.0.1", 80, ""},
      {"0.0.0.0:80", "0.0.0.0", 80, ""},
      {"127.0.0.1", "", -1, "the port is missing"},
      {"", "", -1, "the port is missing"},
      {"127.0.0.1:", "", -1, "the port must be a number"},
      {"127.0.0.1:http", "", -1, "the port must be a number"},
      {"127.0.0.1:65536", "", -1, "the port must be a number"},
      {"127.0.0.1:80x", "", -1, "the port must be a number"},
      {"127.0.0.1:-1", "", -1, "the port must be a number"},
      {"::1:80", "", -1, "an IPv6 address needs brackets"},
      {"[]:80", "", -1, "'' is not an IP address"},
      {"example.com:80", "", -1, "'example.com' is not an IP address"},
      {"1.2.3:80", "", -1, "'1.2.3' is not an IP address"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto where = parse_listen_address(row.text);
    CHECK(where.has_value() == (row.port >= 0));
    if (where) {
      CHECK(where->host == row.host);
      CHECK(where->port == row.port);
    } else {
      CHECK(where.error().code == base::ErrorCode::InvalidArgument);
      CHECK(where.error().message.find(row.error) != std::string::npos);
      CHECK(where.error().message.find("write for example 127.0.0.1:8080") != std::string::npos);
    }
  }
}

TEST_CASE("a port that is taken is an error that says so") {
  const auto first = start({});
  ListenOptions options;
  options.address = first->address();
  const auto second = HttpServer::start(options, echo);
  REQUIRE(!second.has_value());
  CHECK(second.error().code == base::ErrorCode::Io);
  CHECK(second.error().message.starts_with("could not listen on " + first->address() +
                                           ": address already in use; "));
}

TEST_CASE("an empty host listens on every address") {
  ListenOptions options;
  options.address = ":0";
  const auto server = start(std::move(options));
  TcpClient client(server->port());
  client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(status_of(client.read_all()) == 200);
}

TEST_CASE("a query's values are found and decoded") {
  struct Row {
    std::string query;
    std::string value;  // of "f"; "absent" when there is none
  };
  const std::vector<Row> rows = {
      {"f=wavefront", "wavefront"},
      {"a=1&f=x&f=y", "x"},
      {"f=a%20b+c", "a b c"},
      {"%66=coded", "coded"},
      {"f=%zz%4", "%zz%4"},
      {"f=a=b", "a=b"},
      {"f", ""},
      {"f=&g=1", ""},
      {"", "absent"},
      {"ff=1&gf=2", "absent"},
      {"&&f=1&", "1"},
      {"f=%C3%A9", "\xC3\xA9"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.query);
    CHECK(query_value(row.query, "f").value_or("absent") == row.value);
  }
}

}  // namespace
}  // namespace fedwave::relay
