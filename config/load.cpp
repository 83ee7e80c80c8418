#include "config/load.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <utility>

#include "config/manifest.h"
#include "config/sections.h"
#include "config/yaml.h"
#include "relay/base/duration.h"
#include "relay/base/file.h"

namespace fedwave::config {
namespace {

// Every known series keeps a prepared line for each sink.
constexpr std::size_t kSinksMax = 30;

constexpr std::int64_t kFlushIntervalMinMs = 5000;

constexpr std::string_view kSourcesLeftAside[] = {
    "kubernetes_source",       "kubernetes_cadvisor_source",
    "kubernetes_state_source", "telegraf_sources",
    "systemd_source",          "kubernetes_control_plane_source"};
constexpr std::string_view kSwitchesLeftAside[] = {"enableDiscovery", "enableEvents"};
// Some of them as older versions of the collector called them.
constexpr std::string_view kTopLevelLeftAside[] = {"discovery", "events", "discovery_configs",
                                                   "discoveryInterval", "events_sink"};

LoadResult failure(Problem problem) {
  LoadResult result;
  result.problems.push_back(std::move(problem));
  return result;
}

class ConfigReader {
 public:
  ConfigReader(const Node& root, const Environment& environment, Problems& problems)
      : fields_(&root, "a configuration", problems),
        problems_(problems),
        reading_{problems, environment, left_aside_} {}

  Config read() {
    fields_.text("clusterName", config_.cluster_name);
    std::int64_t flush_interval_ms = 0;
    if (fields_.duration("flushInterval", flush_interval_ms) && flush_interval_ms != 0 &&
        flush_interval_ms < kFlushIntervalMinMs) {
      problems_.error(fields_.where("flushInterval"), "\"flushInterval\" is below 5s",
                      "write 5s or more");
    }
    SourceDefaults defaults;
    duration_or_default("defaultCollectionInterval", defaults.interval_ms);
    SinkDefaults sink_defaults;
    duration_or_default("sinkExportDataTimeout", sink_defaults.request_timeout_ms);
    fields_.boolean("omitBucketSuffix", defaults.omit_bucket_suffix);
    defaults.convert_histograms = read_experimental();
    read_own_keys();
    SpoolReader spool(fields_.get("spool"), sink_defaults.spool, reading_);
    sink_defaults.spool = spool.spool();
    config_.status = read_status(fields_.get("status"), reading_);
    read_source_section(fields_.get("sources"), defaults);
    read_sink_section(fields_.get("sinks"), sink_defaults);
    if (sink_defaults.spool.directory.empty() && nothing_is_on_disk())
      spool.warn_without_directory();
    leave_top_level_aside();
    fields_.done();
    left_aside_.report(problems_);
    return std::move(config_);
  }

 private:
  // A duration of none is the default.
  void duration_or_default(std::string_view key, std::int64_t& duration_ms) {
    std::int64_t written_ms = 0;
    if (!fields_.duration(key, written_ms)) return;
    if (written_ms > 0) {
      duration_ms = written_ms;
    } else if (written_ms < 0) {
      problems_.error(fields_.where(key), in_quotes(key) + " is below 0",
                      "write for example 60s, or remove the key");
    }
  }

  // Whether histograms are to be converted everywhere.
  bool read_experimental() {
    static constexpr std::string_view kConversion = "histogram-conversion";
    bool converts = false;
    const Node* list = fields_.get("experimental");
    if (list == nullptr) return converts;
    for (const Node* item : text_items(*list, "experimental", problems_)) {
      if (item->text == kConversion) {
        converts = true;
      } else {
        problems_.warning(item->where, "unknown experiment " + in_quotes(item->text),
                          did_you_mean(item->text, {kConversion}));
      }
    }
    return converts;
  }

  void read_own_keys() {
    fields_.choice<GlobCompat>(
        "globCompat", config_.glob_compat,
        {{"documented", GlobCompat::Documented}, {"overlap", GlobCompat::Overlap}});
    if (fields_.duration("shutdownGrace", config_.shutdown_grace_ms) &&
        config_.shutdown_grace_ms < 0) {
      problems_.error(fields_.where("shutdownGrace"), "\"shutdownGrace\" is below 0",
                      "write for example 20s");
    }
  }

  void read_source_section(const Node* node, const SourceDefaults& defaults) {
    constexpr const char* kAdvice = "write sources: with prometheus_sources: below it";
    if (node == nullptr) {
      problems_.error(fields_.where("sources"), "there are no sources", kAdvice);
      return;
    }
    Fields sources(node, "sources", problems_);
    const Node* list = sources.get("prometheus_sources");
    const bool has_internal_stats = sources.present("internal_stats_source");
    for (const std::string_view key : kSourcesLeftAside) {
      // A map without content is a source with its defaults.
      const Node* source = sources.get(key);
      const bool is_empty_list =
          source != nullptr && source->kind == Node::Kind::List && source->items.empty();
      if (source != nullptr && !is_empty_list)
        left_aside_.add(sources.key_where(key), "sources." + std::string(key));
    }
    sources.done();
    if (list != nullptr) config_.sources = read_sources(*list, defaults, reading_);
    if (has_internal_stats) {
      config_.internal_stats = read_internal_stats(sources.get("internal_stats_source"),
                                                   config_.sources, defaults, reading_);
      config_.internal_stats->where = sources.where("internal_stats_source");
    }
    if (node->kind == Node::Kind::Map &&
        (list == nullptr || (list->kind == Node::Kind::List && list->items.empty()))) {
      problems_.error(list == nullptr ? node->where : list->where,
                      "there are no prometheus_sources, and nothing else is scraped",
                      "add prometheus_sources: with a \"- url: …\" below it");
    }
  }

  void read_sink_section(const Node* node, SinkDefaults& defaults) {
    if (node == nullptr) {
      problems_.error(fields_.where("sinks"), "there are no sinks",
                      "add sinks: with \"- proxyAddress: wavefront-proxy:2878\" below it");
      return;
    }
    const auto has_underscore = [](const Source& source) {
      return source.prefix.find('_') != std::string::npos;
    };
    // A file that also serves the collector has patterns here for names that fedwave never sees.
    defaults.names_have_underscores =
        !left_aside_.empty() ||
        std::any_of(config_.sources.begin(), config_.sources.end(), has_underscore) ||
        (config_.internal_stats && has_underscore(*config_.internal_stats));
    config_.sinks = read_sinks(*node, defaults, reading_);
    if (config_.sinks.size() > kSinksMax) {
      problems_.error(node->where, "there are " + std::to_string(config_.sinks.size()) + " sinks",
                      "at most " + std::to_string(kSinksMax) + " are served by one process");
    }
  }

  [[nodiscard]] bool nothing_is_on_disk() const {
    return std::all_of(config_.sinks.begin(), config_.sinks.end(),
                       [](const Sink& sink) { return sink.spool.directory.empty(); });
  }

  // What is switched off or empty asks for nothing.
  void leave_top_level_aside() {
    for (const std::string_view key : kSwitchesLeftAside) {
      bool is_on = false;
      if (fields_.boolean(key, is_on) && is_on)
        left_aside_.add(fields_.key_where(key), std::string(key));
    }
    for (const std::string_view key : kTopLevelLeftAside) {
      if (!is_empty(fields_.get(key))) left_aside_.add(fields_.key_where(key), std::string(key));
    }
  }

  Fields fields_;
  Problems& problems_;
  LeftAside left_aside_;
  Reading reading_;
  Config config_;
};

// Rules for the collector's discovery are files of their own, and ConfigMaps.
bool is_discovery_rule(const Node& root) {
  constexpr std::string_view kRules[] = {"plugins", "plugin_configs", "prom_configs"};
  bool has_rules = false;
  for (const auto& [key, value] : root.entries) {
    if (key->text == "sinks" || key->text == "sources") return false;
    has_rules =
        has_rules || std::find(std::begin(kRules), std::end(kRules), key->text) != std::end(kRules);
  }
  return has_rules;
}

// What the text of a configuration says once it is a tree.
std::optional<Config> read_root(const Node& root, const Environment& environment,
                                Problems& problems) {
  if (root.kind != Node::Kind::Map) {
    problems.error(root.where, "a configuration is a map, not " + std::string(kind_name(root)),
                   "begin with \"clusterName: …\", \"sinks:\" and \"sources:\"");
    return std::nullopt;
  }
  if (is_discovery_rule(root)) {
    problems.error(root.where,
                   "these are rules for the collector's discovery, and no configuration",
                   "name the file that has \"sinks:\" and \"sources:\"");
    return std::nullopt;
  }
  return ConfigReader(root, environment, problems).read();
}

constexpr const char* kStart = "begin with \"sinks:\" and \"sources:\"";

std::optional<Config> read_embedded(const std::deque<Document>& documents,
                                    std::string_view file_text, const Environment& environment,
                                    Problems& problems) {
  const auto embedded = embedded_document(documents, file_text, problems);
  if (!embedded) return std::nullopt;
  const auto inner =
      parse_yaml(embedded->text, embedded->origin, problems, [](const Node&) { return false; });
  if (problems.has_errors()) return std::nullopt;
  if (inner.empty()) {
    problems.error(embedded->object_where, "the ConfigMap's configuration is empty", kStart);
    return std::nullopt;
  }
  return read_root(*inner.front().root, environment, problems);
}

std::optional<Config> read_text(std::string_view text, const Environment& environment,
                                Problems& problems) {
  bool is_of_kubernetes = false;
  const auto documents = parse_yaml(text, {}, problems, [&](const Node& root) {
    is_of_kubernetes = is_of_kubernetes || is_manifest(root);
    return is_of_kubernetes;
  });
  if (problems.has_errors()) return std::nullopt;
  if (documents.empty()) {
    problems.error({}, "the file is empty", kStart);
    return std::nullopt;
  }
  if (is_of_kubernetes) return read_embedded(documents, text, environment, problems);
  return read_root(*documents.front().root, environment, problems);
}

}  // namespace

void LeftAside::add(Position where, std::string name) {
  const bool is_known = std::any_of(names_.begin(), names_.end(),
                                    [&name](const auto& known) { return known.second == name; });
  if (!is_known) names_.emplace_back(where, std::move(name));
}

void LeftAside::report(Problems& problems) const {
  if (names_.empty()) return;
  auto sorted = names_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.line, a.first.column) < std::pair(b.first.line, b.first.column);
  });
  const int first_line = problems.line_of(sorted.front().first);
  std::string names;
  for (const auto& [where, name] : sorted) {
    const int line = problems.line_of(where);
    names += (names.empty() ? "" : ", ") + name;
    if (line != first_line) names += " (line " + std::to_string(line) + ")";
  }
  problems.warning(sorted.front().first,
                   "fedwave does not have these and leaves them aside: " + names);
}

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

LoadResult load_file(const std::string& path, const Environment& environment) {
  const auto text = base::read_file(path, kFileBytesMax, "the file");
  if (!text) return failure({Severity::Error, {}, text.error().message, ""});
  return load_text(path, *text, environment);
}

LoadResult load_text(const std::string& file, std::string_view yaml,
                     const Environment& environment) {
  if (yaml.size() > kFileBytesMax) {
    return failure({Severity::Error, {}, "the file is larger than 4 MiB", "is it the right file?"});
  }
  Problems problems;
  LoadResult result;
  result.config = read_text(yaml, environment, problems);
  if (problems.has_errors()) result.config.reset();
  if (result.config) result.config->file = file;
  result.problems = problems.take();
  return result;
}

std::string format_problem(const std::string& file, const Problem& problem) {
  std::string line = file;
  if (problem.where.line > 0) {
    line += ":" + std::to_string(problem.where.line) + ":" + std::to_string(problem.where.column);
  }
  line += problem.severity == Severity::Error ? ": error: " : ": warning: ";
  line += problem.what;
  if (!problem.advice.empty()) line += "; " + problem.advice;
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace fedwave::config
