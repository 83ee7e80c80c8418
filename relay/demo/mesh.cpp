#include "relay/demo/mesh.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <functional>
#include <map>
#include <numbers>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include "relay/demo/traffic.h"

namespace fedwave::relay {

namespace {

constexpr double kHistoryS = 3600;

// A value of a series, given the seconds since the pods started.
using Value = std::function<double(double)>;
using Labels = std::vector<std::pair<std::string, std::string>>;

constexpr std::array kIstioBounds = {0.5,   1.0,   5.0,    10.0,   25.0,   50.0,    100.0,
                                     250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0, 30000.0,
                                     6e4,   3e5,   6e5,    1.8e6,  3.6e6};
constexpr std::array kIstioBoundTexts = {
    "0.5",  "1",    "5",     "10",    "25",    "50",     "100",    "250",     "500",     "1000",
    "2500", "5000", "10000", "30000", "60000", "300000", "600000", "1800000", "3600000", "+Inf"};
constexpr std::array kPilotBounds = {0.1, 0.5, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0};
constexpr std::array kPilotBoundTexts = {"0.1", "0.5", "1", "3", "5", "10", "20", "30", "+Inf"};
static_assert(kIstioBoundTexts.size() == kIstioBounds.size() + 1);
static_assert(kPilotBoundTexts.size() == kPilotBounds.size() + 1);

struct Quantile {
  const char* suffix;
  double q;
};
constexpr std::array kQuantiles = {Quantile{"_p50", 0.5},  Quantile{"_p75", 0.75},
                                   Quantile{"_p90", 0.9},  Quantile{"_p95", 0.95},
                                   Quantile{"_p99", 0.99}, Quantile{"_p999", 0.999}};

struct Workload {
  std::string app;
  std::string version;
  std::string workload;
  std::string name_space;
  std::string pod;         // name of its one pod
  std::string address;     // ip:port that is scraped
  std::int64_t offset_ms;  // of its scrapes within the interval
};

// Requests of one kind from one workload to another, all with one response code.
struct HttpFlow {
  const Workload* source;
  const Workload* destination;  // null: there was no route, so only the source reports it
  const char* code;
  const char* flags;
  Histogram duration;
  Histogram request_bytes;
  Histogram response_bytes;

  [[nodiscard]] std::array<std::pair<const char*, const Histogram*>, 3> histograms() const {
    return {{{"istio_request_duration_milliseconds", &duration},
             {"istio_request_bytes", &request_bytes},
             {"istio_response_bytes", &response_bytes}}};
  }
};

struct Series {
  std::string text;  // name{labels}
  std::int64_t offset_ms;
  Value value;
};

struct Family {
  std::string type;
  std::vector<Series> series;
};

// Families come out sorted by name, as Prometheus has them.
using Page = std::map<std::string, Family>;

std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

std::string series_text(const std::string& name, Labels labels) {
  // Prometheus sorts by name, and appends instance="" where a series has no instance.
  std::sort(labels.begin(), labels.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second.empty(), a) < std::pair(b.second.empty(), b);
  });
  std::string text = name + '{';
  for (const auto& [key, value] : labels) {
    if (text.back() != '{') text += ',';
    text += key + "=\"" + escaped(value) + '"';
  }
  return text + '}';
}

Labels joined(Labels labels, const Labels& more) {
  labels.insert(labels.end(), more.begin(), more.end());
  return labels;
}

Labels pod_labels(const Workload& workload) {
  return {{"app", workload.app},
          {"kubernetes_namespace", workload.name_space},
          {"kubernetes_pod_name", workload.pod}};
}

constexpr const char* kUnknown = "unknown";

// The eight labels with which Istio describes either end of a connection.
void append_end(Labels& labels, const std::string& end, const Workload* workload) {
  constexpr std::array kNames = {"app",      "canonical_revision", "canonical_service",
                                 "cluster",  "principal",          "version",
                                 "workload", "workload_namespace"};
  std::array<std::string, kNames.size()> values;
  if (workload == nullptr) {
    values.fill(kUnknown);
  } else {
    const Workload& w = *workload;
    values = {w.app,
              w.version,
              w.app,
              "Kubernetes",
              "spiffe://cluster.local/ns/" + w.name_space + "/sa/" + w.app,
              w.version,
              w.workload,
              w.name_space};
  }
  for (std::size_t i = 0; i < kNames.size(); ++i)
    labels.emplace_back(end + '_' + kNames[i], std::move(values[i]));
}

Labels istio_labels(const Workload* source, const Workload* destination, bool at_source,
                    const char* protocol, const char* flags) {
  Labels labels = {{"reporter", at_source ? "source" : "destination"},
                   {"request_protocol", protocol},
                   {"response_flags", flags},
                   {"connection_security_policy", at_source ? "unknown" : "mutual_tls"}};
  append_end(labels, "source", source);
  append_end(labels, "destination", destination);
  std::string service = kUnknown;
  std::string name_space = kUnknown;
  std::string host = kUnknown;
  if (destination != nullptr) {
    service = destination->app;
    name_space = destination->name_space;
    host = service + '.' + name_space + ".svc.cluster.local";
  }
  labels.emplace_back("destination_service", host);
  labels.emplace_back("destination_service_name", service);
  labels.emplace_back("destination_service_namespace", name_space);
  return labels;
}

// The labels that the integration's recording rules keep, and those that the job adds.
Labels aggregated_labels(const Workload* source, const Workload* destination, bool at_source,
                         const char* flags) {
  const Workload& reporter = at_source ? *source : *destination;
  return {{"app", reporter.app},
          {"destination_workload", destination == nullptr ? kUnknown : destination->workload},
          {"destination_workload_namespace",
           destination == nullptr ? kUnknown : destination->name_space},
          {"instance", ""},
          {"job", "federate"},
          {"reporter", at_source ? "source" : "destination"},
          {"response_flags", flags},
          {"source_workload", source->workload},
          {"source_workload_namespace", source->name_space}};
}

std::string render(const Page& page, std::int64_t now_ms, std::int64_t start_ms, bool federated) {
  constexpr std::size_t kLineBytesAboutMax = 512;
  std::string out;
  std::size_t lines = 0;
  for (const auto& [name, family] : page) lines += family.series.size();
  out.reserve(lines * kLineBytesAboutMax);
  for (const auto& [name, family] : page) {
    out += "# TYPE " + name + ' ' + family.type + '\n';
    for (const Series& series : family.series) {
      const std::int64_t scraped_ms =
          now_ms - (now_ms - series.offset_ms) % Mesh::kScrapeIntervalMs;
      const std::int64_t at_ms = federated ? scraped_ms : now_ms;
      const double seconds = kHistoryS + static_cast<double>(at_ms - start_ms) / 1000;
      out += series.text;
      out += ' ';
      append_number(out, series.value(std::max(0.0, seconds)));
      if (federated) out += ' ' + std::to_string(at_ms);
      out += '\n';
    }
  }
  return out;
}

}  // namespace

struct Mesh::State {
  State(std::uint64_t seed, std::int64_t start) : start_ms(start), random(seed) {
    add_workloads();
    add_flows();
    for (const HttpFlow& flow : flows) {
      if (flow.destination != nullptr) add_http(flow, false);
      add_http(flow, true);
    }
    add_tcp(true);
    add_tcp(false);
    add_control_plane();
    for (const Workload& workload : workloads) add_process(workload);
  }

  double between(double low, double high) {
    constexpr double kStep = 1.0 / 9007199254740992.0;  // 2^-53
    return low + (high - low) * (static_cast<double>(random() >> 11) * kStep);
  }

  Traffic about(double per_second) {
    return {.per_second = per_second * between(0.8, 1.2),
            .swing = between(0.2, 0.7),
            .period_s = between(240, 1200),
            .phase = between(0, 2 * std::numbers::pi)};
  }

  void add_workload(std::string app, std::string version, std::string name_space) {
    static constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
    std::string workload = app;
    if (version != "latest") workload += '-' + version;
    std::string pod = workload + '-';
    for (int i = 0; i < 15; ++i) pod += i == 9 ? '-' : kLetters[random() % kLetters.size()];
    const std::string address = "10.244." + std::to_string(random() % 4) + '.' +
                                std::to_string(2 + workloads.size()) + ":15020";
    const auto offset_ms = static_cast<std::int64_t>(random() % kScrapeIntervalMs);
    workloads.push_back({std::move(app), std::move(version), std::move(workload),
                         std::move(name_space), std::move(pod), address, offset_ms});
  }

  void add_workloads() {
    add_workload("istiod", "latest", "istio-system");
    add_workload("istio-ingressgateway", "latest", "istio-system");
    for (const char* app : {"loadgen", "productpage", "details", "ratings", "mongodb"})
      add_workload(app, "v1", "bookinfo");
    for (const char* version : {"v1", "v2", "v3"}) add_workload("reviews", version, "bookinfo");
    for (std::int64_t& offset_ms : rule_offsets_ms)
      offset_ms = static_cast<std::int64_t>(random() % kScrapeIntervalMs);
  }

  const Workload* find(std::string_view workload) const {
    return &*std::find_if(workloads.begin(), workloads.end(),
                          [&](const Workload& w) { return w.workload == workload; });
  }

  struct FlowPlan {
    const char* source;
    const char* destination;  // null: no route
    const char* code;
    const char* flags;
    Traffic usual;
    double slow_per_second;
    double duration_ms;
    double response_bytes;
  };

  void add_flow(const FlowPlan& plan) {
    const Traffic slow = about(plan.slow_per_second);
    const auto sizes = [&](double median) {
      return Histogram(kIstioBounds, {plan.usual, {median, 0.8}}, {slow, {median * 6, 0.8}});
    };
    flows.push_back({.source = find(plan.source),
                     .destination = plan.destination == nullptr ? nullptr : find(plan.destination),
                     .code = plan.code,
                     .flags = plan.flags,
                     .duration = Histogram(kIstioBounds, {plan.usual, {plan.duration_ms, 0.5}},
                                           {slow, {plan.duration_ms * 12, 0.9}}),
                     .request_bytes = sizes(between(250, 900)),
                     .response_bytes = sizes(plan.response_bytes)});
  }

  void add_flows() {
    const Traffic batches{.per_second = 6, .period_s = 300, .active_s = 120};
    const Traffic outages{.per_second = 3, .period_s = 420, .active_s = 60};
    const char* const page = "productpage-v1";
    add_flow({"istio-ingressgateway", page, "200", "-", about(12), 0.6, 24, 4200});
    add_flow({"istio-ingressgateway", nullptr, "404", "NR", about(0.4), 0, 0.6, 12});
    add_flow({"loadgen-v1", page, "200", "-", batches, 0, 22, 4200});
    add_flow({page, "details-v1", "200", "-", about(12), 0.2, 4, 180});
    add_flow({page, "reviews-v1", "200", "-", about(5), 0.1, 6, 290});
    add_flow({page, "reviews-v2", "200", "-", about(4), 0.2, 11, 370});
    add_flow({page, "reviews-v3", "200", "-", about(3), 0.3, 12, 370});
    add_flow({page, "reviews-v3", "503", "UH", outages, 0, 0.8, 95});
    add_flow({"reviews-v2", "ratings-v1", "200", "-", about(4), 0.2, 3, 48});
    add_flow({"reviews-v3", "ratings-v1", "200", "-", about(3), 0.2, 3, 48});
  }

  // On both pages: what a pod exposes and Prometheus stores.
  void add_pod_series(const Workload& pod, const std::string& family, const char* type,
                      const std::string& name, const Labels& labels, const Value& value) {
    add_exposed(pod, family, type, name, labels, value);
    Labels stored = joined(joined(labels, pod_labels(pod)),
                           {{"instance", pod.address}, {"job", "kubernetes-pods"}});
    std::erase_if(stored, [](const auto& label) { return label.second.empty(); });
    add_federated(name, std::move(stored), pod.offset_ms, value);
  }

  void add_exposed(const Workload& pod, const std::string& family, const char* type,
                   const std::string& name, const Labels& labels, const Value& value) {
    Family& entry = exposed[family];
    entry.type = type;
    entry.series.push_back({series_text(name, joined(labels, pod_labels(pod))), 0, value});
  }

  void add_federated(const std::string& name, Labels labels, std::int64_t offset_ms,
                     const Value& value) {
    Family& entry = federated[name];
    entry.type = "untyped";
    entry.series.push_back({series_text(name, std::move(labels)), offset_ms, value});
  }

  void add_http(const HttpFlow& flow, bool at_source) {
    const Workload& pod = at_source ? *flow.source : *flow.destination;
    Labels raw = istio_labels(flow.source, flow.destination, at_source, "http", flow.flags);
    raw.emplace_back("response_code", flow.code);
    raw.emplace_back("grpc_response_status", "");
    Labels kept = aggregated_labels(flow.source, flow.destination, at_source, flow.flags);
    kept.emplace_back("response_code", flow.code);

    const Value requests = [&flow](double t) { return flow.duration.count(t); };
    const std::string total = "istio_requests_total";
    if (flow.source->app == "istio-ingressgateway")
      add_pod_series(pod, total, "counter", total, raw, requests);
    else
      add_exposed(pod, total, "counter", total, raw, requests);
    add_federated(total, kept, rule_offsets_ms[0], requests);

    std::size_t rule_group = 1;
    for (const auto& [name, histogram] : flow.histograms()) {
      add_raw_histogram(pod, name, raw, *histogram);
      add_aggregated_histogram(name, kept, *histogram, rule_offsets_ms[rule_group++]);
    }
  }

  void add_raw_histogram(const Workload& pod, const std::string& name, const Labels& labels,
                         const Histogram& histogram) {
    for (std::size_t i = 0; i < histogram.buckets(); ++i)
      add_exposed(pod, name, "histogram", name + "_bucket",
                  joined(labels, {{"le", kIstioBoundTexts[i]}}),
                  [&histogram, i](double t) { return histogram.bucket(i, t); });
    add_exposed(pod, name, "histogram", name + "_sum", labels,
                [&histogram](double t) { return histogram.sum(t); });
    add_exposed(pod, name, "histogram", name + "_count", labels,
                [&histogram](double t) { return histogram.count(t); });
  }

  void add_aggregated_histogram(const std::string& name, const Labels& labels,
                                const Histogram& histogram, std::int64_t offset_ms) {
    for (std::size_t i = 0; i < histogram.buckets(); ++i)
      add_federated(name + "_bucket", joined(labels, {{"le", kIstioBoundTexts[i]}}), offset_ms,
                    [&histogram, i](double t) { return histogram.bucket_rate(i, t); });
    for (const auto& [suffix, q] : kQuantiles)
      add_federated(name + "_bucket" + suffix, labels, offset_ms,
                    [&histogram, q = q](double t) { return histogram.quantile(q, t); });
    add_federated(name + "_sum", labels, offset_ms,
                  [&histogram](double t) { return histogram.sum(t); });
    add_federated(name + "_count", labels, offset_ms,
                  [&histogram](double t) { return histogram.count(t); });
  }

  // The ratings service keeps its stars in MongoDB.
  void add_tcp(bool at_source) {
    constexpr double kConnectionLifeS = 20;
    const Workload* source = find("ratings-v1");
    const Workload* destination = find("mongodb-v1");
    const Workload& pod = at_source ? *source : *destination;
    const Labels raw = istio_labels(source, destination, at_source, "tcp", "-");
    const Labels kept = aggregated_labels(source, destination, at_source, "-");
    const auto add = [&](const std::string& name, const Value& value) {
      add_exposed(pod, name, "counter", name, raw, value);
      add_federated(name, kept, rule_offsets_ms[0], value);
    };
    const auto whole = [](const Traffic& traffic, double delay_s) {
      return [traffic, delay_s](double t) {
        return std::floor(traffic.total(std::max(0.0, t - delay_s)));
      };
    };
    add("istio_tcp_sent_bytes_total", whole(mongo_sent, 0));
    add("istio_tcp_received_bytes_total", whole(mongo_received, 0));
    add("istio_tcp_connections_opened_total", whole(mongo_connections, 0));
    add("istio_tcp_connections_closed_total", whole(mongo_connections, kConnectionLifeS));
    if (!at_source)
      add_pod_series(pod, "istio_mongo_received_bytes", "counter", "istio_mongo_received_bytes",
                     {{"destination_version", destination->version},
                      {"source_service", source->app},
                      {"source_version", source->version}},
                     whole(mongo_received, 0));
  }

  void add_gauge(const Workload& pod, const std::string& name, double level, double swing = 0,
                 const Labels& labels = {}) {
    const double period_s = between(200, 900);
    add_pod_series(pod, name, "gauge", name, labels, [level, swing, period_s](double t) {
      return std::floor(level * (1 + swing * std::sin(2 * std::numbers::pi * t / period_s)));
    });
  }

  // It grows in steps of one, or of that part of one.
  void add_counter(const Workload& pod, const std::string& name, double per_second,
                   const Labels& labels = {}, double steps_per_one = 1) {
    const Traffic traffic = about(per_second * steps_per_one);
    add_pod_series(pod, name, "counter", name, labels, [traffic, steps_per_one](double t) {
      return std::floor(traffic.total(t)) / steps_per_one;
    });
  }

  void add_pilot_histogram(const Workload& pod, const std::string& name, double per_second,
                           double median_s) {
    const Histogram& histogram = pilot_histograms.emplace_back(
        kPilotBounds, Histogram::Part{about(per_second), {median_s, 0.8}},
        Histogram::Part{about(per_second / 50), {median_s * 20, 0.8}});
    for (std::size_t i = 0; i < histogram.buckets(); ++i)
      add_pod_series(pod, name, "histogram", name + "_bucket", {{"le", kPilotBoundTexts[i]}},
                     [&histogram, i](double t) { return histogram.bucket(i, t); });
    add_pod_series(pod, name, "histogram", name + "_sum", {},
                   [&histogram](double t) { return histogram.sum(t); });
    add_pod_series(pod, name, "histogram", name + "_count", {},
                   [&histogram](double t) { return histogram.count(t); });
  }

  void add_control_plane() {
    const Workload& pod = *find("istiod");
    add_gauge(pod, "istio_build", 1, 0, {{"component", "pilot"}, {"tag", "1.20.3"}});
    add_gauge(pod, "pilot_services", 14);
    add_gauge(pod, "pilot_virt_services", 5);
    add_gauge(pod, "pilot_xds", 9, 0.2, {{"version", "1.20.3"}});
    for (const char* type : {"cds", "eds", "lds", "rds"})
      add_counter(pod, "pilot_xds_pushes", 0.3, {{"type", type}});
    add_gauge(pod, "pilot_xds_cds_reject", 1, 0,
              {{"err", R"(cluster "outbound|27017||mongodb": bad pattern \d+)"},
               {"node", "ratings-v1.bookinfo"}});
    for (const char* name : {"pilot_xds_eds_reject", "pilot_xds_lds_reject", "pilot_xds_rds_reject",
                             "pilot_conflict_inbound_listener",
                             "pilot_conflict_outbound_listener_http_over_current_tcp",
                             "pilot_conflict_outbound_listener_tcp_over_current_http",
                             "pilot_conflict_outbound_listener_tcp_over_current_tcp"})
      add_gauge(pod, name, 0);
    for (const char* name :
         {"pilot_total_xds_rejects", "pilot_total_xds_internal_errors", "pilot_xds_write_timeout",
          "pilot_xds_push_context_errors", "citadel_server_csr_sign_error_count",
          "galley_validation_failed", "galley_validation_http_error",
          "galley_validation_config_update_error", "galley_validation_config_load_error",
          "galley_validation_config_delete_error"})
      add_counter(pod, name, 0.002);
    for (const char* name :
         {"citadel_server_csr_count", "citadel_server_success_cert_issuance_count",
          "galley_validation_passed", "galley_validation_config_updates",
          "galley_validation_config_load", "sidecar_injection_requests_total",
          "sidecar_injection_success_total"})
      add_counter(pod, name, 0.02);
    add_pilot_histogram(pod, "pilot_proxy_convergence_time", 0.8, 0.12);
    add_pilot_histogram(pod, "pilot_proxy_queue_time", 0.8, 0.02);
  }

  void add_process(const Workload& pod) {
    constexpr double kMiB = 1024.0 * 1024;
    const double size = pod.app == "istiod" ? 4 : 1;
    add_gauge(pod, "go_goroutines", 60 * size, 0.3);
    add_gauge(pod, "go_memstats_alloc_bytes", 9 * size * kMiB, 0.4);
    add_gauge(pod, "go_memstats_heap_alloc_bytes", 9 * size * kMiB, 0.4);
    add_gauge(pod, "go_memstats_heap_inuse_bytes", 14 * size * kMiB, 0.1);
    add_gauge(pod, "go_memstats_heap_sys_bytes", 22 * size * kMiB);
    add_gauge(pod, "go_memstats_stack_inuse_bytes", size * kMiB, 0.05);
    add_counter(pod, "process_cpu_seconds_total", 0.03 * size, {}, 100);
    add_gauge(pod, "process_resident_memory_bytes", 48 * size * kMiB, 0.05);
    add_gauge(pod, "process_virtual_memory_bytes", 740 * size * kMiB);
    add_counter(pod, "container_cpu_usage_seconds_total", 0.08 * size, {{"container", pod.app}},
                1000);
    if (pod.app == "istiod") return;
    add_counter(pod, "envoy_cluster_upstream_cx_total", 0.5, {{"cluster_name", "xds-grpc"}});
    add_gauge(pod, "envoy_server_memory_allocated", 17 * kMiB, 0.1);
  }

  const std::int64_t start_ms;
  std::mt19937_64 random;  // used while building only
  std::deque<Workload> workloads;
  std::array<std::int64_t, 4> rule_offsets_ms{};  // when each group of rules is evaluated
  std::deque<HttpFlow> flows;
  const Traffic mongo_sent = about(5200);
  const Traffic mongo_received = about(1900);
  const Traffic mongo_connections = about(0.7);
  std::deque<Histogram> pilot_histograms;
  Page federated;
  Page exposed;
};

Mesh::Mesh(std::uint64_t seed, std::int64_t start_ms)
    : state_(std::make_unique<const State>(seed, start_ms)) {}
Mesh::~Mesh() = default;
Mesh::Mesh(Mesh&&) noexcept = default;
Mesh& Mesh::operator=(Mesh&&) noexcept = default;

std::string Mesh::federate_page(std::int64_t now_ms) const {
  return render(state_->federated, now_ms, state_->start_ms, true);
}

std::string Mesh::metrics_page(std::int64_t now_ms) const {
  return render(state_->exposed, now_ms, state_->start_ms, false);
}

}  // namespace fedwave::relay
