#include "config/effective.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "config/url.h"
#include "config/yaml_text.h"

namespace fedwave::config {
namespace {

constexpr std::string_view kSecretShown = "<secret>";

void write_secret(YamlText& yaml, std::string_view key, const Secret& secret) {
  yaml.text_if_any(key, secret.empty() ? "" : kSecretShown);
}

// In such a text ${NAME} works.
std::string without_variables(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '$' ? "$$" : std::string(1, c);
  return escaped;
}

// With its credentials in their place, none of them shown.
std::string shown_proxy(const std::string& url, const std::string& username,
                        const Secret& password) {
  if (username.empty() && password.empty()) return url;
  std::string credentials;
  if (!username.empty()) credentials += kSecretShown;
  if (!password.empty()) credentials += ":" + std::string(kSecretShown);
  std::string shown = url;
  return shown.insert(shown.find("://") + 3, credentials + "@");
}

// The parameters that are secret with their names alone.
std::string shown_url(const Source& source) {
  std::string url = source.url;
  for (const Parameter& parameter : query_parameters(source.url_secret.value)) {
    const std::string name = parameter.text.substr(0, parameter.text.find('='));
    url = with_parameters(std::move(url), name + "=" + std::string(kSecretShown));
  }
  return url;
}

template <class Target>
std::string shown_proxy_of(const Target& target) {
  return shown_proxy(target.proxy_url, target.proxy_username, target.proxy_password);
}

void write_tags(YamlText& yaml, const Tags& tags) {
  if (tags.empty()) return yaml.empty_map("tags");
  yaml.begin_map("tags");
  for (const auto& [key, value] : tags) yaml.named_text(key, value);
  yaml.end();
}

std::vector<std::string> texts_of(const PatternList& patterns) {
  std::vector<std::string> texts;
  for (const Pattern& pattern : patterns) texts.push_back(pattern.text);
  return texts;
}

void write_tag_patterns(YamlText& yaml, std::string_view key, const TagPatterns& tags) {
  if (tags.empty()) return yaml.empty_map(key);
  yaml.begin_map(key);
  for (const auto& [tag, patterns] : tags) yaml.named_texts(tag, texts_of(patterns));
  yaml.end();
}

void write_filters(YamlText& yaml, const FilterRules& filters) {
  yaml.begin_map("filters");
  yaml.texts("metricAllowList", texts_of(filters.metric_allow));
  yaml.texts("metricDenyList", texts_of(filters.metric_deny));
  write_tag_patterns(yaml, "metricTagAllowList", filters.metric_tag_allow);
  write_tag_patterns(yaml, "metricTagDenyList", filters.metric_tag_deny);
  yaml.texts("tagInclude", texts_of(filters.tag_include));
  yaml.texts("tagExclude", texts_of(filters.tag_exclude));
  yaml.texts("tagGuaranteeList", filters.tag_guarantee);
  yaml.end();
}

// Even the name of a user may have come from a URL, where nothing before the '@' is to be shown.
template <class Target>
void write_credentials(YamlText& yaml, const Target& target) {
  const bool has_basic = !target.basic_username.empty() || !target.basic_password.empty() ||
                         !target.basic_password_file.empty();
  if (has_basic) {
    yaml.begin_map("basic_auth");
    yaml.text("username", kSecretShown);
    write_secret(yaml, "password", target.basic_password);
    yaml.text_if_any("password_file", target.basic_password_file);
    yaml.end();
  } else {
    yaml.null("basic_auth");
  }
  write_secret(yaml, "bearer_token", target.bearer_token);
  yaml.text_if_any("bearer_token_file", target.bearer_token_file);
}

bool is_default(const Tls& tls) {
  return tls.ca_file.empty() && tls.cert_file.empty() && tls.key_file.empty() &&
         tls.server_name.empty() && !tls.insecure_skip_verify && tls.server_identities.empty();
}

void write_tls(YamlText& yaml, const Tls& tls) {
  yaml.begin_map("tls_config");
  yaml.text_if_any("ca_file", tls.ca_file);
  yaml.text_if_any("cert_file", tls.cert_file);
  yaml.text_if_any("key_file", tls.key_file);
  yaml.text_if_any("server_name", tls.server_name);
  yaml.boolean("insecure_skip_verify", tls.insecure_skip_verify);
  yaml.texts("serverIdentities", tls.server_identities);
  yaml.end();
}

void write_http(YamlText& yaml, const HttpOptions& http) {
  yaml.begin_map("httpConfig");
  write_credentials(yaml, http);
  if (http.headers.empty()) {
    yaml.empty_map("headers");
  } else {
    yaml.begin_map("headers");
    for (const auto& [name, value] : http.headers) yaml.named_text(name, kSecretShown);
    yaml.end();
  }
  yaml.text_if_any("proxy_url", shown_proxy_of(http));
  yaml.boolean("follow_redirects", http.follow_redirects);
  write_tls(yaml, http.tls);
  yaml.end();
}

// What every kind of source has.
void write_common_keys(YamlText& yaml, const Source& source) {
  yaml.text("prefix", source.prefix);
  yaml.text("source", source.source);
  write_tags(yaml, source.tags);
  write_filters(yaml, source.filters);
  yaml.begin_map("collection");
  yaml.duration("interval", source.interval_ms);
  yaml.duration("timeout", source.timeout_ms);
  yaml.end();
}

void write_source(YamlText& yaml, const Source& source) {
  yaml.begin_item();
  yaml.text("name", source.name);
  yaml.text("url", shown_url(source));
  write_common_keys(yaml, source);
  write_http(yaml, source.http);
  yaml.boolean("convertHistograms", source.convert_histograms);
  yaml.boolean("honorTimestamps", source.honor_timestamps);
  yaml.text("repeats", source.repeats == Repeats::Send ? "send" : "suppress");
  yaml.text("addresses", source.addresses == Addresses::One ? "one" : "each");
  yaml.boolean("splitMatches", source.split_matches);
  yaml.text("shardBy", source.shard_by == ShardBy::Series ? "series" : "job");
  yaml.begin_map("limits");
  yaml.bytes("bodySize", source.limits.body_bytes);
  yaml.bytes("lineLength", source.limits.line_bytes);
  yaml.integer("labels", source.limits.labels);
  yaml.integer("samples", source.limits.samples);
  yaml.end();
  yaml.end();
}

void write_sources(YamlText& yaml, const Config& config) {
  yaml.begin_map("sources");
  yaml.begin_list("prometheus_sources");
  for (const Source& source : config.sources) write_source(yaml, source);
  yaml.end();
  if (config.internal_stats) {
    yaml.begin_map("internal_stats_source");
    yaml.comment("called " + yaml_quoted(config.internal_stats->name));
    write_common_keys(yaml, *config.internal_stats);
    yaml.end();
  }
  yaml.end();
}

void write_status(YamlText& yaml, const Status& status) {
  yaml.begin_map("status");
  const std::string listen = status.listen.empty() ? "off" : status.listen;
  if (status.is_listen_written) {
    yaml.text("listen", listen);
  } else {
    yaml.comment("listen: " + yaml_quoted(listen) + " is the default here");
  }
  write_credentials(yaml, status);
  yaml.begin_map("tls_config");
  yaml.text_if_any("cert_file", status.cert_file);
  yaml.text_if_any("key_file", status.key_file);
  yaml.end();
  yaml.end();
}

bool is_over_http(const Sink& sink) {
  return sink.kind == SinkKind::ProxyHttp || sink.kind == SinkKind::Direct;
}

// As host:port where that means the same: unlike a URL it never takes the environment's HTTP proxy.
std::string proxy_address(const Endpoint& endpoint) {
  if (endpoint.url.empty()) return host_port_text(endpoint.host, endpoint.port);
  const auto url = parse_url(endpoint.url);
  const bool is_usual = url && url->scheme == "http" && url->path == "/report" && url->port != 0 &&
                        url->authority == host_port_text(url->host, url->port);
  return is_usual ? url->authority : endpoint.url;
}

void write_cloud_services(YamlText& yaml, const CloudServices& services) {
  if (!services.is_set()) return yaml.null("cloudServices");
  yaml.begin_map("cloudServices");
  yaml.text("url", services.url);
  write_secret(yaml, "apiToken", services.api_token);
  yaml.text_if_any("apiTokenFile", services.api_token_file);
  write_secret(yaml, "clientId", {services.client_id});
  write_secret(yaml, "clientSecret", services.client_secret);
  yaml.text_if_any("clientSecretFile", services.client_secret_file);
  yaml.text_if_any("orgId", services.org_id);
  yaml.end();
}

// `proxyUrl` goes for the sink and for its cloudServices; where they have different ones, both are
// the environment's.
void write_http_proxy(YamlText& yaml, const Sink& sink) {
  const std::string proxy = shown_proxy_of(sink);
  const std::string of_services = shown_proxy_of(sink.cloud_services);
  if (!is_over_http(sink) || !sink.cloud_services.is_set() || proxy == of_services) {
    return yaml.text_if_any("proxyUrl", proxy);
  }
  const auto shown = [](const std::string& url) { return url.empty() ? "none" : yaml_quoted(url); };
  yaml.null("proxyUrl");
  yaml.comment("from the environment: " + shown(proxy) + " for the sink, " + shown(of_services) +
               " for cloudServices");
}

void write_target(YamlText& yaml, const Sink& sink) {
  const bool is_tcp = sink.kind == SinkKind::ProxyTcp;
  if (sink.kind == SinkKind::Stdout) {
    yaml.text("type", "stdout");
  } else if (sink.kind == SinkKind::Direct) {
    yaml.text("server", sink.endpoints.front().url);
  } else {
    std::vector<std::string> addresses;
    for (const Endpoint& endpoint : sink.endpoints) addresses.push_back(proxy_address(endpoint));
    yaml.text("protocol", is_tcp ? "tcp" : "http");
    yaml.texts("proxyAddress", addresses);
  }
  write_secret(yaml, "token", sink.token);
  yaml.text_if_any("tokenFile", sink.token_file);
  write_cloud_services(yaml, sink.cloud_services);
  write_http_proxy(yaml, sink);
}

void write_spool(YamlText& yaml, const Spool& spool) {
  const Spool defaults;
  const bool is_on_disk = !spool.directory.empty();
  const bool syncs_in_intervals = spool.sync == SpoolSync::Interval;
  yaml.begin_map("spool");
  yaml.text("directory", without_variables(spool.directory));
  // The loader warns of what has no effect.
  if (is_on_disk || spool.bytes != defaults.bytes) yaml.bytes("bytes", spool.bytes);
  yaml.bytes("memoryBytes", spool.memory_bytes);
  yaml.duration("maxAge", spool.max_age_ms);
  if (is_on_disk || spool.sync != defaults.sync) {
    yaml.text("sync", syncs_in_intervals               ? "interval"
                      : spool.sync == SpoolSync::Block ? "block"
                                                       : "never");
  }
  if ((is_on_disk && syncs_in_intervals) || spool.sync_interval_ms != defaults.sync_interval_ms) {
    yaml.duration("syncInterval", spool.sync_interval_ms);
  }
  yaml.integer("drainRate", spool.drain_rate);
  yaml.end();
}

void write_point_limits(YamlText& yaml, const PointLimits& limits) {
  yaml.begin_map("limits");
  yaml.integer("name", limits.name_bytes);
  yaml.integer("source", limits.source_bytes);
  yaml.integer("tags", limits.tags);
  yaml.integer("tagKey", limits.tag_key_bytes);
  yaml.integer("tagValue", limits.tag_value_bytes);
  yaml.end();
}

void write_sink(YamlText& yaml, const Sink& sink) {
  yaml.begin_item();
  yaml.text("name", sink.name);
  write_target(yaml, sink);
  yaml.text("prefix", sink.prefix);
  write_tags(yaml, sink.tags);
  write_filters(yaml, sink.filters);
  yaml.integer("batchSize", sink.batch_points);
  yaml.boolean("compress", sink.gzip);
  yaml.duration("connectTimeout", sink.connect_timeout_ms);
  yaml.duration("requestTimeout", sink.request_timeout_ms);
  // The loader warns of it where it has no effect.
  if (is_over_http(sink) || !is_default(sink.tls)) write_tls(yaml, sink.tls);
  write_spool(yaml, sink.spool);
  yaml.texts("tagPriority", sink.tag_priority);
  write_point_limits(yaml, sink.limits);
  yaml.end();
}

}  // namespace

std::string effective_yaml(const Config& config) {
  const bool omits_bucket_suffix =
      std::any_of(config.sources.begin(), config.sources.end(),
                  [](const Source& source) { return source.omit_bucket_suffix; });
  YamlText yaml;
  yaml.comment("What " + yaml_quoted(config.file) +
               " comes to, with every default. A null is nothing; secrets are not shown.");
  yaml.text("clusterName", config.cluster_name);
  yaml.boolean("omitBucketSuffix", omits_bucket_suffix);
  yaml.text("globCompat", config.glob_compat == GlobCompat::Overlap ? "overlap" : "documented");
  yaml.duration("shutdownGrace", config.shutdown_grace_ms);
  write_status(yaml, config.status);
  write_sources(yaml, config);
  yaml.begin_list("sinks");
  for (const Sink& sink : config.sinks) write_sink(yaml, sink);
  yaml.end();
  return yaml.take();
}

}  // namespace fedwave::config
