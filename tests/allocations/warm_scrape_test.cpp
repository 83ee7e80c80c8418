// What a scrape takes from the allocator: nothing for a sample of a known series, and for a new one
// no second copy of labels that another series has brought along.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "relay/transform.h"
#include "tests/allocations/counted_allocations.h"
#include "tests/support/configs.h"
#include "tests/support/fakes.h"
#include "tests/support/lending_output.h"

using namespace fedwave;
using relay::ScrapeCounts;
using relay::Transform;
using support::allocated_bytes;
using support::allocations;

namespace {

constexpr std::int64_t kStartMs = 1'767'225'600'000;
constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::size_t kPieceBytes = 16 * 1024;  // as a network brings it

// Two sinks, whose outputs take the blocks' memory back.
struct Relay {
  explicit Relay(bool gzip, const std::string& source_yaml = "")
      : config(support::config_of(
            "clusterName: c\n"
            "sinks: [{type: stdout, name: one, prefix: mesh, tags: {team: a}},\n"
            "        {type: stdout, name: two, filters: {metricDenyList: ['*seven*']}}]\n"
            "sources: {prometheus_sources: [{url: 'http://x/metrics', source: s" +
            source_yaml + "}]}\n")),
        stages(config.sources[0], config, "") {
    for (support::LendingOutput& output : outputs) {
      writers.push_back(std::make_unique<sinks::BlockWriter>(output, gzip, 10'000, clock));
      pointers.push_back(writers.back().get());
    }
  }

  ScrapeCounts scrape(Transform& transform, std::string_view page, std::int64_t start_ms) {
    transform.begin(start_ms, pointers);
    for (; !page.empty(); page.remove_prefix(std::min(kPieceBytes, page.size()))) {
      REQUIRE(transform.feed(page.substr(0, kPieceBytes)));
    }
    return transform.finish(true);
  }

  support::FakeClock clock;
  config::Config config;
  relay::SeriesStages stages;
  support::LendingOutput outputs[2];
  std::vector<std::unique_ptr<sinks::BlockWriter>> writers;
  std::vector<sinks::BlockWriter*> pointers;
};

const std::string kMetrics[] = {"istio_requests_total",
                                "istio_request_bytes_sum",
                                "istio_request_bytes_count",
                                "istio_response_bytes_sum",
                                "seven_days",
                                "istio_tcp_sent_bytes_total",
                                "process_cpu_seconds_total",
                                "go_gc_duration_seconds",
                                "envoy_cluster_upstream_cx_total",
                                "pilot_xds_pushes"};

// As a pod's own page has them.
std::string raw_labels(std::size_t pod) {
  const std::string number = std::to_string(pod);
  return "{app=\"reviews\",destination_canonical_revision=\"v2\","
         "destination_service=\"reviews.bookinfo.svc.cluster.local\","
         "destination_workload_namespace=\"bookinfo\",instance=\"10.1.2.3:15020\","
         "kubernetes_namespace=\"bookinfo\",kubernetes_pod_name=\"reviews-v2-7d79d5bd5d-" +
         number +
         "\",note=\"says \\\"hello\\\"\",pod_template_hash=\"7d79d5bd5d\",response_code=\"" +
         number + "\",security_istio_io_tlsMode=\"istio\",version=\"v2\"}";
}

// Another one in every scrape, of every kind there is.
std::string value_of(std::size_t series, std::size_t scrape) {
  const std::string n = std::to_string(series + scrape * 17);
  switch (series % 13) {
    case 0:
      return n + ".25";
    case 1:
      return "1." + n + "e+06";
    case 2:
      return "2." + n + "e-07";
    case 3:
      return n + ".50";  // a zero too much: rendered from its number
    case 4:
      return "+" + n;
    case 5:
      return "1" + n + "e22";
    case 6:
      return "0.1234567890123456789" + n;
    case 7:
      return "-" + n + "E-3";
    case 8:
      return n + "123456789012345678901234567890";
    case 9:
      return "NaN";
    case 10:
      return "+Inf";
    default:
      return n;
  }
}

std::string mesh_page(std::size_t pods, std::size_t scrape) {
  std::string page;
  for (std::size_t m = 0; m < std::size(kMetrics); ++m) {
    page += "# TYPE " + kMetrics[m] + (m == 7 ? " gauge\n" : m == 2 ? " counter\n" : " untyped\n");
    for (std::size_t pod = 0; pod < pods; ++pod) {
      const std::size_t series = pod * std::size(kMetrics) + m;
      page += kMetrics[m] + raw_labels(pod) + ' ' + value_of(series, scrape);
      const std::int64_t time_ms =
          kStartMs + static_cast<std::int64_t>(scrape) * kMinuteMs - static_cast<std::int64_t>(pod);
      page += series % 7 == 0 ? "\n" : ' ' + std::to_string(time_ms) + '\n';
    }
  }
  return page;
}

// Of the fourth scrape of a page with so many pods, values and timestamps changed each time.
std::uint64_t warm_allocations(std::size_t pods, bool gzip) {
  Relay relay(gzip);
  Transform transform(relay.config.sources[0], relay.stages);
  for (std::size_t scrape = 0; scrape < 3; ++scrape) {
    relay.scrape(transform, mesh_page(pods, scrape),
                 kStartMs + static_cast<std::int64_t>(scrape) * kMinuteMs);
  }
  const std::string page = mesh_page(pods, 3);
  const std::size_t blocks_before = relay.outputs[0].blocks;
  const std::uint64_t before = allocations();
  const ScrapeCounts counts = relay.scrape(transform, page, kStartMs + 3 * kMinuteMs);
  const std::uint64_t taken = allocations() - before;
  CHECK(counts.read == pods * std::size(kMetrics));
  CHECK(counts.new_series == 0);
  CHECK(counts.malformed_total() == 0);
  CHECK(counts.by_sink[0].repeated == 0);
  CHECK(counts.by_sink[0].written > counts.read / 2);
  CHECK(counts.by_sink[1].filtered() == pods);
  CHECK(relay.outputs[0].blocks > blocks_before);
  return taken;
}

}  // namespace

TEST_CASE("a warm scrape allocates nothing for a sample") {
  for (const bool gzip : {false, true}) {
    CAPTURE(gzip);
    const std::uint64_t few = warm_allocations(200, gzip);
    const std::uint64_t many = warm_allocations(400, gzip);
    CAPTURE(few);
    CAPTURE(many);
    constexpr std::uint64_t kPerScrape = 60;
    constexpr std::uint64_t kForMoreBlocks = 12;  // a mebibyte more for each of the sinks
    CHECK(few <= kPerScrape);
    CHECK(many <= few + kForMoreBlocks);
  }
}

namespace {

// What a transform that has scraped the pages, a minute apart, has in use.
std::int64_t bytes_kept(Relay& relay, const std::vector<std::string>& pages) {
  const std::int64_t before = allocated_bytes();
  Transform transform(relay.config.sources[0], relay.stages);
  std::int64_t start_ms = kStartMs;
  for (const std::string& page : pages) relay.scrape(transform, page, start_ms += kMinuteMs);
  return allocated_bytes() - before;
}

// Metrics of `pods` pods each, all with the same label blocks or each with its own.
std::string metrics_page(const std::string& name, std::size_t metrics, std::size_t pods,
                         bool has_same_labels) {
  std::string page;
  for (std::size_t m = 0; m < metrics; ++m) {
    for (std::size_t pod = 0; pod < pods; ++pod) {
      page +=
          name + std::to_string(m) + raw_labels(has_same_labels ? pod : m * pods + pod) + " 1\n";
    }
  }
  return page;
}

}  // namespace

TEST_CASE("metrics with the same labels keep these once, and go on doing so after others went") {
  Relay relay(false, ", filters: {metricDenyList: ['gone*']}");
  const std::string shared = metrics_page("m", 20, 1'000, true);
  const std::string own = metrics_page("m", 20, 1'000, false);
  bytes_kept(relay, {own});  // the writers have what they need from here on
  const std::int64_t shared_bytes = bytes_kept(relay, {shared});
  const std::int64_t own_bytes = bytes_kept(relay, {own});
  CAPTURE(shared_bytes);
  CAPTURE(own_bytes);
  CHECK(shared_bytes * 4 < own_bytes);
  std::vector<std::string> pages(12, metrics_page("m", 20, 700, true));
  pages.insert(pages.begin(), shared);
  CHECK(bytes_kept(relay, pages) * 4 < own_bytes);
}

TEST_CASE("series that their name drops keep no labels") {
  Relay relay(false, ", filters: {metricDenyList: ['gone*']}");
  const std::string own = metrics_page("m", 20, 1'000, false);
  const std::int64_t own_bytes = bytes_kept(relay, {own});
  const std::int64_t gone_bytes = bytes_kept(relay, {metrics_page("gone", 20, 1'000, false)});
  CAPTURE(gone_bytes);
  CHECK(gone_bytes * 4 < own_bytes);
}
