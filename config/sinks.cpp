// Reads `sinks`.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "config/sections.h"

namespace fedwave::config {
namespace {

constexpr std::int64_t kBatchPointsMax = 40'000;  // what Wavefront advises for one request
constexpr std::int64_t kCountMax = 1'000'000'000;

// What tells one series of a mesh from another comes first; what follows from the rest, or says the
// same in other words (versions, principals, revisions), is what a full point can do without.
constexpr std::array kTagPriority = {
    "cluster",
    "le",
    "quantile",
    "reporter",
    "source_workload",
    "source_workload_namespace",
    "destination_workload",
    "destination_workload_namespace",
    "destination_service",
    "response_code",
    "request_protocol",
    "response_flags",
    "grpc_response_status",
    "connection_security_policy",
    "destination_service_name",
    "destination_service_namespace",
    "source_cluster",
    "destination_cluster",
    "source_app",
    "destination_app",
    "source_version",
    "destination_version",
    "source_canonical_service",
    "destination_canonical_service",
    "namespace",
    "pod",
    "app",
    "job",
    "instance",
};

// What the collector's versions have called the sinks for Kubernetes events.
constexpr std::string_view kEventsType = "k8sEvents";
constexpr std::string_view kEventsUrls[] = {"eventsExternalEndpointURL", "externalEventsEndpoint"};

enum class Kind { Wavefront, External, Stdout };

class SinkReader {
 public:
  SinkReader(const Node& node, const SinkDefaults& defaults, Reading& reading)
      : fields_(&node, "a sink", reading.problems), defaults_(defaults), reading_(reading) {
    sink_.where = fields_.where();
    sink_.request_timeout_ms = defaults.request_timeout_ms;
    sink_.tag_priority.assign(kTagPriority.begin(), kTagPriority.end());
    std::string type;
    if (fields_.text("type", type) && type == kEventsType) {
      kind_ = Kind::External;
    } else {
      fields_.choice<Kind>(
          "type", kind_,
          {{"", Kind::Wavefront}, {"external", Kind::External}, {"stdout", Kind::Stdout}});
    }
    if (kind_ == Kind::External) left_aside_name_ = "sinks of type " + type;
    for (const std::string_view key : kEventsUrls) {
      if (!fields_.present(key)) continue;
      const bool takes_points = fields_.present("proxyAddress") || fields_.present("server");
      if (kind_ == Kind::Wavefront && !takes_points) kind_ = Kind::External;
      left_aside_name_ = "sinks with " + std::string(key);
    }
  }

  // What has to be left aside: an external sink takes Kubernetes events and nothing else.
  [[nodiscard]] bool is_external() const { return kind_ == Kind::External; }
  [[nodiscard]] const std::string& left_aside_name() const { return left_aside_name_; }

  Sink read() {
    if (!fields_.is_map()) return std::move(sink_);
    fields_.text("name", sink_.name);
    read_target_or_stdout();
    fields_.text("prefix", sink_.prefix);
    fields_.word_map("tags", sink_.tags);
    sink_.filters =
        read_filters(fields_.get("filters"), {.have_underscores = defaults_.names_have_underscores},
                     reading_.problems);
    read_ignored_keys();
    read_delivery();
    read_limits();
    fields_.done();
    return std::move(sink_);
  }

 private:
  void read_target_or_stdout() {
    bool test_mode = false;
    if (fields_.boolean("testMode", test_mode) && test_mode) {
      warn("testMode", "testMode sends nothing to Wavefront: points go to stdout");
    }
    read_target(fields_, test_mode || kind_ == Kind::Stdout, sink_, reading_);
  }

  // They parse in the collector and do nothing there, or nothing that applies here.
  void read_ignored_keys() {
    std::string text;
    bool flag = false;
    std::int64_t count = 0;
    double share = 0;
    fields_.text("source", text);
    fields_.boolean("convertHistograms", flag);
    fields_.text("externalEndpointURL", text);
    for (const std::string_view key : kEventsUrls) {
      if (fields_.present(key))
        reading_.left_aside.add(fields_.key_where(key), std::string(key) + " of sinks");
    }
    if (fields_.boolean("enableEvents", flag) && flag) {
      reading_.left_aside.add(fields_.key_where("enableEvents"), "enableEvents of sinks");
    }
    if (fields_.number("errorLogPercent", share) && !(share > 0 && share <= 1)) {
      warn("errorLogPercent",
           "\"errorLogPercent\" is out of range, so that the collector has its default",
           "remove it; fedwave has no use for it");
    }
    if (fields_.integer("maxBufferSize", count, 0, kCountMax)) {
      warn("maxBufferSize", "\"maxBufferSize\" counts points; the queue is bounded by bytes",
           "write spool: {memoryBytes: 64MiB}");
    }
  }

  void read_delivery() {
    std::int64_t batch_points = 0;
    if (fields_.integer("batchSize", batch_points, 0, kCountMax) && batch_points > 0) {
      if (batch_points > kBatchPointsMax) {
        warn("batchSize", "\"batchSize\" is above " + std::to_string(kBatchPointsMax) +
                              ", which is used instead");
      }
      sink_.batch_points = std::min(batch_points, kBatchPointsMax);
    }
    fields_.boolean("compress", sink_.gzip);
    read_timeout("connectTimeout", sink_.connect_timeout_ms);
    read_timeout("requestTimeout", sink_.request_timeout_ms);
    sink_.tls = read_tls(fields_, "proxyUrl", sink_.proxy_url, reading_.problems);
    SpoolReader spool(fields_.get("spool"), defaults_.spool, reading_);
    sink_.spool = spool.spool();
    if (sink_.spool.directory.empty()) spool.warn_without_directory();
  }

  void read_timeout(std::string_view key, std::int64_t& timeout_ms) {
    std::int64_t written_ms = 0;
    if (!fields_.duration(key, written_ms)) return;
    if (written_ms <= 0) {
      error(key, in_quotes(key) + " has to be above 0", "write for example 10s, or remove the key");
    } else {
      timeout_ms = written_ms;
    }
  }

  void read_limits() {
    fields_.words("tagPriority", sink_.tag_priority);
    Fields limits(fields_.get("limits"), "limits", reading_.problems);
    limits.integer("name", sink_.limits.name_bytes, 1, 4096);
    limits.integer("source", sink_.limits.source_bytes, 1, 4096);
    limits.integer("tags", sink_.limits.tags, 1, 1000);
    limits.integer("tagKey", sink_.limits.tag_key_bytes, 1, 4096);
    limits.integer("tagValue", sink_.limits.tag_value_bytes, 1, 4096);
    limits.done();
  }

  void error(std::string_view key, std::string what, std::string advice = {}) {
    reading_.problems.error(fields_.where(key), std::move(what), std::move(advice));
  }
  void warn(std::string_view key, std::string what, std::string advice = {}) {
    reading_.problems.warning(fields_.where(key), std::move(what), std::move(advice));
  }

  Fields fields_;
  const SinkDefaults& defaults_;
  Reading& reading_;
  Kind kind_ = Kind::Wavefront;
  std::string left_aside_name_;
  Sink sink_;
};

}  // namespace

std::vector<Sink> read_sinks(const Node& list, const SinkDefaults& defaults, Reading& reading) {
  std::vector<Sink> sinks;
  if (list.kind != Node::Kind::List) {
    wrong_kind(list, "sinks", "a list", "begin each sink with \"- proxyAddress: host:2878\"",
               reading.problems);
    return sinks;
  }
  for (const Node* item : list.items) {
    if (reading.problems.full()) break;
    SinkReader reader(*item, defaults, reading);
    if (reader.is_external()) {
      reading.left_aside.add(item->where, reader.left_aside_name());
    } else {
      sinks.push_back(reader.read());
    }
  }
  if (sinks.empty()) {
    reading.problems.error(list.where, "there is no sink for metrics",
                           "add \"- proxyAddress: wavefront-proxy:2878\"");
  }
  make_names_unique(sinks, "sink", reading.problems);
  return sinks;
}

}  // namespace fedwave::config
