// Reads `sources.prometheus_sources` and `sources.internal_stats_source`.
#include <algorithm>
#include <cstddef>
#include <utility>

#include "config/jobs.h"
#include "config/sections.h"
#include "config/url.h"
#include "relay/base/duration.h"

namespace fedwave::config {
namespace {

constexpr std::int64_t kTimeoutDefaultMs = 60'000;
constexpr std::string_view kApiServer = "kubernetes.default.svc.cluster.local";
constexpr std::string_view kApiServerCa = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";

void read_source_name(Fields& fields, Source& source, Reading& reading) {
  fields.text("source", source.source);
  if (!source.source.empty()) return;
  source.source = reading.environment("POD_NODE_NAME").value_or("");
  if (source.source.empty()) source.source = "prom_source";
}

void read_collection(Fields& fields, std::int64_t default_interval_ms, Source& source,
                     Problems& problems) {
  Fields collection(fields.get("collection"), "collection", problems);
  source.interval_ms = default_interval_ms;
  std::int64_t interval_ms = 0;
  if (collection.duration("interval", interval_ms) && interval_ms > 0) {
    source.interval_ms = interval_ms;
  }
  source.timeout_ms = std::min(kTimeoutDefaultMs, source.interval_ms);
  std::int64_t timeout_ms = 0;
  if (collection.duration("timeout", timeout_ms) && timeout_ms > 0) {
    source.timeout_ms = timeout_ms;
  }
  if (source.timeout_ms > source.interval_ms) {
    problems.warning(collection.where("timeout"),
                     "\"timeout\" is longer than the interval of " +
                         base::format_duration_ms(source.interval_ms) + ", which is used instead",
                     "write a shorter timeout or a longer interval");
    source.timeout_ms = source.interval_ms;
  }
  collection.done();
}

// What every kind of source has.
void read_common_keys(Fields& fields, bool is_federated, const SourceDefaults& defaults,
                      Source& source, Reading& reading) {
  fields.text("prefix", source.prefix);
  read_source_name(fields, source, reading);
  fields.word_map("tags", source.tags);
  const FilteredPoints points{.have_underscores = source.prefix.find('_') != std::string::npos,
                              .are_federated = is_federated,
                              .tags = source.tags};
  source.filters = read_filters(fields.get("filters"), points, reading.problems);
  read_collection(fields, defaults.interval_ms, source, reading.problems);
}

class SourceReader {
 public:
  SourceReader(const Node& node, const SourceDefaults& defaults, Reading& reading)
      : fields_(&node, "a Prometheus source", reading.problems),
        defaults_(defaults),
        reading_(reading) {}

  Source read() {
    source_.where = fields_.where();
    if (!fields_.is_map()) return std::move(source_);
    source_.convert_histograms = defaults_.convert_histograms;
    source_.omit_bucket_suffix = defaults_.omit_bucket_suffix;
    fields_.text("name", source_.name);
    read_url();
    read_common_keys(fields_, url_.path.ends_with("/federate"), defaults_, source_, reading_);
    HttpOptions http = read_http_options(fields_.get("httpConfig"), reading_);
    take_url_credentials(http);
    source_.http = std::move(http);
    trust_api_server();
    bool convert_histograms = false;
    fields_.boolean("convertHistograms", convert_histograms);
    source_.convert_histograms = source_.convert_histograms || convert_histograms;
    read_own_keys();
    fields_.done();
    return std::move(source_);
  }

 private:
  void read_url() {
    std::string text;
    const std::vector<std::string> selectors = read_selectors();
    if (!fields_.text("url", text)) {
      if (fields_.get("url") == nullptr) {
        reading_.problems.error(fields_.where(), "a source without \"url\"",
                                "write url: 'http://prometheus:9090/federate?match[]={job=\"x\"}'");
      }
      return;
    }
    auto parsed = parse_url(text);
    if (!parsed) {
      reading_.problems.error(fields_.where("url"), "\"url\" " + parsed.error().message);
      return;
    }
    url_ = *std::move(parsed);
    const auto parameters = query_parameters(url_.query);
    const auto written = std::count_if(parameters.begin(), parameters.end(),
                                       [](const auto& p) { return p.name == "match[]"; });
    match_places_.insert(match_places_.begin(), static_cast<std::size_t>(written),
                         fields_.where("url"));
    for (const std::string& selector : selectors) {
      url_.query += (url_.query.empty() ? "" : "&") + ("match[]=" + percent_encoded(selector));
    }
    if (url_.path.empty()) url_.path = "/";
    take_secret_parameters();
    source_.url = url_.without_credentials();
    if (source_.name.empty()) source_.name = source_.url;
    warn_of_url();
  }

  // `match` is ours: selectors without any encoding, one or several.
  std::vector<std::string> read_selectors() {
    std::vector<std::string> selectors;
    const Node* node = fields_.get("match");
    if (node == nullptr) return selectors;
    if (node->kind == Node::Kind::Scalar) {
      selectors.push_back(node->text);
      match_places_.push_back(node->where);
    } else if (fields_.words("match", selectors)) {
      for (const Node* item : node->items) match_places_.push_back(item->where);
    }
    if (std::find(selectors.begin(), selectors.end(), "") != selectors.end()) {
      reading_.problems.error(node->where, "an empty selector in \"match\"",
                              "write a selector such as '{job=\"kubernetes-pods\"}'");
    }
    return selectors;
  }

  void warn_of_url() {
    const Position where = fields_.where("url");
    if (url_.has_fragment) {
      reading_.problems.warning(where, "no server sees what stands after '#' in \"url\"",
                                "write %23 for the character itself");
    }
    const bool has_match = has_parameter(url_.query, "match[]");
    if (has_parameter(url_.query, "match")) {
      reading_.problems.warning(where, "Prometheus does not know the parameter \"match\"",
                                "write match[]=");
    } else if (url_.path.ends_with("/federate") && !has_match) {
      reading_.problems.warning(where, "/federate without match[] answers with an empty page",
                                "add ?match[]={job=\"x\"} to \"url\", or the key \"match\"");
    }
    if (has_match && url_.query.find('+') != std::string::npos) {
      reading_.problems.warning(where, "Prometheus takes a '+' in \"url\" for a space",
                                "write %2B, or put the selector under the key \"match\"");
    }
  }

  // So that nothing that shows the URL shows them.
  void take_secret_parameters() {
    std::string shown;
    for (const Parameter& parameter : query_parameters(url_.query)) {
      std::string& query = is_secret(parameter) ? source_.url_secret.value : shown;
      query += (query.empty() ? "" : "&") + parameter.text;
    }
    if (!source_.url_secret.empty()) url_.query = shown;
  }

  // user:password@ in the URL becomes basic auth, so that nothing that shows the URL shows them.
  void take_url_credentials(HttpOptions& http) {
    if (!url_.has_credentials) return;
    const bool has_bearer = !http.bearer_token.empty() || !http.bearer_token_file.empty();
    const bool has_basic = !http.basic_username.empty() || !http.basic_password.empty() ||
                           !http.basic_password_file.empty();
    if (has_bearer || has_basic) {
      reading_.problems.warning(fields_.where("url"),
                                std::string("the credentials in \"url\" are not used where ") +
                                    (has_bearer ? "a bearer token" : "basic_auth") +
                                    " stands beside them",
                                "remove them from \"url\"");
      return;
    }
    http.basic_username = url_.username;
    http.basic_password.value = url_.password;
  }

  // As the collector does for the API server's own address.
  void trust_api_server() {
    Tls& tls = source_.http.tls;
    const bool says_itself = !tls.ca_file.empty() || !tls.server_identities.empty();
    if (source_.url.find(kApiServer) == std::string::npos || says_itself) return;
    tls.ca_file = kApiServerCa;
    tls.insecure_skip_verify = true;
    reading_.problems.warning(fields_.where("url"),
                              "the API server's certificate is not verified, as in the collector",
                              "write tls_config with ca_file: " + std::string(kApiServerCa));
    check_file("ca_file", tls.ca_file, fields_.where("url"), Severity::Warning, reading_.problems);
  }

  void read_own_keys() {
    fields_.boolean("splitMatches", source_.split_matches);
    if (source_.split_matches && !source_.url.empty()) check_split();
    fields_.choice<ShardBy>("shardBy", source_.shard_by,
                            {{"job", ShardBy::Job}, {"series", ShardBy::Series}});
    fields_.boolean("honorTimestamps", source_.honor_timestamps);
    fields_.choice<Repeats>("repeats", source_.repeats,
                            {{"suppress", Repeats::Suppress}, {"send", Repeats::Send}});
    fields_.choice<Addresses>("addresses", source_.addresses,
                              {{"each", Addresses::Each}, {"one", Addresses::One}});
    Fields limits(fields_.get("limits"), "limits", reading_.problems);
    limits.bytes("bodySize", source_.limits.body_bytes, 1024, std::int64_t{1} << 40);
    limits.bytes("lineLength", source_.limits.line_bytes, 256, std::int64_t{1} << 30);
    limits.integer("labels", source_.limits.labels, 1, 10'000);
    limits.integer("samples", source_.limits.samples, 1, 1'000'000'000);
    limits.done();
  }

  void check_split() {
    const SplitUrl split = split_url(source_.url);
    if (split.matches < 2) {
      reading_.problems.warning(
          fields_.where("splitMatches"),
          std::string("\"splitMatches\" has nothing to split: the source has ") +
              (split.matches == 0 ? "no match[]" : "one match[]"),
          "remove it, or write several selectors under \"match\"");
    }
    for (const MatchProblem& problem : split.problems) {
      const Position where = match_places_.at(problem.match);
      if (problem.is_error) {
        reading_.problems.error(where, problem.what, problem.advice);
      } else {
        reading_.problems.warning(where, problem.what, problem.advice);
      }
    }
  }

  Fields fields_;
  const SourceDefaults& defaults_;
  Reading& reading_;
  Url url_;
  std::vector<Position> match_places_;  // of each match[] of the URL
  Source source_;
};

}  // namespace

std::vector<Source> read_sources(const Node& list, const SourceDefaults& defaults,
                                 Reading& reading) {
  std::vector<Source> sources;
  if (list.kind != Node::Kind::List) {
    wrong_kind(list, "prometheus_sources", "a list", "begin each source with \"- url: …\"",
               reading.problems);
    return sources;
  }
  for (const Node* item : list.items) {
    if (reading.problems.full()) break;
    sources.push_back(SourceReader(*item, defaults, reading).read());
  }
  make_names_unique(sources, "source", reading.problems);
  return sources;
}

Source read_internal_stats(const Node* node, const std::vector<Source>& sources,
                           const SourceDefaults& defaults, Reading& reading) {
  Source source;
  Fields fields(node, "internal_stats_source", reading.problems);
  read_common_keys(fields, false, defaults, source, reading);
  if (source.prefix.empty()) source.prefix = "kubernetes.";
  // The collector takes it here too, without effect.
  bool convert_histograms = false;
  fields.boolean("convertHistograms", convert_histograms);
  fields.done();
  std::set<std::string> taken;
  for (const Source& other : sources) taken.insert(other.name);
  source.name = "internal_stats";
  if (taken.contains(source.name)) source.name = numbered_name(source.name, taken);
  return source;
}

std::string numbered_name(const std::string& name, std::set<std::string>& taken) {
  for (int number = 2;; ++number) {
    std::string numbered = name + " #" + std::to_string(number);
    if (taken.insert(numbered).second) return numbered;
  }
}

}  // namespace fedwave::config
