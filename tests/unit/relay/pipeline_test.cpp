#include "relay/pipeline.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "relay/base/gzip.h"
#include "relay/curl_client.h"
#include "relay/http_server.h"
#include "relay/receive/receiver.h"
#include "tests/support/configs.h"
#include "tests/support/fakes.h"

using namespace fedwave;
using relay::HttpReply;
using relay::HttpRequestView;
using relay::HttpServer;
using relay::PipelineFigures;
using support::kPatienceMs;
using support::wait_until;

namespace {

std::unique_ptr<HttpServer> serve(relay::HttpHandler handler) {
  auto server = HttpServer::start({}, std::move(handler));
  REQUIRE(server.has_value());
  return std::move(*server);
}

void check_sums(const PipelineFigures& figures) {
  for (std::size_t i = 0; i < figures.sinks.size(); ++i) {
    std::uint64_t spooled = 0;
    for (const auto& source : figures.sources) {
      const relay::SinkCounts& sink = source.counts.by_sink[i];
      CHECK(source.counts.read == sink.filtered() + sink.repeated + sink.rejected() +
                                      sink.converted + sink.written + sink.before);
      spooled += sink.written + sink.distributions;
    }
    const sinks::SpoolFigures& spool = figures.sinks[i].spool;
    CHECK(spool.points_spooled == spooled);
    CHECK(spool.points_recovered + spool.points_spooled ==
          spool.points_delivered + spool.points_quarantined + spool.points_expired() +
              spool.points_waiting);
  }
}

std::shared_ptr<config::Config> config_of(const std::string& yaml) {
  return std::make_shared<config::Config>(support::patient(support::config_of(yaml)));
}

std::string address_of(const HttpServer& server) {
  return "http://" + server.address();
}

}  // namespace

TEST_CASE(
    "the sums agree under faults: a sink away, malformed lines, cut pages, repeated samples") {
  std::atomic<int> scrapes = 0;
  const std::int64_t begun_ms = base::system_clock().wall_ms() - 3'600'000;
  const auto pages = serve([&](const HttpRequestView&) {
    const int n = scrapes++;
    HttpReply reply;
    // Points have seconds, so each scrape's samples get a second of their own.
    const auto at = [&](int second) {
      return " " + std::to_string(begun_ms + second * 1000) + "\n";
    };
    std::string page = "broken{ 1\ngone 5\nnan NaN\nrepeated 1" + at(0);
    for (int i = 0; i < 500; ++i)
      page += "filler{i=\"" + std::to_string(i) + "\"} " + std::to_string(n) + at(n);
    if (n % 3 == 1) {  // a gzip stream without its end: the page is cut
      page = base::GzipDeflater().deflate(page);
      page.resize(page.size() - 20);
      reply.headers.emplace_back("Content-Encoding", "gzip");
    }
    if (n % 3 == 2) reply.status = 500;
    reply.body = page;
    return reply;
  });
  std::atomic<int> deliveries = 0;
  receive::ReceiverOptions options;
  options.intercept = [&](const HttpRequestView&, const std::function<HttpReply()>& proceed) {
    HttpReply fault;
    switch (deliveries++ % 4) {
      case 0:
        fault.status = 503;
        return fault;
      case 1:
        fault.close_without_answer = true;
        return fault;
      default:
        return proceed();
    }
  };
  auto receiver = receive::Receiver::start(options);
  REQUIRE(receiver.has_value());
  const auto config = config_of("sinks:\n- proxyAddress: " + (*receiver)->address() +
                                "\n- {proxyAddress: 'http://127.0.0.1:1/report', name: nobody}\n"
                                "sources: {prometheus_sources: [{url: '" +
                                address_of(*pages) +
                                "/m', collection: {interval: 40ms},"
                                " filters: {metricDenyList: ['gone.*']}}]}\n");
  config->sinks[1].spool.memory_bytes = 2'000;
  relay::Pipeline pipeline(config, base::system_clock(), relay::make_curl_client);
  pipeline.start();
  wait_until([&] {
    const auto figures = pipeline.figures();
    return figures.sources[0].scrapes >= 9 && figures.sinks[0].spool.points_delivered > 1000 &&
           figures.sinks[1].spool.points_expired_full > 0;
  });
  pipeline.stop_scraping(kPatienceMs);
  wait_until([&] { return pipeline.figures().sinks[0].spool.points_waiting == 0; });
  pipeline.stop(0);
  const PipelineFigures figures = pipeline.figures();
  check_sums(figures);
  const relay::SourceFigures& source = figures.sources[0];
  CHECK(source.failures >= 6);
  CHECK(source.counts.malformed_total() >= 3);
  CHECK(source.counts.by_sink[0].filtered() > 0);
  CHECK(source.counts.by_sink[0].repeated > 0);
  CHECK(source.counts.by_sink[0].not_a_number > 0);
  CHECK(figures.sinks[1].spool.points_delivered == 0);
  CHECK(figures.sinks[1].spool.points_expired() == figures.sinks[1].spool.points_spooled);
  (*receiver)->stop();
  const receive::ReceiverStats received = (*receiver)->stats();
  CHECK(received.points - received.duplicates == figures.sinks[0].spool.points_delivered);
  CHECK(received.rejected_lines() == 0);
  CHECK(received.conflicts == 0);
}

TEST_CASE("a hanging source and a hanging sink keep nobody else waiting") {
  std::atomic<bool> release = false;
  const auto hanging = serve([&](const HttpRequestView&) {
    while (!release) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return HttpReply{};
  });
  const auto good = serve([](const HttpRequestView&) {
    HttpReply reply;
    reply.body = "a 1\n";
    return reply;
  });
  auto receiver = receive::Receiver::start({});
  REQUIRE(receiver.has_value());
  // Also when the test fails: the server waits for its answers.
  const std::shared_ptr<void> at_end(nullptr, [&](void*) { release = true; });
  std::string sources;
  for (int i = 0; i < 8; ++i)
    sources += "{name: h" + std::to_string(i) + ", url: '" + address_of(*hanging) +
               "', collection: {interval: 1h, timeout: 1h}},";
  const auto config =
      config_of("sinks:\n- {proxyAddress: '" + address_of(*hanging) +
                "/report', name: stuck}\n- {proxyAddress: '" + (*receiver)->address() +
                "', name: good}\nsources: {prometheus_sources: [" + sources +
                "{name: good, url: '" + address_of(*good) + "', collection: {interval: 30ms}}]}\n");
  relay::Pipeline pipeline(config, base::system_clock(), relay::make_curl_client);
  pipeline.start();
  wait_until([&] { return pipeline.figures().sinks[1].spool.points_delivered >= 10; });
  CHECK(pipeline.figures().sinks[0].spool.points_delivered == 0);
  CHECK(pipeline.figures().sources[0].scrapes == 0);
  const auto begun = std::chrono::steady_clock::now();
  pipeline.stop(200);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(kPatienceMs));
  check_sums(pipeline.figures());
}

TEST_CASE("stop delivers what the last scrape has read") {
  const auto pages = serve([](const HttpRequestView&) {
    HttpReply reply;
    for (int i = 0; i < 2000; ++i) reply.body += "m{i=\"" + std::to_string(i) + "\"} 1\n";
    return reply;
  });
  auto receiver = receive::Receiver::start({});
  REQUIRE(receiver.has_value());
  const std::string port = std::to_string((*receiver)->port());
  for (const std::string& sink :
       {"proxyAddress: 127.0.0.1:" + port, "proxyAddress: 127.0.0.1:" + port + ", protocol: tcp"}) {
    CAPTURE(sink);
    const std::uint64_t before = (*receiver)->stats().points;
    const auto config =
        config_of("sinks: [{" + sink + "}]\nsources: {prometheus_sources: [{url: '" +
                  address_of(*pages) + "', collection: {interval: 1h}}]}\n");
    relay::Pipeline pipeline(config, base::system_clock(), relay::make_curl_client);
    pipeline.start();
    wait_until([&] { return pipeline.figures().sources[0].scrapes == 1; });
    pipeline.stop(kPatienceMs);
    CHECK(pipeline.figures().sinks[0].spool.points_delivered == 2000);
    wait_until([&] { return (*receiver)->stats().points - before == 2000; });
    CHECK((*receiver)->stats().rejected_lines() == 0);
  }
}

TEST_CASE("nothing is scraped before the start, and a pipeline that never starts can be stopped") {
  std::atomic<int> asked = 0;
  const auto pages = serve([&](const HttpRequestView&) {
    ++asked;
    return HttpReply{};
  });
  const auto config =
      config_of("sinks: [{proxyAddress: '127.0.0.1:1'}]\nsources: {prometheus_sources: [{url: '" +
                address_of(*pages) + "', collection: {interval: 10ms}}]}\n");
  relay::Pipeline pipeline(config, base::system_clock(), relay::make_curl_client);
  CHECK(pipeline.survey(config->sources[0].name) == nullptr);
  pipeline.stop(0);
  CHECK(asked == 0);
  CHECK(pipeline.figures().sources[0].scrapes == 0);
}

TEST_CASE("a source of which nothing gets through is told of once, and when it does again") {
  support::CollectedLog log;
  std::atomic<bool> is_wanted = false;
  const auto pages = serve([&](const HttpRequestView&) {
    HttpReply reply;
    reply.body = is_wanted ? "wanted 1\n" : "other 1\nnan_too NaN\n";
    return reply;
  });
  const auto config = config_of(
      "sinks: [{name: out, proxyAddress: '127.0.0.1:1'}]\nsources: {prometheus_sources: [{name: s, "
      "url: '" +
      address_of(*pages) +
      "', collection: {interval: 20ms}, filters: {metricAllowList: ['wanted.*']}}]}\n");
  relay::Pipeline pipeline(config, base::system_clock(), relay::make_curl_client);
  pipeline.start();
  wait_until([&] { return pipeline.figures().sources[0].scrapes >= 3; });
  is_wanted = true;
  wait_until([&] { return pipeline.figures().sources[0].counts.by_sink[0].written > 1; });
  pipeline.stop(0);
  std::string text;
  for (const std::string& line : log.lines()) text += line + "\n";
  CHECK(text.find("none of the samples gets to the sink") != std::string::npos);
  CHECK(text.find("none of the samples gets to the sink") ==
        text.rfind("none of the samples gets to the sink"));
  CHECK(text.find("source_not_in_allow_list") != std::string::npos);
  CHECK(text.find("samples get to the sink again") != std::string::npos);
}

TEST_CASE("surveys are made while scrapes go on, of the relay's own points too") {
  const auto pages = serve([](const HttpRequestView&) {
    HttpReply reply;
    reply.body = "a{i=\"1\"} 1\na{i=\"2\"} 1\nb 1\n";
    return reply;
  });
  const auto config = config_of(
      "sinks: [{proxyAddress: '127.0.0.1:1'}]\nsources: {internal_stats_source: {collection: "
      "{interval: 50ms}}, prometheus_sources: [{url: '" +
      address_of(*pages) +
      "', collection: {interval: 10ms}}, {name: away, url: 'http://127.0.0.1:1/', collection: "
      "{interval: 10ms}}]}\n");
  relay::Pipeline pipeline(config, base::system_clock(), relay::make_curl_client);
  CHECK(pipeline.survey("no such source") == nullptr);
  const std::string pages_name = config->sources[0].name;
  const std::string own_name = config->internal_stats->name;
  pipeline.start();
  wait_until([&] { return pipeline.figures().sources[1].failures > 0; });
  CHECK(pipeline.survey("away") == nullptr);  // it has never answered
  for (const std::string& source : {pages_name, own_name}) {
    wait_until([&] { return pipeline.survey(source) != nullptr; });
  }
  CHECK(pipeline.survey(pages_name)->series == 3);
  CHECK(pipeline.survey(pages_name)->metrics.size() == 2);
  CHECK(pipeline.survey(own_name)->series > 5);
  // However many ask, the figures go on.
  std::vector<std::thread> many;
  for (int i = 0; i < 4; ++i) {
    many.emplace_back([&] {
      for (int k = 0; k < 200; ++k) (void)pipeline.survey(pages_name);
    });
  }
  for (std::thread& each : many) each.join();
  const std::uint64_t scrapes = pipeline.figures().sources[0].scrapes;
  wait_until([&] { return pipeline.figures().sources[0].scrapes > scrapes + 3; });
  pipeline.stop(0);
  CHECK(pipeline.survey(pages_name)->series == 3);
}
