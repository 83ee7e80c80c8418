#include "config/effective.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/unit/config/loading.h"

using fedwave::config::Addresses;
using fedwave::config::Config;
using fedwave::config::effective_yaml;
using fedwave::config::Environment;
using fedwave::config::GlobCompat;
using fedwave::config::load_file;
using fedwave::config::load_text;
using fedwave::config::LoadResult;
using fedwave::config::PatternList;
using fedwave::config::Repeats;
using fedwave::config::ShardBy;
using fedwave::config::Sink;
using fedwave::config::SinkKind;
using fedwave::config::Source;
using fedwave::config::SpoolSync;
using fedwave::config::Tags;
using loading::lines;

namespace {

const std::string kData = FEDWAVE_TEST_DATA;

// Every key that a file may have; what is secret has "s3cret" in it, from the environment too.
const std::string kEveryKey =
    "clusterName: 'a \"quoted\" \\ name'\n"
    "defaultCollectionInterval: 45s\n"
    "flushInterval: 10s\n"
    "sinkExportDataTimeout: 1m30s\n"
    "omitBucketSuffix: yes\n"
    "experimental: [histogram-conversion]\n"
    "globCompat: overlap\n"
    "shutdownGrace: 0s\n"
    "spool: {directory: '/var/spool/$${x}', bytes: 20MiB, memoryBytes: 1500000, maxAge: 36h,\n"
    "        sync: block, drainRate: 0}\n"
    "status:\n"
    "  listen: '[::1]:0'\n"
    "  basic_auth: {username: s3cret-name, password: '${TOKEN}'}\n"
    "  tls_config: {cert_file: /dev/null, key_file: /dev/zero}\n"
    "sources:\n"
    "  internal_stats_source:\n"
    "    prefix: own.\n"
    "    source: relay\n"
    "    tags: {a: b}\n"
    "    filters: {metricAllowList: ['own.*']}\n"
    "    collection: {interval: 30s, timeout: 5s}\n"
    "  prometheus_sources:\n"
    "  - name: \"every\\tkey: # \\u00e9 \\x7f\"\n"
    "    url: 'https://s3cret-user:s3cret-pass@h:1/federate?x=y&token=s3cret-par#z'\n"
    "    match: ['{a=~\"b|c\"}', up]\n"
    "    prefix: my_\n"
    "    source: here\n"
    "    tags: {\"<<\": '${TOKEN}', '': ' x ', yes: \"a\\nb\", n.o: null}\n"
    "    filters:\n"
    "      metricAllowList: ['a,b.*', '{c,d}.*']\n"
    "      metricDenyList: ['only,one']\n"
    "      metricTagAllowList: {k: ['x\\y', '[!a-c]?']}\n"
    "      metricTagDenyList: {l: ['*'], m: []}\n"
    "      tagInclude: [le]\n"
    "      tagExclude: ['']\n"
    "      tagGuaranteeList: [app, 'a,b']\n"
    "    collection: {interval: 2m, timeout: 1500ms}\n"
    "    httpConfig:\n"
    "      headers: {X-A: s3cret-header, X-B: '${TOKEN}'}\n"
    "      follow_redirects: no\n"
    "      proxy_url: http://s3cret-user:s3cret-pass@proxy:3128\n"
    "      tls_config: {ca_file: /dev/null, cert_file: /dev/null, key_file: /dev/zero,\n"
    "                   server_name: other, insecure_skip_verify: yes}\n"
    "    convertHistograms: no\n"
    "    honorTimestamps: no\n"
    "    repeats: send\n"
    "    addresses: one\n"
    "    splitMatches: yes\n"
    "    shardBy: series\n"
    "    limits: {bodySize: 3GiB, lineLength: 1000, labels: 3, samples: 4}\n"
    "  - {url: 'http://h', httpConfig: {bearer_token: s3cret-token}}\n"
    "  - {url: 'http://:s3cret-pass@h/p',\n"
    "     httpConfig: {tls_config: {serverIdentities: ['spiffe://a/*', 'spiffe://b/c']}}}\n"
    "  - url: https://kubernetes.default.svc.cluster.local/metrics\n"
    "    httpConfig: {bearer_token_file: /dev/null}\n"
    "sinks:\n"
    "- name: all\n"
    "  proxyAddress: ['p:1', 'http://q:2/report', 'https://r/x,http://[::1]:3/report', s]\n"
    "  token: s3cret-token\n"
    "  prefix: .pre.\n"
    "  tags: {region: eu}\n"
    "  filters: {tagExclude: ['dr*']}\n"
    "  batchSize: 7\n"
    "  compress: no\n"
    "  connectTimeout: 1s\n"
    "  requestTimeout: 2s\n"
    "  proxyUrl: https://:s3cret-pass@proxy\n"
    "  tls_config: {ca_file: /dev/null}\n"
    "  spool: {directory: '', memoryBytes: 2MiB}\n"
    "  tagPriority: [le, cluster]\n"
    "  limits: {name: 1, source: 2, tags: 3, tagKey: 4, tagValue: 5}\n"
    "- proxyAddress: '[fe80::1%eth0]:4,t:5'\n"
    "  protocol: tcp\n"
    "- server: http://w.example.com\n"
    "  cloudServices: {url: 'https://c.example.com/', clientId: s3cret-id,\n"
    "                  clientSecret: '${TOKEN}', orgId: org}\n"
    "- server: https://w.example.com/x\n"
    "  cloudServices: {apiTokenFile: /dev/null}\n"
    "- server: https://w.example.com\n"
    "  tokenFile: /dev/null\n"
    "  spool: {sync: interval, syncInterval: 20ms}\n"
    "- {type: stdout, tagPriority: []}\n"
    "- {testMode: yes, token: s3cret-token}\n";

Environment environment() {
  return loading::environment({{"TOKEN", "s3cret-of-env"},
                               {"POD_NODE_NAME", "node-1"},
                               {"HTTP_PROXY", "http://s3cret-user:s3cret-pass@outer:1"},
                               {"NO_PROXY", ".local"}});
}

std::vector<std::string> texts(const PatternList& patterns) {
  std::vector<std::string> result;
  for (const auto& pattern : patterns) result.push_back(pattern.text);
  return result;
}

Config good(const LoadResult& result) {
  CAPTURE(lines(result));
  REQUIRE(result.config.has_value());
  return *result.config;
}

// What the effective configuration is when it is read in its turn.
Config read_back(const Config& config) {
  const std::string text = effective_yaml(config);
  CAPTURE(text);
  Config again = good(load_text(config.file, text, environment()));
  CHECK(effective_yaml(again) == text);
  return again;
}

void check_same(const Source& a, const Source& b) {
  CHECK(a.name == b.name);
  CHECK(a.url == b.url);
  CHECK(a.prefix == b.prefix);
  CHECK(a.source == b.source);
  CHECK(a.tags == b.tags);
  CHECK(texts(a.filters.metric_allow) == texts(b.filters.metric_allow));
  CHECK(texts(a.filters.metric_deny) == texts(b.filters.metric_deny));
  CHECK(a.filters.metric_tag_allow.size() == b.filters.metric_tag_allow.size());
  CHECK(a.filters.metric_tag_deny.size() == b.filters.metric_tag_deny.size());
  CHECK(a.filters.tag_guarantee == b.filters.tag_guarantee);
  CHECK(a.convert_histograms == b.convert_histograms);
  CHECK(a.omit_bucket_suffix == b.omit_bucket_suffix);
  CHECK(a.honor_timestamps == b.honor_timestamps);
  CHECK(a.repeats == b.repeats);
  CHECK(a.addresses == b.addresses);
  CHECK(a.split_matches == b.split_matches);
  CHECK(a.shard_by == b.shard_by);
  CHECK(a.interval_ms == b.interval_ms);
  CHECK(a.timeout_ms == b.timeout_ms);
  CHECK(a.http.proxy_url == b.http.proxy_url);
  CHECK(a.http.headers.size() == b.http.headers.size());
  CHECK(a.http.bearer_token.empty() == b.http.bearer_token.empty());
  CHECK(a.http.bearer_token_file == b.http.bearer_token_file);
  CHECK(a.http.basic_password.empty() == b.http.basic_password.empty());
  CHECK(a.http.follow_redirects == b.http.follow_redirects);
  CHECK(a.http.tls.ca_file == b.http.tls.ca_file);
  CHECK(a.http.tls.insecure_skip_verify == b.http.tls.insecure_skip_verify);
  CHECK(a.http.tls.server_identities == b.http.tls.server_identities);
  CHECK(a.limits.body_bytes == b.limits.body_bytes);
  CHECK(a.limits.line_bytes == b.limits.line_bytes);
  CHECK(a.limits.samples == b.limits.samples);
}

void check_same(const Sink& a, const Sink& b) {
  CHECK(a.name == b.name);
  CHECK(a.kind == b.kind);
  REQUIRE(a.endpoints.size() == b.endpoints.size());
  for (std::size_t i = 0; i < a.endpoints.size(); ++i) {
    CHECK(a.endpoints[i].url == b.endpoints[i].url);
    CHECK(a.endpoints[i].host == b.endpoints[i].host);
    CHECK(a.endpoints[i].port == b.endpoints[i].port);
  }
  CHECK(a.token.empty() == b.token.empty());
  CHECK(a.token_file == b.token_file);
  CHECK(a.cloud_services.is_set() == b.cloud_services.is_set());
  CHECK(a.cloud_services.url == b.cloud_services.url);
  CHECK(a.cloud_services.org_id == b.cloud_services.org_id);
  CHECK(a.cloud_services.proxy_url == b.cloud_services.proxy_url);
  CHECK(a.proxy_url == b.proxy_url);
  CHECK(a.proxy_username.empty() == b.proxy_username.empty());
  CHECK(a.prefix == b.prefix);
  CHECK(a.tags == b.tags);
  CHECK(texts(a.filters.tag_exclude) == texts(b.filters.tag_exclude));
  CHECK(a.tag_priority == b.tag_priority);
  CHECK(a.limits.name_bytes == b.limits.name_bytes);
  CHECK(a.limits.tag_value_bytes == b.limits.tag_value_bytes);
  CHECK(a.batch_points == b.batch_points);
  CHECK(a.spool.directory == b.spool.directory);
  CHECK(a.spool.bytes == b.spool.bytes);
  CHECK(a.spool.memory_bytes == b.spool.memory_bytes);
  CHECK(a.spool.max_age_ms == b.spool.max_age_ms);
  CHECK(a.spool.sync == b.spool.sync);
  CHECK(a.spool.sync_interval_ms == b.spool.sync_interval_ms);
  CHECK(a.spool.drain_rate == b.spool.drain_rate);
  CHECK(a.gzip == b.gzip);
  CHECK(a.request_timeout_ms == b.request_timeout_ms);
  CHECK(a.connect_timeout_ms == b.connect_timeout_ms);
  CHECK(a.tls == b.tls);
}

void check_same(const Config& a, const Config& b) {
  CHECK(a.cluster_name == b.cluster_name);
  CHECK(a.shutdown_grace_ms == b.shutdown_grace_ms);
  CHECK(a.glob_compat == b.glob_compat);
  REQUIRE(a.sources.size() == b.sources.size());
  for (std::size_t i = 0; i < a.sources.size(); ++i) check_same(a.sources[i], b.sources[i]);
  REQUIRE(a.sinks.size() == b.sinks.size());
  for (std::size_t i = 0; i < a.sinks.size(); ++i) check_same(a.sinks[i], b.sinks[i]);
  REQUIRE(a.internal_stats.has_value() == b.internal_stats.has_value());
  if (a.internal_stats) check_same(*a.internal_stats, *b.internal_stats);
  CHECK(a.status.listen == b.status.listen);
  CHECK(a.status.is_listen_written == b.status.is_listen_written);
  CHECK(a.status.bearer_token.empty() == b.status.bearer_token.empty());
  CHECK(a.status.bearer_token_file == b.status.bearer_token_file);
  CHECK(a.status.basic_username.empty() == b.status.basic_username.empty());
  CHECK(a.status.cert_file == b.status.cert_file);
  CHECK(a.status.key_file == b.status.key_file);
}

}  // namespace

TEST_CASE("the effective configuration of every sample is a file that means the same") {
  std::vector<std::string> paths = {kData + "/../../docs/istio-sample.yaml"};
  for (const auto& entry : std::filesystem::directory_iterator(kData + "/config")) {
    paths.push_back(entry.path());
  }
  CHECK(paths.size() == 12);
  for (const std::string& path : paths) {
    CAPTURE(path);
    const Config config = good(load_file(path, environment()));
    check_same(config, read_back(config));
    CHECK(effective_yaml(config).find("not-a-real-token") == std::string::npos);
  }
}

TEST_CASE("the effective configuration of a file with every key means the same, without a secret") {
  const Config config = good(load_text("f\n\"x", kEveryKey, environment()));
  const Config again = read_back(config);
  check_same(config, again);
  CHECK(effective_yaml(config).find("s3cret") == std::string::npos);
  // Both could be wrong in the same way.
  CHECK(again.sources.at(0).tags ==
        Tags{{"<<", "${TOKEN}"}, {"", " x "}, {"yes", "a\nb"}, {"n.o", ""}});
  CHECK(texts(again.sources[0].filters.metric_allow) ==
        std::vector<std::string>{"a", "b.*", "{c,d}.*"});
  CHECK(texts(again.sources[0].filters.metric_deny) == std::vector<std::string>{"only,one"});
  CHECK(again.sources[0].name == "every\tkey: # \u00e9 \x7f");
  CHECK(again.sources[0].http.headers.at("X-A").value == "<secret>");
  CHECK(again.sources[0].http.basic_username == "<secret>");
  CHECK(again.sources[0].split_matches);
  CHECK(again.sources[0].shard_by == ShardBy::Series);
  CHECK(again.sources[1].interval_ms == 45'000);
  CHECK(again.sources[2].http.tls.server_identities.size() == 2);
  CHECK(again.sinks.at(0).spool.directory.empty());
  CHECK(again.sinks[0].endpoints.at(2).url == "https://r/x");
  CHECK(again.sinks[1].spool.directory == "/var/spool/${x}");
  CHECK(again.sinks[2].proxy_url == "http://outer:1");
  CHECK(again.sinks[2].cloud_services.proxy_url.empty());
  CHECK(again.sinks[5].tag_priority.empty());
}

TEST_CASE("the effective configuration gives nothing to complain of, and every default") {
  const Config config = good(load_text("f", loading::in_file(""), environment()));
  const std::string text = effective_yaml(config);
  CAPTURE(text);
  CHECK(lines(load_text("f", text, environment())) == std::vector<std::string>{});
  for (const std::string line :
       {"# What \"f\" comes to, with every default. A null is nothing; secrets are not shown.\n",
        "clusterName: \"k8s-cluster\"\n", "  # listen: \"127.0.0.1:9464\" is the default here\n",
        "    httpConfig:\n      basic_auth: null\n", "    source: \"node-1\"\n",
        "      interval: 1m\n", "      bodySize: 4GiB\n", "    metricAllowList: []\n",
        "  proxyAddress:\n  - \"p:1\"\n", "  - \"quantile\"\n", "    maxAge: 7d\n",
        "    directory: \"\"\n", "  token: null\n", "  tags: {}\n"}) {
    CAPTURE(line);
    CHECK(text.find(line) != std::string::npos);
  }
}

TEST_CASE("keys and values of any length and content come back") {
  const std::string longest(3000, 'k');
  const std::string strange = "\x01\x1f\x7f\"\\\n\t#: '{[*&!%@`";
  Config config = good(load_text("f", loading::in_file(""), environment()));
  config.sources[0].tags = {{longest, strange}, {strange, longest}};
  config.sources[0].filters.metric_tag_deny[longest] = {{"*", {}}, {"x", {}}};
  const Config again = read_back(config);
  CHECK(again.sources.at(0).tags == config.sources[0].tags);
  CHECK(texts(again.sources[0].filters.metric_tag_deny.at(longest)) ==
        std::vector<std::string>{"*", "x"});
}

TEST_CASE("bytes that are not UTF-8 are shown as question marks") {
  Config config = good(load_text("f", loading::in_file(""), environment()));
  config.sources[0].source =
      "a\xff"
      "b\xed\xa0\x80";
  CHECK(read_back(config).sources.at(0).source == "a?b???");
}

TEST_CASE("HTTP proxies that only the environment can tell apart are left to it") {
  const Config config = good(load_text(
      "f",
      "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
      "sinks: [{server: 'http://w', cloudServices: {url: 'https://c', apiToken: s3cret}}]\n",
      environment()));
  REQUIRE(config.sinks.at(0).proxy_url == "http://outer:1");
  check_same(config, read_back(config));
  CHECK(effective_yaml(config).find(
            "  proxyUrl: null\n  # from the environment: "
            "\"http://<secret>:<secret>@outer:1\" for the sink, none for cloudServices\n") !=
        std::string::npos);
}
