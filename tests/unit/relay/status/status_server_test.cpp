#include "relay/status/status_server.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "relay/base/gzip.h"
#include "relay/base/text.h"
#include "tests/support/fakes.h"
#include "tests/support/patience.h"
#include "tests/support/tcp_client.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/relay/status/fake_relay.h"

namespace fedwave::relay {
namespace {

using tests::body_of;
using tests::FakeRelay;
using tests::parse_json;
using tests::status_of;
using tests::TcpClient;

constexpr const char* kYaml =
    "sinks: [{name: proxy, proxyAddress: 'p:1', token: s3cret}]\n"
    "sources: {prometheus_sources: [{name: istio, url: 'http://h/m'}]}\n";

// A server over a fake relay.
struct Served {
  explicit Served(const config::Status& some_settings = {}) {
    config::Status settings = some_settings;
    if (settings.listen.empty()) settings.listen = "127.0.0.1:0";
    auto started = StatusServer::start(settings, relay, clock);
    REQUIRE(started.has_value());
    server = *std::move(started);
  }

  // The whole answer.
  [[nodiscard]] std::string ask(const std::string& method, const std::string& path,
                                const std::string& headers = "") const {
    TcpClient client(server->port());
    client.send(method + " " + path + " HTTP/1.1\r\nConnection: close\r\n" +
                (headers.find("Host:") == std::string::npos ? "Host: localhost\r\n" : "") +
                headers + "\r\n");
    return client.read_all();
  }
  [[nodiscard]] int status(const std::string& method, const std::string& path,
                           const std::string& headers = "") const {
    return status_of(ask(method, path, headers));
  }

  support::FakeClock clock;
  FakeRelay relay{kYaml};
  std::unique_ptr<StatusServer> server;
};

std::string header_of(const std::string& answer, const std::string& name) {
  const std::size_t at = answer.find("\r\n" + name + ": ");
  if (at == std::string::npos || at > answer.find("\r\n\r\n")) return "(none)";
  const std::size_t from = at + name.size() + 4;
  return answer.substr(from, answer.find("\r\n", from) - from);
}

const std::vector<std::string> kReadable = {
    "/",
    "/metrics",
    "/targets",
    "/config",
    "/api/v1/status",
    "/api/v1/history",
    "/api/v1/sources",
    "/api/v1/sinks",
    "/api/v1/series",
    "/api/v1/tags",
    "/api/v1/explain?series=up",
    "/assets/page.css",
    "/assets/page.js",
    "/assets/icon.svg",
    "/assets/chart.js",
};
const std::vector<std::string> kProbes = {"/-/healthy", "/-/ready"};

std::string basic(const std::string& credentials) {
  return "Authorization: Basic " + base::base64(credentials) + "\r\n";
}

TEST_CASE("Everything can be read with GET and HEAD, and carries the headers of the house") {
  const Served served;
  std::vector<std::string> paths = kReadable;
  paths.insert(paths.end(), kProbes.begin(), kProbes.end());
  for (const std::string& path : paths) {
    CAPTURE(path);
    const std::string answer = served.ask("GET", path);
    CHECK(status_of(answer) == 200);
    CHECK(!body_of(answer).empty());
    CHECK(header_of(answer, "Content-Security-Policy") ==
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
          "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    CHECK(header_of(answer, "X-Content-Type-Options") == "nosniff");
    CHECK(header_of(answer, "Referrer-Policy") == "no-referrer");
    CHECK(header_of(answer, "X-Frame-Options") == "DENY");
    const bool is_asset = path == "/" || path.starts_with("/assets/");
    CHECK(header_of(answer, "Cache-Control") == (is_asset ? "no-cache" : "no-store"));
    const std::string head = served.ask("HEAD", path);
    CHECK(status_of(head) == 200);
    CHECK(body_of(head).empty());
    CHECK(header_of(head, "Content-Type") == header_of(answer, "Content-Type"));
  }
}

TEST_CASE("What is not there is answered with what is, and other methods with those allowed") {
  const Served served;
  const std::string missing = served.ask("GET", "/nothing");
  CHECK(status_of(missing) == 404);
  CHECK(body_of(missing).find("/metrics") != std::string_view::npos);
  CHECK(header_of(missing, "X-Content-Type-Options") == "nosniff");
  const std::string api = served.ask("GET", "/api/v1/nothing");
  CHECK(status_of(api) == 404);
  CHECK(parse_json(std::string(body_of(api)))["error"].IsString());
  for (const std::string& path : kReadable) {
    for (const std::string method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
      CAPTURE(method);
      const std::string answer = served.ask(method, path, "Content-Length: 0\r\n");
      CHECK(status_of(answer) == 405);
      CHECK(header_of(answer, "Allow") == "GET, HEAD");
    }
  }
}

TEST_CASE("Only a POST that no foreign page made reloads, and its outcome is told") {
  Served served;
  for (const std::string method : {"GET", "HEAD", "PUT", "DELETE"}) {
    const std::string answer = served.ask(method, "/-/reload");
    CHECK(status_of(answer) == 405);
    CHECK(header_of(answer, "Allow") == "POST");
  }
  const std::string length = "Content-Length: 0\r\n";
  const std::vector<std::string> foreign = {
      "Origin: https://evil.example\r\n",
      "Origin: null\r\n",
      "Origin: http://localhost:1\r\n",
      "Sec-Fetch-Site: cross-site\r\n",
      "Sec-Fetch-Site: same-site\r\n",
      "Origin: http://localhost\r\nSec-Fetch-Site: cross-site\r\n",
  };
  for (const std::string& headers : foreign) {
    CAPTURE(headers);
    CHECK(served.status("POST", "/-/reload", length + headers) == 403);
  }
  CHECK(served.relay.reloads == 0);
  const std::string good = served.ask("POST", "/-/reload", length);
  CHECK(status_of(good) == 200);
  CHECK(body_of(good) == "nothing has changed\n");
  CHECK(served.status("POST", "/-/reload",
                      length + "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n") ==
        200);
  CHECK(served.relay.reloads == 2);
  served.relay.reload_answer =
      base::Error{base::ErrorCode::InvalidArgument, "refused\nf:1:1: bad\nf:2:1: worse"};
  const std::string bad = served.ask("POST", "/-/reload", length);
  CHECK(status_of(bad) == 400);
  CHECK(body_of(bad) == "refused\nf:1:1: bad\nf:2:1: worse\n");
  served.relay.reload_answer = base::Error{base::ErrorCode::Io, "it is stopping"};
  CHECK(served.status("POST", "/-/reload", length) == 503);
}

TEST_CASE("The probes tell of the process alone") {
  Served served;
  served.relay.change_figures([](PipelineFigures& figures) {
    figures.sources[0].last_error = "connection refused";
    figures.sinks[0].sender.trouble = "HTTP 401";
    figures.schedule_lag_ms = 300'000;
  });
  CHECK(body_of(served.ask("GET", "/-/healthy")) == "fedwave is healthy.\n");
  CHECK(body_of(served.ask("GET", "/-/ready")) == "fedwave is ready.\n");
  served.relay.change_figures([](PipelineFigures& figures) { figures.schedule_lag_ms = 310'500; });
  const std::string stuck = served.ask("GET", "/-/healthy");
  CHECK(status_of(stuck) == 503);
  CHECK(body_of(stuck).find("5m10s") != std::string_view::npos);
  CHECK(served.status("GET", "/-/ready") == 200);
  served.relay.config_state.is_current = false;
  served.relay.cluster_state.election.state = ElectionState::Standby;
  CHECK(served.status("GET", "/-/ready") == 200);
  served.relay.stopping = true;
  CHECK(served.status("GET", "/-/ready") == 503);
}

TEST_CASE(
    "A bearer token is wanted for everything but the probes; a browser gives it as password") {
  config::Status settings;
  settings.bearer_token.value = "t0ken";
  const Served served(settings);
  for (const std::string& path : kProbes) CHECK(served.status("GET", path) == 200);
  for (const std::string& path : kReadable) {
    CAPTURE(path);
    const std::string refused = served.ask("GET", path);
    CHECK(status_of(refused) == 401);
    CHECK(header_of(refused, "WWW-Authenticate").starts_with("Basic realm="));
    CHECK(header_of(refused, "X-Content-Type-Options") == "nosniff");
    CHECK(served.status("GET", path, "Authorization: Bearer t0ken\r\n") == 200);
  }
  CHECK(served.status("GET", "/nothing") == 401);
  CHECK(served.status("POST", "/-/reload", "Content-Length: 0\r\n") == 401);
  CHECK(served.relay.reloads == 0);
  struct Row {
    std::string header;
    int status;
  };
  const std::vector<Row> rows = {
      {"Authorization: bearer  t0ken\r\n", 200},
      {basic("anybody:t0ken"), 200},
      {basic(":t0ken"), 200},
      {"Authorization: Bearer t0ke\r\n", 401},
      {"Authorization: Bearer t0kenn\r\n", 401},
      {"Authorization: Bearer t0kent0ken\r\n", 401},
      {"Authorization: Bearer \r\n", 401},
      {"Authorization: Bearer\r\n", 401},
      {"Authorization: t0ken\r\n", 401},
      {"Authorization: Basic t0ken\r\n", 401},
      {basic("t0ken"), 401},
      {basic("t0ken:"), 401},
      {"Authorization: Basic !!!!\r\n", 401},
  };
  for (const Row& row : rows) {
    CAPTURE(row.header);
    CHECK(served.status("GET", "/metrics", row.header) == row.status);
  }
}

TEST_CASE("With basic auth both name and password have to be right") {
  config::Status settings;
  settings.basic_username = "jo";
  settings.basic_password.value = "pä:ss";
  const Served served(settings);
  CHECK(served.status("GET", "/-/healthy") == 200);
  CHECK(served.status("GET", "/metrics") == 401);
  CHECK(served.status("GET", "/metrics", basic("jo:pä:ss")) == 200);
  CHECK(served.status("GET", "/metrics", basic("jim:pä:ss")) == 401);
  CHECK(served.status("GET", "/metrics", basic("jo:pä:s")) == 401);
  CHECK(served.status("GET", "/metrics", "Authorization: Bearer pä:ss\r\n") == 401);
}

TEST_CASE("A token's file is read again when it changes; while it is of no use nobody gets in") {
  const support::TempFolder folder;
  const std::string path = folder.path() + "/token";
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  const support::CollectedLog log;
  config::Status settings;
  settings.bearer_token_file = path;
  const Served served(settings);
  const auto status = [&](const std::string& token) {
    return served.status("GET", "/metrics", "Authorization: Bearer " + token + "\r\n");
  };
  CHECK(status("one") == 401);
  CHECK(status("") == 401);
  CHECK(served.status("GET", "/-/ready") == 200);
  write("one\n");
  CHECK(status("one") == 200);
  write("second\n");
  CHECK(status("one") == 401);
  CHECK(status("second") == 200);
  write("\n");
  CHECK(status("second") == 401);
  CHECK(status("") == 401);
  const auto lines = log.lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].find("file=" + path) != std::string::npos);
  CHECK(lines[1].find("error=it is empty") != std::string::npos);
}

TEST_CASE("A server for this machine alone does not answer to foreign names") {
  const Served served;
  struct Row {
    std::string host;
    int status;
  };
  const std::vector<Row> rows = {
      {"localhost", 200},
      {"LOCALHOST:9464", 200},
      {"127.0.0.1:1", 200},
      {"[::1]:9464", 200},
      {"[::1]", 200},
      {"evil.example", 421},
      {"evil.example:9464", 421},
      {"localhost.evil.example", 421},
      {"127.0.0.1.evil.example", 421},
      {"", 421},
  };
  for (const Row& row : rows) {
    CAPTURE(row.host);
    CHECK(served.status("GET", "/metrics", "Host: " + row.host + "\r\n") == row.status);
    CHECK(served.status("GET", "/-/healthy", "Host: " + row.host + "\r\n") == 200);
  }
  config::Status everywhere;
  everywhere.listen = "0.0.0.0:0";
  const Served open(everywhere);
  CHECK(open.status("GET", "/metrics", "Host: fedwave.monitoring.svc:9464\r\n") == 200);
}

TEST_CASE("Where there is TLS, plain HTTP gets the probes and advice") {
  config::Status settings;
  settings.cert_file = "cert.pem";
  Access access(settings);
  HttpRequestView request;
  request.path = "/metrics";
  const auto refusal = access.refuse(request);
  REQUIRE(refusal);
  CHECK(refusal->status == 403);
  CHECK(refusal->reason.find("https://") != std::string::npos);
  request.is_secure = true;
  CHECK(!access.refuse(request));
}

TEST_CASE("Long answers are compressed for those who take it, short ones for nobody") {
  const Served served;
  const std::string plain(body_of(served.ask("GET", "/metrics")));
  REQUIRE(plain.size() > 1'024);
  struct Row {
    std::string accepted;
    bool is_gzip;
  };
  const std::vector<Row> rows = {
      {"gzip", true},           {"deflate, GZIP;q=0.5", true},
      {"br,gzip", true},        {"gzip;q=0", false},
      {"gzip; q=0.000", false}, {"identity", false},
      {"x-gzip-not", false},    {"", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.accepted);
    const std::string header = "Accept-Encoding: " + row.accepted + "\r\n";
    for (const std::string path : {"/metrics", "/assets/chart.js"}) {
      const std::string answer = served.ask("GET", path, header);
      CHECK((header_of(answer, "Content-Encoding") == "gzip") == row.is_gzip);
      if (!row.is_gzip) continue;
      const auto text = base::gunzip(body_of(answer), 1 << 20);
      REQUIRE(text.has_value());
      if (path == "/metrics") CHECK(text->substr(0, 50) == plain.substr(0, 50));
    }
    CHECK(header_of(served.ask("GET", "/-/healthy", header), "Content-Encoding") == "(none)");
  }
}

TEST_CASE("The page's files are asked for again with their ETag, and not sent twice") {
  const Served served;
  for (const std::string path : {"/", "/assets/page.js", "/assets/chart.js"}) {
    CAPTURE(path);
    const std::string plain = header_of(served.ask("GET", path), "ETag");
    const std::string gzip =
        header_of(served.ask("GET", path, "Accept-Encoding: gzip\r\n"), "ETag");
    CHECK(plain.size() > 10);
    CHECK(plain.front() == '"');
    CHECK(plain != gzip);
    const auto again = [&](const std::string& etag, const std::string& more = "") {
      return served.ask("GET", path, "If-None-Match: " + etag + "\r\n" + more);
    };
    CHECK(status_of(again(plain)) == 304);
    CHECK(body_of(again(plain)).empty());
    CHECK(header_of(again(plain), "ETag") == plain);
    CHECK(status_of(again("W/" + plain)) == 304);
    CHECK(status_of(again("\"x\", " + plain)) == 304);
    CHECK(status_of(again("*")) == 304);
    CHECK(status_of(again("\"x\"")) == 200);
    CHECK(status_of(again(gzip)) == 200);
    CHECK(status_of(again(gzip, "Accept-Encoding: gzip\r\n")) == 304);
  }
}

TEST_CASE("A browser gets the page where a program gets the configuration or the targets") {
  const Served served;
  const std::string page(body_of(served.ask("GET", "/")));
  const std::string accept = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
  CHECK(page.starts_with("<!doctype html>"));
  CHECK(body_of(served.ask("GET", "/config", accept)) == page);
  CHECK(body_of(served.ask("GET", "/targets", accept)) == page);
  const std::string config = served.ask("GET", "/config", "Accept: text/plain\r\n");
  CHECK(header_of(config, "Content-Type") == "text/plain; charset=utf-8");
  CHECK(body_of(config).find("istio") != std::string_view::npos);
  CHECK(body_of(config).find("<secret>") != std::string_view::npos);
  CHECK(body_of(config).find("s3cret") == std::string_view::npos);
  CHECK(header_of(served.ask("GET", "/targets"), "Content-Type") == "application/json");
}

TEST_CASE("What is larger than any honest request is refused") {
  const Served served;
  CHECK(served.status("GET", "/metrics", "X-Long: " + std::string(20'000, 'x') + "\r\n") == 431);
  CHECK(served.status("POST", "/-/reload", "Content-Length: 5000\r\n") == 413);
  CHECK(served.status("GET", "/api/v1/explain?series=" + std::string(9'000, 'x')) == 400);
  CHECK(served.status("GET", "/metrics") == 200);
}

TEST_CASE("After an edit everything is of the configuration that is in force then") {
  Served served;
  served.relay.take_edit(
      "sinks: [{name: third, proxyAddress: 'r:1'}, {type: stdout}]\n"
      "sources: {prometheus_sources: [{name: linkerd, url: 'http://l/m'}]}\n");
  for (const std::string path :
       {"/config", "/targets", "/metrics", "/api/v1/sources", "/api/v1/history", "/api/v1/series",
        "/api/v1/explain?series=up"}) {
    CAPTURE(path);
    const std::string answer(body_of(served.ask("GET", path)));
    CHECK(answer.find("linkerd") != std::string::npos);
    CHECK(answer.find("istio") == std::string::npos);
  }
  CHECK(body_of(served.ask("GET", "/api/v1/sinks")).find("r:1") != std::string_view::npos);
}

TEST_CASE("The history begins with the server") {
  // Not an interval later.
  const auto first_entries = [] {
    const Served served;
    std::size_t entries = 0;
    const auto has_entries = [&] {
      const auto history = parse_json(std::string(body_of(served.ask("GET", "/api/v1/history"))));
      entries = history["at_ms"].Size();
      return entries > 0;
    };
    const auto begun = std::chrono::steady_clock::now();
    support::wait_until(has_entries);
    const auto interval = std::chrono::milliseconds(History::kIntervalMs);
    return std::chrono::steady_clock::now() - begun < interval ? entries : 0;
  };
  CHECK(support::in_some_attempt(first_entries, 1) == 1);
}

}  // namespace
}  // namespace fedwave::relay
