// A configuration that is put in force while a pipeline runs, and a lease that comes and goes.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "relay/curl_client.h"
#include "relay/http_server.h"
#include "relay/pipeline.h"
#include "relay/receive/receiver.h"
#include "tests/support/configs.h"
#include "tests/support/fakes.h"

using namespace fedwave;
using relay::HttpReply;
using relay::HttpRequestView;
using relay::HttpServer;
using relay::Pipeline;
using support::kPatienceMs;
using support::wait_until;

namespace {

// Pages with one tick each, a second further on each time, and a sample that repeats.
struct Pages {
  std::atomic<int> count = 0;
  const std::int64_t begun_ms = base::system_clock().wall_ms() - 7'200'000;
  std::unique_ptr<HttpServer> server;

  Pages() {
    auto started = HttpServer::start({}, [this](const HttpRequestView&) {
      const int n = ++count;
      HttpReply reply;
      reply.body = "tick " + std::to_string(n) + " " + std::to_string(begun_ms + n * 1000) +
                   "\nrepeated 1 " + std::to_string(begun_ms) + "\n";
      return reply;
    });
    REQUIRE(started.has_value());
    server = std::move(*started);
  }
  [[nodiscard]] std::string url() const { return "http://" + server->address() + "/metrics"; }
};

std::shared_ptr<const config::Config> config_of(const std::string& sinks,
                                                const std::string& sources) {
  return std::make_shared<const config::Config>(support::patient(support::config_of(
      "sinks: [" + sinks + "]\nsources: {prometheus_sources: [" + sources + "]}\n")));
}

std::string source_of(const Pages& pages, const std::string& more = "") {
  return "{name: s, url: '" + pages.url() + "', collection: {interval: 50ms}" + more + "}";
}

std::unique_ptr<receive::Receiver> receive_all() {
  auto receiver = receive::Receiver::start({});
  REQUIRE(receiver.has_value());
  return std::move(*receiver);
}

std::string sink_of(const receive::Receiver& receiver, const std::string& name) {
  return "{name: " + name + ", proxyAddress: '" + receiver.address() + "'}";
}

// Counts the scrapes that begin: a server may come to one that was cut short when it is long over.
std::atomic<int> scrapes_begun = 0;

class CountingClient final : public base::HttpClient {
 public:
  base::Expected<base::HttpHead> perform(const base::HttpRequest& request,
                                         base::HttpReceiver& receiver) override {
    if (request.method == base::HttpMethod::Get) ++scrapes_begun;
    return real_->perform(request, receiver);
  }

 private:
  const std::unique_ptr<base::HttpClient> real_ = relay::make_curl_client();
};

std::unique_ptr<base::HttpClient> counting_client() {
  return std::make_unique<CountingClient>();
}

class SwitchedLeadership final : public relay::Leadership {
 public:
  [[nodiscard]] bool is_leading() const override { return leading_; }
  void on_change(std::function<void(bool)> listener) override { listener_ = std::move(listener); }
  void set(bool leading) {
    if (leading) leading_ = true;
    listener_(leading);
    leading_ = leading;
  }

 private:
  std::atomic<bool> leading_ = false;
  std::function<void(bool)> listener_;
};

}  // namespace

TEST_CASE("edits in a row lose no sample, send none twice, and keep the counts") {
  const Pages pages;
  const auto receiver = receive_all();
  Pipeline pipeline(config_of(sink_of(*receiver, "out"), source_of(pages)), base::system_clock(),
                    relay::make_curl_client);
  pipeline.start();
  for (int edit = 0; edit < 30; ++edit) {
    if (edit % 3 != 0) {
      const int before = pages.count;
      wait_until([&] { return pages.count > before; });
    }
    const auto change = pipeline.apply(
        config_of(sink_of(*receiver, "out"),
                  source_of(pages, ", tags: {edit: '" + std::to_string(edit) + "'}")));
    CHECK(change.sources.changed.size() == 1);
  }
  pipeline.stop(kPatienceMs);
  const auto figures = pipeline.figures();
  const auto& source = figures.sources[0];
  const auto ticks = static_cast<std::uint64_t>(pages.count);
  CHECK(source.scrapes == ticks);
  CHECK(source.failures == 0);
  CHECK(source.counts.read == 2 * ticks);
  CHECK(source.counts.by_sink[0].written == ticks + 1);
  CHECK(source.counts.by_sink[0].repeated == ticks - 1);
  CHECK(figures.sinks[0].spool.points_delivered == ticks + 1);
  receiver->stop();
  CHECK(receiver->stats().points == ticks + 1);
  CHECK(receiver->stats().duplicates == 0);
}

TEST_CASE("sinks come, change their address and go; each point reaches those that were there") {
  const Pages pages;
  const auto first = receive_all();
  const auto second = receive_all();
  const auto moved = receive_all();
  Pipeline pipeline(config_of(sink_of(*first, "a"), source_of(pages)), base::system_clock(),
                    relay::make_curl_client);
  pipeline.start();
  wait_until([&] { return pipeline.figures().sources[0].scrapes >= 3; });
  (void)pipeline.apply(
      config_of(sink_of(*first, "a") + ", " + sink_of(*second, "b"), source_of(pages)));
  wait_until([&] { return pipeline.figures().sinks[1].spool.points_delivered >= 3; });
  (void)pipeline.apply(
      config_of(sink_of(*moved, "a") + ", " + sink_of(*second, "b"), source_of(pages)));
  wait_until([&] { return moved->stats().points >= 3; });
  (void)pipeline.apply(config_of(sink_of(*second, "b"), source_of(pages)));
  wait_until([&] { return pipeline.figures().leaving.empty(); });
  pipeline.stop(kPatienceMs);
  const auto figures = pipeline.figures();
  REQUIRE(figures.sinks.size() == 1);
  const relay::SinkCounts& counts = figures.sources[0].counts.by_sink[0];
  CHECK(counts.before > 0);
  CHECK(figures.sources[0].counts.read == counts.before + counts.repeated + counts.written);
  CHECK(figures.sinks[0].spool.points_delivered == counts.written);
  for (const auto* receiver : {&first, &second, &moved}) {
    (*receiver)->stop();
    CHECK((*receiver)->stats().duplicates == 0);
  }
  CHECK(first->stats().points + moved->stats().points > 6);
}

TEST_CASE(
    "another page under the same name begins anew: what is known of a series is of its page") {
  const auto page_of = [](const std::string& count) {
    auto server = HttpServer::start({}, [count](const HttpRequestView&) {
      HttpReply reply;
      reply.body = "# TYPE h histogram\nh_bucket{le=\"1\"} " + count + "\nh_bucket{le=\"+Inf\"} " +
                   count + "\nh_sum 1\nh_count " + count + "\n";
      return reply;
    });
    REQUIRE(server.has_value());
    return std::move(*server);
  };
  const auto small = page_of("10");
  const auto large = page_of("5000000");
  const auto receiver = receive_all();
  const auto config_for = [&](const HttpServer& server) {
    return config_of(sink_of(*receiver, "out"),
                     "{name: s, url: 'http://" + server.address() +
                         "/', convertHistograms: true, collection: {interval: 10m}}");
  };
  Pipeline pipeline(config_for(*small), base::system_clock(), relay::make_curl_client);
  pipeline.start();
  wait_until([&] { return pipeline.figures().sources[0].scrapes == 1; });
  (void)pipeline.apply(config_for(*large));
  wait_until([&] { return pipeline.figures().sources[0].scrapes == 2; });
  CHECK(pipeline.figures().sources[0].counts.by_sink[0].distributions == 0);
  CHECK(pipeline.figures().sources[0].counts.by_sink[0].converted > 0);
  pipeline.stop(0);
}

TEST_CASE("edits leave nothing behind, also on a standby and with own points") {
  for (const bool leads : {true, false}) {
    CAPTURE(leads);
    const Pages pages;
    const auto receiver = receive_all();
    SwitchedLeadership leadership;
    const auto edit = [&](int number) {
      return std::make_shared<const config::Config>(support::patient(support::config_of(
          "sinks: [" + sink_of(*receiver, "out") +
          (number % 2 == 1 ? ", {name: gone, proxyAddress: '127.0.0.1:1'}" : "") +
          "]\nsources: {internal_stats_source: {collection: {interval: 10m}}, prometheus_sources: "
          "[{name: s, url: '" +
          pages.url() + "', collection: {interval: 10m}, tags: {n: '" + std::to_string(number) +
          "'}}]}\n")));
    };
    Pipeline pipeline(edit(0), base::system_clock(), relay::make_curl_client,
                      {.leadership = &leadership});
    pipeline.start();
    if (leads) leadership.set(true);
    for (int number = 1; number < 20; ++number) (void)pipeline.apply(edit(number));
    (void)pipeline.apply(edit(20));
    if (leads) {
      // What was read for the sink that is gone waits for its receiver, which is not there.
      wait_until([&] {
        const auto leaving = pipeline.figures().leaving;
        return std::all_of(leaving.begin(), leaving.end(), [](const relay::SinkFigures& sink) {
          return sink.spool.points_waiting > 0;
        });
      });
    } else {
      wait_until([&] { return pipeline.figures().leaving.empty(); });
    }
    pipeline.stop(0);
  }
}

TEST_CASE("a hanging scrape is cut short for an edit that takes its place") {
  std::atomic<bool> is_asked = false;
  std::atomic<bool> release = false;
  auto hanging = HttpServer::start({}, [&](const HttpRequestView&) {
    is_asked = true;
    while (!release) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return HttpReply{};
  });
  REQUIRE(hanging.has_value());
  // Also when the test fails: the server waits for its answers.
  const std::shared_ptr<void> at_end(nullptr, [&](void*) { release = true; });
  const Pages pages;
  const auto receiver = receive_all();
  Pipeline pipeline(
      config_of(sink_of(*receiver, "out"), "{name: s, url: 'http://" + (*hanging)->address() +
                                               "/', collection: {interval: 10m, timeout: 10m}}"),
      base::system_clock(), relay::make_curl_client);
  pipeline.start();
  wait_until([&] { return is_asked.load(); });
  (void)pipeline.apply(config_of(sink_of(*receiver, "out"), source_of(pages)));
  wait_until([&] { return receiver->stats().points > 0; });
  CHECK(pipeline.figures().sources[0].failures == 0);
  pipeline.stop(0);
}

TEST_CASE("only who leads scrapes, at once when it becomes leader, and delivers after it too") {
  const Pages pages;
  const auto receiver = receive_all();
  SwitchedLeadership leadership;
  Pipeline pipeline(config_of(sink_of(*receiver, "out"), source_of(pages)), base::system_clock(),
                    counting_client, {.leadership = &leadership});
  pipeline.start();
  for (int term = 0; term < 20; ++term) {
    const int before = pages.count;
    leadership.set(true);
    wait_until([&] { return pages.count > before; });
    leadership.set(false);
    const int at_end = scrapes_begun;
    std::this_thread::sleep_for(std::chrono::milliseconds(term == 0 ? 200 : 0));
    CHECK(scrapes_begun == at_end);
  }
  wait_until([&] { return pipeline.figures().sinks[0].spool.points_waiting == 0; });
  pipeline.stop(kPatienceMs);
  receiver->stop();
  CHECK(receiver->stats().duplicates == 0);
  CHECK(receiver->stats().points == pipeline.figures().sources[0].counts.by_sink[0].written);
}

TEST_CASE("a certificate that is waited for is tried again soon, not at the next interval") {
  const auto receiver = receive_all();
  Pipeline pipeline(
      config_of(sink_of(*receiver, "out"),
                "{name: s, url: 'https://127.0.0.1:1/', collection: {interval: 1h}, httpConfig: "
                "{tls_config: {cert_file: /no/such/cert.pem, key_file: /no/such/key.pem}}}"),
      base::system_clock(), relay::make_curl_client);
  pipeline.start();
  wait_until([&] { return pipeline.figures().sources[0].failures >= 2; });
  CHECK(pipeline.figures().sources[0].failures_by_code.contains("not_ready"));
  pipeline.stop(0);
}

TEST_CASE("shards share the sources, and what is not ours is not scraped") {
  const Pages pages;
  std::string sources;
  for (int i = 0; i < 30; ++i) {
    sources += (i == 0 ? "" : ", ") + std::string("{name: s") + std::to_string(i) + ", url: '" +
               pages.url() + "', collection: {interval: 1h}}";
  }
  const auto config = config_of("{name: out, proxyAddress: '127.0.0.1:1'}", sources);
  std::set<std::string> scraped;
  for (std::uint32_t ordinal = 0; ordinal < 3; ++ordinal) {
    Pipeline pipeline(config, base::system_clock(), relay::make_curl_client,
                      {.shard = {.ordinal = ordinal, .count = 3}});
    pipeline.start();
    const auto is_done = [&] {
      for (const auto& source : pipeline.figures().sources) {
        if (source.jobs[0].is_ours && source.scrapes < 1) return false;
      }
      return true;
    };
    wait_until(is_done);
    pipeline.stop(0);
    for (const auto& source : pipeline.figures().sources) {
      CHECK((source.scrapes > 0) == source.jobs[0].is_ours);
      CHECK((source.jobs[0].shard == ordinal) == source.jobs[0].is_ours);
      if (source.jobs[0].is_ours) CHECK(scraped.insert(source.name).second);
    }
  }
  CHECK(scraped.size() == 30);
}
