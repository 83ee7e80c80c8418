#include "config/load.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tests/unit/config/loading.h"

using fedwave::config::Addresses;
using fedwave::config::Config;
using fedwave::config::GlobCompat;
using fedwave::config::load_file;
using fedwave::config::LoadResult;
using fedwave::config::PatternList;
using fedwave::config::Problem;
using fedwave::config::Repeats;
using fedwave::config::ShardBy;
using fedwave::config::Sink;
using fedwave::config::SinkKind;
using fedwave::config::Source;
using fedwave::config::SpoolSync;
using fedwave::config::Tags;
using loading::in_file;
using loading::in_sink;
using loading::in_source;
using loading::lines;
using loading::load;
using loading::loaded;

namespace {

const std::string kData = FEDWAVE_TEST_DATA "/config/";

std::vector<std::string> texts(const PatternList& patterns) {
  std::vector<std::string> result;
  for (const auto& pattern : patterns) result.push_back(pattern.text);
  return result;
}

Source source_with(const std::string& yaml) {
  return loaded(in_source(yaml)).sources.at(0);
}

// A source or sink given as a whole; warnings are allowed.
Source source_of(const std::string& fields) {
  LoadResult result =
      load("sinks: [{proxyAddress: 'p:1'}]\nsources: {prometheus_sources: [{" + fields + "}]}\n");
  CAPTURE(lines(result));
  REQUIRE(result.config.has_value());
  return result.config->sources.at(0);
}
Sink sink_of(const std::string& fields) {
  LoadResult result =
      load("sources: {prometheus_sources: [{url: 'http://h/m'}]}\nsinks: [{" + fields + "}]\n");
  CAPTURE(lines(result));
  REQUIRE(result.config.has_value());
  return result.config->sinks.at(0);
}

}  // namespace

TEST_CASE("the collector's own configurations load unchanged") {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kData)) {
    CAPTURE(entry.path());
    const LoadResult result = load_file(entry.path(), loading::environment());
    CHECK(result.config.has_value());
    REQUIRE(result.problems.size() == 1);
    CHECK(result.problems[0].what.find("fedwave does not have these and leaves them aside: ") == 0);
    ++count;
  }
  CHECK(count == 11);
}

TEST_CASE("the documented Istio source becomes what the relay needs") {
  const LoadResult result = load_file(kData + "01-istio-federated.yaml", loading::environment());
  REQUIRE(result.config.has_value());
  const Config& config = *result.config;
  CHECK(config.file == kData + "01-istio-federated.yaml");
  CHECK(config.cluster_name == "mesh-1");
  REQUIRE(config.sinks.size() == 1);
  CHECK(config.sinks[0].kind == SinkKind::ProxyHttp);
  CHECK(config.sinks[0].name == "proxy wavefront-proxy.default.svc.cluster.local:2878");
  REQUIRE(config.sinks[0].endpoints.size() == 1);
  CHECK(config.sinks[0].endpoints[0].url ==
        "http://wavefront-proxy.default.svc.cluster.local:2878/report");
  REQUIRE(config.sources.size() == 1);
  const Source& source = config.sources[0];
  CHECK(source.url ==
        "http://prometheus.istio-system.svc.cluster.local:9090/federate"
        "?match[]=%7Bjob=~%22federate%7Ckubernetes-pods%22%7D");
  CHECK(source.name == source.url);
  CHECK(source.source == "prom_source");
  CHECK(source.interval_ms == 60'000);
  CHECK(source.timeout_ms == 60'000);
  CHECK(source.honor_timestamps);
  REQUIRE(source.filters.metric_allow.size() == 28);
  CHECK(source.filters.metric_allow[0].text == "istio.requests.*");
  CHECK(source.filters.metric_allow[0].where.line == 14);
  CHECK(source.filters.metric_allow[0].where.column == 9);
  CHECK(texts(source.filters.metric_tag_deny.at("destination_principal")) ==
        std::vector<std::string>{"*"});
}

TEST_CASE("a whole collector configuration loads with one warning that names what is left aside") {
  const LoadResult result = load_file(kData + "collector.yaml", loading::environment());
  CHECK(lines(result) ==
        std::vector<std::string>{
            "f:2:1: warning: fedwave does not have these and leaves them aside: enableDiscovery, "
            "enableEvents (line 3), events (line 24), sources.kubernetes_source (line 32), "
            "sources.kubernetes_state_source (line 41), sources.kubernetes_cadvisor_source (line "
            "43), sources.telegraf_sources (line 47), sources.systemd_source (line 53), discovery "
            "(line 86)"});
  REQUIRE(result.config.has_value());
  const Config& config = *result.config;
  REQUIRE(config.sinks.size() == 1);
  CHECK(config.sinks[0].request_timeout_ms == 15'000);
  CHECK(config.sinks[0].tags == Tags{{"region", "eu-central-1"}, {"tier", "1.10"}});
  REQUIRE(config.sources.size() == 2);
  CHECK(config.sources[0].name == "api-server-by-name");
  CHECK(config.sources[0].http.bearer_token.value == "not-a-real-token");
  CHECK(config.sources[0].http.tls.insecure_skip_verify);
  CHECK(config.sources[1].interval_ms == 90'000);
  CHECK(config.sources[1].timeout_ms == 60'000);
  CHECK(config.sources[1].tags ==
        Tags{{"mesh", "main"}, {"region", "eu-central-1"}, {"tier", "1.10"}});
  REQUIRE(config.internal_stats.has_value());
  CHECK(config.internal_stats->prefix == "kubernetes.");
}

TEST_CASE("the Istio sample of the documentation has no error") {
  const LoadResult result =
      load_file(FEDWAVE_TEST_DATA "/../../docs/istio-sample.yaml", loading::environment());
  REQUIRE(result.config.has_value());
  for (const Problem& problem : result.problems) {
    CHECK(problem.what.find("\"bearer_token_file\"") == 0);
  }
  CHECK(result.config->sources.at(0).filters.metric_allow.size() == 29);
}

TEST_CASE("what a file leaves out has its default") {
  const Config config = loaded(in_file(""));
  CHECK(config.cluster_name == "k8s-cluster");
  CHECK(config.shutdown_grace_ms == 20'000);
  CHECK(config.glob_compat == GlobCompat::Documented);
  const Sink& sink = config.sinks.at(0);
  CHECK(sink.request_timeout_ms == 20'000);
  CHECK(sink.connect_timeout_ms == 5000);
  CHECK(sink.batch_points == 10'000);
  CHECK(sink.spool.directory.empty());
  CHECK(sink.spool.bytes == 1 << 30);
  CHECK(sink.spool.memory_bytes == 64 << 20);
  CHECK(sink.spool.max_age_ms == 604'800'000);
  CHECK(sink.spool.sync == SpoolSync::Interval);
  CHECK(sink.spool.sync_interval_ms == 1000);
  CHECK(sink.spool.drain_rate == 50'000);
  CHECK_FALSE(sink.cloud_services.is_set());
  CHECK(sink.cloud_services.url == "https://console.cloud.vmware.com");
  CHECK(sink.gzip);
  REQUIRE(sink.tag_priority.size() > 10);
  CHECK(sink.tag_priority[0] == "cluster");
  CHECK(sink.tag_priority[1] == "le");
  CHECK(sink.tag_priority[2] == "quantile");
  CHECK(sink.tag_priority[3] == "reporter");
  const Source& source = config.sources.at(0);
  CHECK(source.filters.empty());
  CHECK_FALSE(source.convert_histograms);
  CHECK_FALSE(source.omit_bucket_suffix);
  CHECK(source.repeats == Repeats::Suppress);
  CHECK(source.addresses == Addresses::Each);
  CHECK(source.limits.body_bytes == std::int64_t{4} << 30);
}

TEST_CASE("a key without a value is a key that is not there") {
  const Config config = loaded(
      "clusterName:\n"
      "flushInterval: ~\n"
      "experimental:\n"
      "sinks: [{proxyAddress: 'p:1', prefix: , filters: null}]\n"
      "sources: {prometheus_sources: [{url: 'http://h/m', tags: {a: }}]}\n");
  CHECK(config.cluster_name == "k8s-cluster");
  CHECK(config.sources.at(0).tags == Tags{{"a", ""}});
}

TEST_CASE("booleans are YAML 1.1's and text keeps its characters") {
  struct Row {
    std::string text;
    bool value;
  };
  const Row rows[] = {{"yes", true}, {"Y", true},  {"on", true},   {"TRUE", true},  {"true", true},
                      {"no", false}, {"n", false}, {"Off", false}, {"False", false}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    // The default is the other one.
    CHECK(loaded(in_sink("  compress: " + row.text + "\n")).sinks.at(0).gzip == row.value);
    CHECK(source_with("    convertHistograms: " + row.text + "\n").convert_histograms == row.value);
  }
  CHECK(source_with("    tags: {a: 1.10, b: yes, c: 010, d: '~', e: 2020-01-01, f: '${TOKEN}'}\n")
            .tags == Tags{{"a", "1.10"},
                          {"b", "yes"},
                          {"c", "010"},
                          {"d", "~"},
                          {"e", "2020-01-01"},
                          {"f", "${TOKEN}"}});
}

TEST_CASE("anchors, aliases and merges work, and a map's own keys win") {
  const Config config = loaded(
      "sinks: [{proxyAddress: 'p:1'}]\n"
      "sources:\n"
      "  prometheus_sources:\n"
      "  - &first\n"
      "    url: http://a/m\n"
      "    tags: &tags {a: first, b: first}\n"
      "    filters: &filters {metricAllowList: &list ['x.*', 'y.*']}\n"
      "  - <<: *first\n"
      "    url: http://b/m\n"
      "    tags: {a: second, <<: *tags}\n"
      "  - url: http://c/m\n"
      "    tags: {<<: [{a: third, c: third}, *tags]}\n"
      "    filters: {<<: *filters, metricDenyList: *list}\n");
  REQUIRE(config.sources.size() == 3);
  CHECK(config.sources[1].url == "http://b/m");
  CHECK(config.sources[1].tags == Tags{{"a", "second"}, {"b", "first"}});
  CHECK(texts(config.sources[1].filters.metric_allow) == std::vector<std::string>{"x.*", "y.*"});
  CHECK(config.sources[2].tags == Tags{{"a", "third"}, {"b", "first"}, {"c", "third"}});
  CHECK(texts(config.sources[2].filters.metric_deny) == std::vector<std::string>{"x.*", "y.*"});
}

TEST_CASE("a comma splits an element of a longer list, and is literal in a list of one") {
  struct Row {
    std::string list;
    std::vector<std::string> patterns;
  };
  const Row rows[] = {
      {"['a,b']", {"a,b"}},
      {"['a,b', c]", {"a", "b", "c"}},
      {"['{a,b}', c]", {"{a,b}", "c"}},
      {"['[a,b]', c]", {"[a,b]", "c"}},
      {"['a\\,b', c]", {"a\\,b", "c"}},
      {"['{a,{b,c}},d', e]", {"{a,{b,c}}", "d", "e"}},
      {"['[{],x', e]", {"[{]", "x", "e"}},
      {"['\\{,x', e]", {"\\{", "x", "e"}},
      {"[1.10, yes]", {"1.10", "yes"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.list);
    CHECK(texts(source_with("    filters: {tagInclude: " + row.list + "}\n").filters.tag_include) ==
          row.patterns);
  }
}

TEST_CASE("all lists of filters are read") {
  const Source source = source_with(
      "    filters:\n"
      "      metricAllowList: ['a.*']\n"
      "      metricDenyList: ['b.*']\n"
      "      metricTagAllowList: {app: ['x'], pod: ['y', 'z']}\n"
      "      metricTagDenyList: {code: ['5?x']}\n"
      "      tagInclude: ['i*']\n"
      "      tagExclude: ['e*']\n"
      "      tagGuaranteeList: ['le,app', 'source_*']\n");
  const auto& filters = source.filters;
  CHECK(texts(filters.metric_allow) == std::vector<std::string>{"a.*"});
  CHECK(texts(filters.metric_deny) == std::vector<std::string>{"b.*"});
  CHECK(filters.metric_tag_allow.size() == 2);
  CHECK(texts(filters.metric_tag_allow.at("pod")) == std::vector<std::string>{"y", "z"});
  CHECK(texts(filters.metric_tag_deny.at("code")) == std::vector<std::string>{"5?x"});
  CHECK(texts(filters.tag_include) == std::vector<std::string>{"i*"});
  CHECK(texts(filters.tag_exclude) == std::vector<std::string>{"e*"});
  CHECK(filters.tag_guarantee == std::vector<std::string>{"le", "app", "source_*"});
}

TEST_CASE("a deprecated list counts only where the modern one is empty") {
  const Source old = source_of(
      "url: 'http://h/m', filters: {metricWhitelist: [a], metricBlacklist: [b], "
      "metricTagWhitelist: {t: [c]}, metricTagBlacklist: {t: [d]}}");
  CHECK(texts(old.filters.metric_allow) == std::vector<std::string>{"a"});
  CHECK(texts(old.filters.metric_deny) == std::vector<std::string>{"b"});
  CHECK(texts(old.filters.metric_tag_allow.at("t")) == std::vector<std::string>{"c"});
  CHECK(texts(old.filters.metric_tag_deny.at("t")) == std::vector<std::string>{"d"});
  const Source both =
      source_of("url: 'http://h/m', filters: {metricWhitelist: [a], metricAllowList: [b]}");
  CHECK(texts(both.filters.metric_allow) == std::vector<std::string>{"b"});
  const Source empty =
      source_of("url: 'http://h/m', filters: {metricWhitelist: [a], metricAllowList: []}");
  CHECK(texts(empty.filters.metric_allow) == std::vector<std::string>{"a"});
}

TEST_CASE("patterns may have underscores where names may") {
  CHECK(lines(load(in_source("    prefix: my_\n    filters: {metricAllowList: ['my_*']}\n")))
            .empty());
  CHECK(lines(load(in_source("    filters: {metricAllowList: ['a.[_x]*']}\n"))).empty());
  CHECK(lines(load(in_source(
                  "    filters: {metricTagDenyList: {a_b: ['c_*']}, tagExclude: ['d_*']}\n")))
            .empty());
  CHECK(lines(load(in_sink("  filters: {metricDenyList: ['a_*']}\n"))).size() == 1);
}

TEST_CASE("a pattern that a federated name may match gives no warning") {
  struct Row {
    std::string url;
    std::string list;
  };
  const Row rows[] = {
      {"http://h/metrics", "['a.total']"},
      {"http://h/federate?match[]=up", "['a.total.value', 'a.*', '*.total.valu?', 'a.{b,c}']"},
      {"http://h/federate?match[]=up", "['*alue', '*.value', 'a.[x]', '*\\.value']"},
      {"http://h/federate?match[]=up", "['a.total.value']"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.list);
    CHECK(lines(load("sinks: [{proxyAddress: 'p:1'}]\n"
                     "sources: {prometheus_sources: [{url: '" +
                     row.url + "', filters: {metricAllowList: " + row.list +
                     ", metricTagDenyList: {a_b: ['x.y']}}}]}\n")) == std::vector<std::string>{});
  }
  CHECK(lines(load(in_source("    filters: {metricTagDenyList: {a.b: [x]}}\n"))) ==
        std::vector<std::string>{});
}

TEST_CASE("the interval and the timeout follow one another") {
  struct Row {
    std::string collection;
    std::int64_t interval_ms;
    std::int64_t timeout_ms;
  };
  const Row rows[] = {
      {"{}", 60'000, 60'000},
      {"{interval: 15s}", 15'000, 15'000},
      {"{interval: 5m}", 300'000, 60'000},
      {"{interval: 0s}", 60'000, 60'000},
      {"{interval: -1s, timeout: 0}", 60'000, 60'000},
      {"{interval: 5m, timeout: 2m}", 300'000, 120'000},
      {"{timeout: 10s}", 60'000, 10'000},
  };
  for (const Row& row : rows) {
    CAPTURE(row.collection);
    const Source source = source_with("    collection: " + row.collection + "\n");
    CHECK(source.interval_ms == row.interval_ms);
    CHECK(source.timeout_ms == row.timeout_ms);
  }
  const Config config = loaded(in_file("defaultCollectionInterval: 20s\n"));
  CHECK(config.sources.at(0).interval_ms == 20'000);
  CHECK(config.sources.at(0).timeout_ms == 20'000);
}

TEST_CASE("top-level switches reach every source") {
  const Config config =
      loaded(in_file("omitBucketSuffix: true\nexperimental: [histogram-conversion]\n"));
  CHECK(config.sources.at(0).omit_bucket_suffix);
  CHECK(config.sources.at(0).convert_histograms);
}

TEST_CASE("the source's name comes from the file, the node or nowhere") {
  const std::string yaml = in_source("");
  const auto on_node =
      fedwave::config::load_text("f", yaml, loading::environment({{"POD_NODE_NAME", "node-1"}}));
  CHECK(on_node.config.value().sources.at(0).source == "node-1");
  const auto unnamed =
      fedwave::config::load_text("f", yaml, loading::environment({{"POD_NODE_NAME", ""}}));
  CHECK(unnamed.config.value().sources.at(0).source == "prom_source");
  CHECK(source_with("    source: mine\n").source == "mine");
}

TEST_CASE("selectors under match are encoded and added to the URL") {
  struct Row {
    std::string fields;
    std::string url;
  };
  const Row rows[] = {
      {"url: 'http://h/federate', match: '{a=~\".+\"}'",
       "http://h/federate?match[]=%7Ba%3D~%22.%2B%22%7D"},
      {"url: 'http://h/federate', match: [up, '{b=\"c\"}']",
       "http://h/federate?match[]=up&match[]=%7Bb%3D%22c%22%7D"},
      {"url: 'http://h/federate?x=y', match: up", "http://h/federate?x=y&match[]=up"},
      {"url: 'http://h'", "http://h/"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    const LoadResult result = load(
        "sinks: [{proxyAddress: 'p:1'}]\nsources: {prometheus_sources: [{" + row.fields + "}]}\n");
    CHECK(lines(result) == std::vector<std::string>{});
    REQUIRE(result.config.has_value());
    CHECK(result.config->sources.at(0).url == row.url);
  }
}

TEST_CASE("credentials in a URL become basic auth unless there are others") {
  const Source plain = source_of("url: 'http://us%40er:pa%3Ass@h/m'");
  CHECK(plain.url == "http://h/m");
  CHECK(plain.name == "http://h/m");
  CHECK(plain.http.basic_username == "us@er");
  CHECK(plain.http.basic_password.value == "pa:ss");
  const Source token = source_of("url: 'http://u:p@h/m', httpConfig: {bearer_token: t}");
  CHECK(token.url == "http://h/m");
  CHECK(token.http.basic_username.empty());
  CHECK(token.http.basic_password.empty());
  const Source basic =
      source_of("url: 'http://u:p@h/m', httpConfig: {basic_auth: {username: x, password: y}}");
  CHECK(basic.http.basic_username == "x");
  CHECK(basic.http.basic_password.value == "y");
}

TEST_CASE("a proxy's credentials are taken out of its URL and decoded") {
  struct Row {
    std::string written;
    std::string url;
    std::string username;
    std::string password;
  };
  const Row rows[] = {
      {"http://proxy:3128", "http://proxy:3128", "", ""},
      {"HTTPS://proxy/", "https://proxy", "", ""},
      {"http://us%40er:p%3Aa%2Fss@proxy:3128", "http://proxy:3128", "us@er", "p:a/ss"},
      {"http://user:s3cr et@[::1]:3128/", "http://[::1]:3128", "user", "s3cr et"},
      {"http://user@proxy:3128", "http://proxy:3128", "user", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.written);
    const Source source =
        source_of("url: 'http://h/m', httpConfig: {proxy_url: '" + row.written + "'}");
    CHECK(source.http.proxy_url == row.url);
    CHECK(source.http.proxy_username == row.username);
    CHECK(source.http.proxy_password.value == row.password);
    const Sink sink = sink_of("proxyAddress: 'p:1', proxyUrl: '" + row.written + "'");
    CHECK(sink.proxy_url == row.url);
    CHECK(sink.proxy_username == row.username);
    CHECK(sink.proxy_password.value == row.password);
  }
}

TEST_CASE("variables are put into secrets and nowhere else") {
  const Source source = source_of(
      "url: 'http://h/${TOKEN}', name: '${TOKEN}', prefix: '$$', httpConfig: {"
      "basic_auth: {username: 'u-${TOKEN}', password: '$${TOKEN}$'}, "
      "headers: {X-A: '${TOKEN}${TOKEN}', X-B: '$a'}, proxy_url: 'http://${TOKEN}@proxy:1'}");
  CHECK(source.url == "http://h/$%7BTOKEN%7D");
  CHECK(source.name == "${TOKEN}");
  CHECK(source.prefix == "$$");
  CHECK(source.http.basic_username == "u-s3cret");
  CHECK(source.http.basic_password.value == "${TOKEN}$");
  CHECK(source.http.headers.at("X-A").value == "s3crets3cret");
  CHECK(source.http.headers.at("X-B").value == "$a");
  CHECK(source.http.proxy_url == "http://proxy:1");
  CHECK(source.http.proxy_username == "s3cret");
  const auto with_line_break = fedwave::config::load_text(
      "f", in_sink("  token: ${TOKEN}\n"), loading::environment({{"TOKEN", "abc\n"}}));
  CHECK(with_line_break.config.value().sinks.at(0).token.value == "abc");
}

TEST_CASE("one bearer token or token file is used, the text first") {
  const Source both =
      source_of("url: 'http://h/m', httpConfig: {bearer_token: t, bearer_token_file: /dev/null}");
  CHECK(both.http.bearer_token.value == "t");
  CHECK(both.http.bearer_token_file.empty());
  const Sink sink = sink_of("server: 'https://w', token: t, tokenFile: /dev/null");
  CHECK(sink.token.value == "t");
  CHECK(sink.token_file.empty());
  const Sink file = sink_of("server: 'https://w', tokenFile: /dev/null");
  CHECK(file.token_file == "/dev/null");
}

TEST_CASE("the API server is trusted as the collector trusts it") {
  const std::string url = "url: 'https://kubernetes.default.svc.cluster.local/metrics'";
  const Source source = source_of(url);
  CHECK(source.http.tls.ca_file == "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt");
  CHECK(source.http.tls.insecure_skip_verify);
  const LoadResult result =
      load("sinks: [{proxyAddress: 'p:1'}]\nsources: {prometheus_sources: [{" + url + "}]}\n");
  CHECK(lines(result).at(0) ==
        "f:2:38: warning: the API server's certificate is not verified, as in the collector; write "
        "tls_config with ca_file: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt");
  const Source own = source_of(url + ", httpConfig: {tls_config: {ca_file: /dev/null}}");
  CHECK(own.http.tls.ca_file == "/dev/null");
  CHECK_FALSE(own.http.tls.insecure_skip_verify);
}

TEST_CASE("everything of ours on a source and at the top is read") {
  const Config config = loaded(
      in_source("    honorTimestamps: false\n"
                "    repeats: send\n"
                "    addresses: one\n"
                "    shardBy: series\n"
                "    limits: {bodySize: 512KB, lineLength: 64KiB, labels: 7, samples: 1000}\n"
                "    httpConfig: {follow_redirects: off}\n"
                "globCompat: overlap\n"
                "shutdownGrace: 1m30s\n"));
  const Source& source = config.sources.at(0);
  CHECK_FALSE(source.honor_timestamps);
  CHECK(source.repeats == Repeats::Send);
  CHECK(source.addresses == Addresses::One);
  CHECK(source.shard_by == ShardBy::Series);
  CHECK(source.limits.body_bytes == 512'000);
  CHECK(source.limits.line_bytes == 65'536);
  CHECK(source.limits.labels == 7);
  CHECK(source.limits.samples == 1000);
  CHECK_FALSE(source.http.follow_redirects);
  CHECK(config.glob_compat == GlobCompat::Overlap);
  CHECK(config.shutdown_grace_ms == 90'000);
}

TEST_CASE("sources and sinks of the same name are all kept, each with a name of its own") {
  const LoadResult result = load(
      "sinks: [{proxyAddress: 'p:1'}, {proxyAddress: 'p:1'}]\n"
      "sources:\n"
      "  prometheus_sources:\n"
      "  - {url: 'http://a/m', name: x}\n"
      "  - {url: 'http://b/m', name: x}\n"
      "  - {url: 'http://c/m', name: 'x #2'}\n");
  REQUIRE(result.config.has_value());
  CHECK(result.config->sinks.at(1).name == "proxy p:1 #2");
  REQUIRE(result.config->sources.size() == 3);
  CHECK(result.config->sources[0].name == "x");
  CHECK(result.config->sources[1].name == "x #3");
  CHECK(result.config->sources[2].name == "x #2");
}

TEST_CASE("a file that cannot be read is one problem") {
  const auto missing = load_file("/no/such/file.yaml", loading::environment());
  CHECK(lines(missing) ==
        std::vector<std::string>{"f: error: cannot open the file: No such file or directory"});
  CHECK_FALSE(missing.config.has_value());
  const auto folder = load_file("/", loading::environment());
  CHECK(lines(folder) ==
        std::vector<std::string>{
            "f: error: cannot read the file: Is a directory; name the file in it"});
  const std::string large = std::filesystem::temp_directory_path() / "fedwave_load_test.yaml";
  std::ofstream(large) << std::string((4 << 20) + 1, ' ');
  CHECK(lines(load_file(large, loading::environment())) ==
        std::vector<std::string>{
            "f: error: the file is larger than the 4194304 bytes allowed; is it the right file?"});
  std::remove(large.c_str());
  CHECK(lines(load(std::string((4 << 20) + 1, ' '))) ==
        std::vector<std::string>{"f: error: the file is larger than 4 MiB; is it the right file?"});
}

TEST_CASE("a problem is one line, with its place where it has one") {
  using fedwave::config::format_problem;
  using fedwave::config::Severity;
  CHECK(format_problem("a.yaml", {Severity::Error, {12, 7}, "what", "advice"}) ==
        "a.yaml:12:7: error: what; advice");
  CHECK(format_problem("a.yaml", {Severity::Warning, {}, "two\nlines", ""}) ==
        "a.yaml: warning: two lines");
}

TEST_CASE("a file of the service account that is not there is a warning outside a pod") {
  const auto loaded = fedwave::config::load_text(
      "f",
      "sinks: [{type: stdout}]\nsources: {prometheus_sources: [{url: 'https://x/m', httpConfig: "
      "{tls_config: {ca_file: /var/run/secrets/kubernetes.io/serviceaccount/absent.crt}}}]}\n",
      [](std::string_view) -> std::optional<std::string> { return {}; });
  REQUIRE(loaded.config.has_value());
  REQUIRE(loaded.problems.size() == 1);
  CHECK(loaded.problems[0].severity == fedwave::config::Severity::Warning);
}
