#include "relay/scraper.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "relay/curl_client.h"
#include "relay/http_server.h"
#include "tests/support/configs.h"
#include "tests/support/fakes.h"

using namespace fedwave;
using relay::HttpReply;
using relay::HttpRequestView;
using relay::HttpServer;
using relay::ScrapeResult;

namespace {

struct Scraped {
  ScrapeResult result;
  std::string lines;
};

Scraped scrape(const std::string& source_yaml, const std::string& address = "") {
  const config::Config config = support::config_of(
      "clusterName: c\nsinks: [{type: stdout}]\nsources: {prometheus_sources: [{source: s, " +
      source_yaml + "}]}\n");
  support::CollectingOutput output;
  sinks::BlockWriter writer(output, false, 1000, base::system_clock());
  relay::Target target(config, config.sources[0], {.address = address}, relay::make_curl_client(),
                       base::system_clock());
  ScrapeResult result = target.scrape({&writer}, nullptr);
  return {std::move(result), output.lines()};
}

std::unique_ptr<HttpServer> serve(relay::HttpHandler handler) {
  auto server = HttpServer::start({}, std::move(handler));
  REQUIRE(server.has_value());
  return std::move(*server);
}

HttpReply page(const std::string& text) {
  HttpReply reply;
  reply.body = text;
  return reply;
}

}  // namespace

TEST_CASE(
    "an address is connected to in place of the name, which stays in the request; series are told "
    "apart") {
  const std::string at = std::to_string(base::system_clock().wall_ms() / 1000 - 60);
  const std::string at_ms = at + "123";
  std::string host;
  const auto server = serve([&](const HttpRequestView& request) {
    host = std::string(request.header("Host").value_or(""));
    return page("a 1 " + at_ms + "\nb{instance=\"own\"} 2 " + at_ms + "\n");
  });
  const std::string name = "prometheus.invalid:" + std::to_string(server->port());
  const Scraped scraped = scrape("url: 'http://" + name + "/metrics'", "127.0.0.1");
  CAPTURE(scraped.result.error.value_or(base::Error{}).message);
  REQUIRE_FALSE(scraped.result.error.has_value());
  CHECK(host == name);
  CHECK(scraped.lines == "\"a.value\" 1 " + at +
                             " source=\"s\" \"cluster\"=\"c\" \"instance\"=\"127.0.0.1:" +
                             std::to_string(server->port()) + "\"\n\"b.value\" 2 " + at +
                             " source=\"s\" \"cluster\"=\"c\" \"instance\"=\"own\"\n");
}

TEST_CASE(
    "a redirect to another host is followed to that host, unless headers of ours would go with "
    "it") {
  const auto second = serve([](const HttpRequestView&) { return page("there 1\n"); });
  const auto first = serve([&](const HttpRequestView&) {
    HttpReply reply;
    reply.status = 302;
    reply.headers.emplace_back("Location", "http://" + second->address() + "/");
    return reply;
  });
  const std::string url = "url: 'http://prometheus.invalid:" + std::to_string(first->port()) + "/'";
  const Scraped followed = scrape(url, "127.0.0.1");
  CHECK_FALSE(followed.result.error.has_value());
  CHECK(followed.result.counts.read == 1);
  const Scraped refused = scrape(url + ", httpConfig: {headers: {X-Key: k}}", "127.0.0.1");
  REQUIRE(refused.result.error.has_value());
  CHECK(refused.result.error->code == base::ErrorCode::HttpStatus);
  CHECK(refused.result.counts.read == 0);
}

TEST_CASE("a limit that lets the reading go on keeps the last line, newline or not") {
  std::string labels;
  for (int i = 0; i < 300; ++i) labels += "l" + std::to_string(i) + "=\"v\",";
  const auto server =
      serve([&](const HttpRequestView&) { return page("a{" + labels + "} 1\nlast 5"); });
  const Scraped scraped = scrape("url: 'http://" + server->address() + "/'");
  REQUIRE(scraped.result.error.has_value());
  CHECK(scraped.result.error->code == base::ErrorCode::LabelLimit);
  CHECK(scraped.result.counts.read == 1);
  CHECK(scraped.lines.find("\"last.value\" 5") == 0);
}

TEST_CASE("a localhost with two families of addresses is one server") {
  const config::Config config = support::config_of(
      "sinks: [{type: stdout}]\nsources: {prometheus_sources: [{url: 'http://localhost:9/'},"
      " {url: 'http://127.0.0.1:9/'}, {url: 'http://127.0.0.1:9/', addresses: one}]}\n");
  // None where the machine does not know the name at all.
  CHECK(relay::resolve_targets(config.sources[0]).size() <= 1);
  CHECK(relay::resolve_targets(config.sources[1]) == std::vector<std::string>{"127.0.0.1"});
  CHECK(relay::resolve_targets(config.sources[2]).empty());
}
