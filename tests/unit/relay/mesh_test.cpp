#include "relay/demo/mesh.h"

#include <doctest/doctest.h>

#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "relay/demo/traffic.h"

using fedwave::relay::append_number;
using fedwave::relay::Histogram;
using fedwave::relay::Mesh;
using fedwave::relay::Traffic;

namespace {

constexpr std::int64_t kStart = 1'767'225'600'000;
constexpr std::uint64_t kSeed = 7;

struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;  // decoded
  double value = 0;
  std::int64_t timestamp_ms = 0;  // 0: the line has none
};

struct PageRead {
  std::vector<std::string> families;  // in the order of the page, which is that of their names
  std::map<std::string, std::string> types;
  std::map<std::string, Sample> samples;  // by name{labels}
};

bool is_name(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  return text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == text.npos;
}

// As REQUIRE, but cheap where it holds: it is asked some hundred thousand times.
void must(bool condition, std::string_view line) {
  if (!condition) FAIL("malformed: ", std::string(line));
}

// Takes a quoted string from the front of `rest`, resolving its escapes.
std::string take_quoted(std::string_view& rest, std::string_view line) {
  std::string out;
  must(rest.starts_with('"'), line);
  std::size_t i = 1;
  for (; i < rest.size() && rest[i] != '"'; ++i) {
    if (rest[i] == '\\') {
      ++i;
      must(i < rest.size(), line);
      must(rest[i] == '\\' || rest[i] == '"', line);
    }
    out += rest[i];
  }
  must(i < rest.size(), line);
  rest.remove_prefix(i + 1);
  return out;
}

// The strict form only: name{label="value",…} value[ timestamp], as both pages are written.
Sample read_sample(std::string_view line) {
  Sample sample;
  std::string_view rest = line;
  const std::size_t brace = rest.find('{');
  must(brace != rest.npos, line);
  sample.name = rest.substr(0, brace);
  must(is_name(sample.name), line);
  while (!rest.starts_with('}')) {
    rest.remove_prefix(sample.labels.empty() ? brace + 1 : 1);
    const std::size_t equals = rest.find('=');
    must(equals != rest.npos, line);
    const std::string label(rest.substr(0, equals));
    must(is_name(label), line);
    rest.remove_prefix(equals + 1);
    must(sample.labels.emplace(label, take_quoted(rest, line)).second, line);
    must(rest.starts_with(',') || rest.starts_with('}'), line);
  }
  must(rest.starts_with("} "), line);
  rest.remove_prefix(2);
  auto end = std::from_chars(rest.data() + (rest[0] == '+' ? 1 : 0), rest.data() + rest.size(),
                             sample.value);
  must(end.ec == std::errc(), line);
  rest.remove_prefix(static_cast<std::size_t>(end.ptr - rest.data()));
  if (rest.empty()) return sample;
  must(rest.starts_with(' '), line);
  end = std::from_chars(rest.data() + 1, rest.data() + rest.size(), sample.timestamp_ms);
  must(end.ptr == rest.data() + rest.size(), line);
  return sample;
}

// Every series belongs to the TYPE line above it.
bool is_of_family(const std::string& name, const std::string& family, const std::string& type) {
  if (type != "histogram") return name == family;
  return name == family + "_bucket" || name == family + "_sum" || name == family + "_count";
}

PageRead read_page(const std::string& text) {
  PageRead page;
  std::string family;
  REQUIRE(text.ends_with('\n'));
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("# TYPE ")) {
      const std::size_t blank = line.find(' ', 7);
      family = line.substr(7, blank - 7);
      must(page.families.empty() || page.families.back() < family, line);
      page.families.push_back(family);
      page.types[family] = line.substr(blank + 1);
      continue;
    }
    const Sample sample = read_sample(line);
    must(is_of_family(sample.name, family, page.types[family]), line);
    must(page.samples.emplace(line.substr(0, line.rfind('}') + 1), sample).second, line);
  }
  return page;
}

std::set<std::string> names(const PageRead& page, const std::string& job) {
  std::set<std::string> found;
  for (const auto& [text, sample] : page.samples)
    if (job.empty() || sample.labels.at("job") == job) found.insert(sample.name);
  return found;
}

const std::vector<std::string> kMeshNames = {
    "istio_requests_total", "istio_tcp_sent_bytes_total", "istio_tcp_received_bytes_total",
    "istio_tcp_connections_opened_total", "istio_tcp_connections_closed_total"};
const std::vector<std::string> kHistograms = {"istio_request_duration_milliseconds",
                                              "istio_request_bytes", "istio_response_bytes"};
const std::vector<std::string> kHistogramParts = {"_bucket",      "_bucket_p50", "_bucket_p75",
                                                  "_bucket_p90",  "_bucket_p95", "_bucket_p99",
                                                  "_bucket_p999", "_count",      "_sum"};
const std::vector<std::string> kControlPlaneNames = {
    "pilot_services",
    "pilot_virt_services",
    "istio_build",
    "pilot_xds_pushes",
    "pilot_total_xds_rejects",
    "pilot_xds_cds_reject",
    "pilot_xds_eds_reject",
    "pilot_xds_lds_reject",
    "pilot_xds_rds_reject",
    "pilot_xds_write_timeout",
    "pilot_xds_push_context_errors",
    "pilot_conflict_inbound_listener",
    "pilot_total_xds_internal_errors",
    "pilot_conflict_outbound_listener_http_over_current_tcp",
    "pilot_conflict_outbound_listener_tcp_over_current_http",
    "pilot_conflict_outbound_listener_tcp_over_current_tcp",
    "pilot_proxy_convergence_time_bucket",
    "pilot_proxy_queue_time_bucket",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "galley_validation_http_error",
    "galley_validation_failed",
    "galley_validation_passed",
    "galley_validation_config_updates",
    "galley_validation_config_update_error",
    "galley_validation_config_load",
    "galley_validation_config_load_error",
    "galley_validation_config_delete_error",
    "citadel_server_csr_count",
    "citadel_server_success_cert_issuance_count",
    "citadel_server_csr_sign_error_count",
    "go_goroutines",
    "go_memstats_alloc_bytes",
    "go_memstats_heap_alloc_bytes",
    "go_memstats_heap_inuse_bytes",
    "go_memstats_heap_sys_bytes",
    "go_memstats_stack_inuse_bytes"};

}  // namespace

TEST_CASE("the same seed, start and time give the same pages, another seed gives others") {
  const Mesh mesh(kSeed, kStart);
  const Mesh twin(kSeed, kStart);
  const Mesh other(kSeed + 1, kStart);
  for (const std::int64_t now : {kStart, kStart + 61'234, kStart + 86'400'000}) {
    CAPTURE(now);
    CHECK(mesh.federate_page(now) == twin.federate_page(now));
    CHECK(mesh.metrics_page(now) == twin.metrics_page(now));
    CHECK(mesh.federate_page(now) != other.federate_page(now));
    CHECK(mesh.metrics_page(now) != other.metrics_page(now));
  }
}

TEST_CASE("looking in between changes nothing") {
  const Mesh mesh(kSeed, kStart);
  const Mesh twin(kSeed, kStart);
  for (std::int64_t i = 0; i < 5; ++i) CHECK_FALSE(mesh.metrics_page(kStart + i * 777).empty());
  CHECK(mesh.metrics_page(kStart + 9'000) == twin.metrics_page(kStart + 9'000));
}

TEST_CASE(
    "the federate page holds every name of the integration's table, under the job it has there") {
  const PageRead page = read_page(Mesh(kSeed, kStart).federate_page(kStart + 60'000));
  const std::set<std::string> aggregated = names(page, "federate");
  const std::set<std::string> pods = names(page, "kubernetes-pods");
  for (const std::string& name : kMeshNames) {
    CAPTURE(name);
    CHECK(aggregated.contains(name));
  }
  for (const std::string& histogram : kHistograms)
    for (const std::string& part : kHistogramParts) {
      CAPTURE(histogram + part);
      CHECK(aggregated.contains(histogram + part));
    }
  for (const std::string& name : kControlPlaneNames) {
    CAPTURE(name);
    CHECK(pods.contains(name));
  }
  for (const char* name :
       {"istio_mongo_received_bytes", "envoy_cluster_upstream_cx_total",
        "container_cpu_usage_seconds_total", "sidecar_injection_requests_total"}) {
    CAPTURE(name);
    CHECK(pods.contains(name));
  }
}

TEST_CASE(
    "the federate page is untyped, sorted by family, and every sample has its scrape's time") {
  const std::int64_t now = kStart + 100'000;
  const PageRead page = read_page(Mesh(kSeed, kStart).federate_page(now));
  CHECK(page.samples.size() > 500);
  CHECK(page.samples.size() <= 2000);
  for (const auto& [family, type] : page.types) CHECK(type == "untyped");
  std::set<std::int64_t> times;
  for (const auto& [text, sample] : page.samples) {
    CHECK(sample.timestamp_ms <= now);
    CHECK(sample.timestamp_ms > now - Mesh::kScrapeIntervalMs);
    times.insert(sample.timestamp_ms);
  }
  CHECK(times.size() > 4);  // targets are not scraped all at once
}

TEST_CASE("asked again before the next scrape of a target, the federate page repeats its samples") {
  const Mesh mesh(kSeed, kStart);
  const PageRead first = read_page(mesh.federate_page(kStart + 60'000));
  const PageRead soon = read_page(mesh.federate_page(kStart + 61'000));
  const PageRead next = read_page(mesh.federate_page(kStart + 75'000));
  std::size_t repeated = 0;
  for (const auto& [text, sample] : first.samples) {
    const Sample& again = soon.samples.at(text);
    if (again.timestamp_ms == sample.timestamp_ms) {
      ++repeated;
      CHECK((again.value == sample.value || (std::isnan(again.value) && std::isnan(sample.value))));
    } else {
      CHECK(again.timestamp_ms == sample.timestamp_ms + Mesh::kScrapeIntervalMs);
    }
    CHECK(next.samples.at(text).timestamp_ms == sample.timestamp_ms + Mesh::kScrapeIntervalMs);
  }
  CHECK(repeated > first.samples.size() / 2);
}

TEST_CASE("counters and histograms never fall, and traffic moves them") {
  const Mesh mesh(kSeed, kStart);
  PageRead before = read_page(mesh.metrics_page(kStart));
  std::set<std::string> moved;
  for (std::int64_t step = 1; step <= 15; ++step) {
    const PageRead after = read_page(mesh.metrics_page(kStart + step * 33'000));
    CHECK(after.types == before.types);
    for (const auto& entry : after.samples) {
      const std::string& text = entry.first;
      const Sample& sample = entry.second;
      const Sample& old = before.samples.at(text);
      if (old.value != sample.value) moved.insert(sample.name);
      const auto type = after.types.find(sample.name);
      if (type != after.types.end() && type->second == "gauge") continue;
      CAPTURE(text);
      CHECK(sample.value >= old.value);
    }
    before = after;
  }
  for (const std::string& name : kMeshNames) CHECK(moved.contains(name));
  for (const std::string& name : kHistograms) CHECK(moved.contains(name + "_bucket"));
  for (const char* name : {"go_goroutines", "process_cpu_seconds_total", "pilot_xds_pushes"})
    CHECK(moved.contains(name));
}

TEST_CASE("the buckets of an exposed histogram rise to +Inf, which is its count") {
  const PageRead page = read_page(Mesh(kSeed, kStart).metrics_page(kStart + 500'000));
  std::map<std::string, std::map<double, double>> buckets;  // of one histogram
  std::map<std::string, double> counts;
  const auto key = [](const Sample& sample, std::size_t suffix) {
    std::string text = sample.name.substr(0, sample.name.size() - suffix);
    for (const auto& [label, value] : sample.labels)
      if (label != "le") text += ' ' + label + '=' + value;
    return text;
  };
  for (const auto& [text, sample] : page.samples) {
    if (sample.name.ends_with("_bucket")) {
      const std::string& le = sample.labels.at("le");
      buckets[key(sample, 7)][le == "+Inf" ? INFINITY : std::stod(le)] = sample.value;
    } else if (sample.name.ends_with("_count") && !sample.name.starts_with("citadel")) {
      counts[key(sample, 6)] = sample.value;
    }
  }
  CHECK(buckets.size() > 50);
  REQUIRE(buckets.size() == counts.size());
  for (const auto& entry : buckets) {
    const std::string& series = entry.first;
    CAPTURE(series);
    double below = 0;
    for (const auto& [bound, value] : entry.second) {
      CHECK(value >= below);
      CHECK(value == std::floor(value));
      below = value;
    }
    CHECK(below > 0);
    CHECK(below == counts.at(series));
  }
}

TEST_CASE(
    "the metrics page is typed, without timestamps, with Istio's 25 labels and those of the pod") {
  const PageRead page = read_page(Mesh(kSeed, kStart).metrics_page(kStart));
  CHECK(page.types.at("istio_requests_total") == "counter");
  CHECK(page.types.at("istio_request_duration_milliseconds") == "histogram");
  CHECK(page.types.at("pilot_proxy_queue_time") == "histogram");
  CHECK(page.types.at("istio_mongo_received_bytes") == "counter");
  CHECK(page.types.at("pilot_services") == "gauge");
  CHECK(page.types.at("go_goroutines") == "gauge");
  for (const auto& [text, sample] : page.samples) {
    CHECK(sample.timestamp_ms == 0);
    CHECK_FALSE(sample.labels.at("kubernetes_pod_name").empty());
    CHECK_FALSE(sample.labels.contains("instance"));
    if (sample.name == "istio_requests_total") CHECK(sample.labels.size() == 25 + 3);
    if (sample.name == "istio_tcp_sent_bytes_total") CHECK(sample.labels.size() == 23 + 3);
  }
}

TEST_CASE("pods' own request counts carry destination_principal, aggregated ones do not") {
  const PageRead page = read_page(Mesh(kSeed, kStart).federate_page(kStart + 60'000));
  std::size_t raw = 0;
  for (const auto& entry : page.samples) {
    const Sample& sample = entry.second;
    if (!sample.name.starts_with("istio_request")) continue;
    const std::string& text = entry.first;
    CAPTURE(text);
    const bool from_pod = sample.labels.at("job") == "kubernetes-pods";
    raw += from_pod;
    CHECK(sample.labels.contains("destination_principal") == from_pod);
    CHECK(sample.labels.at("instance").empty() == !from_pod);
    // Prometheus shows no empty label but the instance that it adds itself.
    for (const auto& [label, value] : sample.labels)
      if (label != "instance") CHECK_FALSE(value.empty());
  }
  CHECK(raw > 0);
}

TEST_CASE("quotes and backslashes in label values are escaped") {
  const PageRead page = read_page(Mesh(kSeed, kStart).metrics_page(kStart));
  std::string error;
  for (const auto& [text, sample] : page.samples)
    if (sample.name == "pilot_xds_cds_reject") error = sample.labels.at("err");
  CHECK(error == R"(cluster "outbound|27017||mongodb": bad pattern \d+)");
}

TEST_CASE("some requests fail, and a quantile is NaN exactly while its bucket rates are zero") {
  const Mesh mesh(kSeed, kStart);
  std::set<std::string> codes;
  std::size_t idle = 0;
  std::size_t busy = 0;
  for (std::int64_t minute = 1; minute < 10; ++minute) {
    const PageRead page = read_page(mesh.federate_page(kStart + minute * 60'000));
    for (const auto& [text, sample] : page.samples) {
      if (sample.name != "istio_request_duration_milliseconds_bucket_p99") continue;
      codes.insert(sample.labels.at("response_code"));
      std::string bucket = text;
      bucket.replace(bucket.find("_p99"), 4, "");
      bucket.insert(bucket.find("reporter="), "le=\"+Inf\",");
      CAPTURE(bucket);
      const double rate = page.samples.at(bucket).value;
      CHECK(std::isnan(sample.value) == (rate == 0));
      (rate == 0 ? idle : busy) += 1;
    }
  }
  CHECK(codes == std::set<std::string>{"200", "404", "503"});
  CHECK(idle > 0);
  CHECK(busy > idle);
}

TEST_CASE("the total of a traffic is the integral of its rate") {
  const Traffic rows[] = {{.per_second = 12},
                          {.per_second = 5, .swing = 0.7, .period_s = 300, .phase = 2},
                          {.per_second = 3, .period_s = 60, .active_s = 20}};
  for (const Traffic& traffic : rows) {
    CAPTURE(traffic.per_second);
    constexpr double kStep = 0.01;
    double sum = 0;
    for (std::int64_t i = 0; i < 50'000; ++i) sum += traffic.rate((i + 0.5) * kStep) * kStep;
    CHECK(traffic.total(500) == doctest::Approx(sum).epsilon(0.001));
    CHECK(traffic.total(0) == doctest::Approx(0));
  }
}

TEST_CASE("a quantile interpolates within its bucket and stops at the last finite bound") {
  // A narrow spread around 7 between the bounds 5 and 10: all requests are in that bucket.
  static constexpr double kBounds[] = {5, 10};
  const Histogram narrow(kBounds, {{.per_second = 1}, {7, 0.01}}, {{.per_second = 0}, {7, 0.01}});
  CHECK(narrow.quantile(0.5, 1) == doctest::Approx(7.5));
  CHECK(narrow.quantile(0.9, 1) == doctest::Approx(9.5));
  const Histogram beyond(kBounds, {{.per_second = 1}, {99, 0.01}}, {{.per_second = 0}, {99, 0.01}});
  CHECK(beyond.quantile(0.5, 1) == 10);
  const Histogram none(kBounds, {{.per_second = 0}, {7, 1}}, {{.per_second = 0}, {7, 1}});
  CHECK(std::isnan(none.quantile(0.5, 1)));
}

TEST_CASE("numbers are printed as Prometheus prints them") {
  struct Row {
    double value;
    const char* text;
  };
  const Row rows[] = {{0, "0"},
                      {1, "1"},
                      {-2.5, "-2.5"},
                      {0.1, "0.1"},
                      {999999, "999999"},
                      {1e6, "1e+06"},
                      {1086700, "1.0867e+06"},
                      {0.0001, "0.0001"},
                      {0.00001, "1e-05"},
                      {123456789.25, "1.2345678925e+08"},
                      {NAN, "NaN"},
                      {INFINITY, "+Inf"},
                      {-INFINITY, "-Inf"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    std::string text;
    append_number(text, row.value);
    CHECK(text == row.text);
  }
}
