// What becomes of a sink that is right, or right enough: its mistakes are in
// sink_mistakes_test.cpp.
#include "config/load.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/unit/config/loading.h"

using fedwave::config::Config;
using fedwave::config::Endpoint;
using fedwave::config::LoadResult;
using fedwave::config::Sink;
using fedwave::config::SinkKind;
using fedwave::config::SpoolSync;
using loading::in_sink;
using loading::lines;
using loading::load;

namespace {

using Words = std::vector<std::string>;
using Variables = std::map<std::string, std::string>;

Config loaded(const std::string& yaml) {
  CAPTURE(yaml);
  LoadResult result = load(yaml);
  CHECK(lines(result) == Words{});
  REQUIRE(result.config.has_value());
  return *std::move(result.config);
}

std::string file_with_sink(const std::string& fields) {
  return "sources: {prometheus_sources: [{url: 'http://h/m'}]}\nsinks:\n- {" + fields + "}\n";
}

// Warnings are allowed.
Sink sink_of(const std::string& fields) {
  LoadResult result = load(file_with_sink(fields));
  CAPTURE(lines(result));
  REQUIRE(result.config.has_value());
  return result.config->sinks.at(0);
}

// Its endpoints, those over TCP as "host:port".
Words places(const Sink& sink) {
  Words shown;
  for (const Endpoint& endpoint : sink.endpoints) {
    const std::string host_port = endpoint.host + ":" + std::to_string(endpoint.port);
    shown.push_back(endpoint.url.empty() ? host_port : endpoint.url);
  }
  return shown;
}

}  // namespace

TEST_CASE("a sink is a proxy, direct ingestion or stdout") {
  struct Row {
    std::string fields;
    SinkKind kind;
    std::string name;
    std::string url;
  };
  const Row rows[] = {
      {"proxyAddress: 'p:1'", SinkKind::ProxyHttp, "proxy p:1", "http://p:1/report"},
      {"proxyAddress: p", SinkKind::ProxyHttp, "proxy p:2878", "http://p:2878/report"},
      {"proxyAddress: '[::1]:9'", SinkKind::ProxyHttp, "proxy [::1]:9", "http://[::1]:9/report"},
      {"proxyAddress: 'https://p:1'", SinkKind::ProxyHttp, "proxy https://p:1",
       "https://p:1/report"},
      {"proxyAddress: 'http://p/'", SinkKind::ProxyHttp, "proxy http://p", "http://p/report"},
      {"proxyAddress: 'http://p/a/b'", SinkKind::ProxyHttp, "proxy http://p", "http://p/a/b"},
      {"proxyAddress: 'p:1', server: 'https://w', token: t", SinkKind::ProxyHttp, "proxy p:1",
       "http://p:1/report"},
      {"proxyAddress: 'p:1', name: mine", SinkKind::ProxyHttp, "mine", "http://p:1/report"},
      {"server: 'https://w.wavefront.com', token: t", SinkKind::Direct,
       "direct https://w.wavefront.com", "https://w.wavefront.com/report"},
      {"server: 'https://w/', token: t", SinkKind::Direct, "direct https://w", "https://w/report"},
      {"server: 'https://w/api/', token: t", SinkKind::Direct, "direct https://w",
       "https://w/api/report"},
      {"server: 'https://w/report', token: t", SinkKind::Direct, "direct https://w",
       "https://w/report"},
      {"proxyAddress: ' p:1 '", SinkKind::ProxyHttp, "proxy p:1", "http://p:1/report"},
      {"proxyAddress: ['p:1']", SinkKind::ProxyHttp, "proxy p:1", "http://p:1/report"},
      {"proxyAddress: [], server: 'https://w', token: t", SinkKind::Direct, "direct https://w",
       "https://w/report"},
      {"type: stdout", SinkKind::Stdout, "stdout", ""},
      {"testMode: true, proxyAddress: 'p:1'", SinkKind::Stdout, "stdout", ""},
      {"testMode: no, proxyAddress: 'p:1'", SinkKind::ProxyHttp, "proxy p:1", "http://p:1/report"},
      {"type: '', proxyAddress: 'p:1'", SinkKind::ProxyHttp, "proxy p:1", "http://p:1/report"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    const Sink sink = sink_of(row.fields);
    CHECK(sink.kind == row.kind);
    CHECK(sink.name == row.name);
    CHECK(places(sink) == (row.url.empty() ? Words{} : Words{row.url}));
  }
  const Sink tcp = sink_of("proxyAddress: '[::1]:9', protocol: tcp");
  CHECK(tcp.kind == SinkKind::ProxyTcp);
  REQUIRE(tcp.endpoints.size() == 1);
  CHECK(tcp.endpoints[0].host == "::1");
  CHECK(tcp.endpoints[0].port == 9);
  CHECK(tcp.endpoints[0].url.empty());
}

TEST_CASE("an external sink is left aside and the others stay") {
  const LoadResult result = load(
      "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
      "sinks: [{type: external, anything: goes}, {proxyAddress: 'p:1'}]\n");
  REQUIRE(result.config.has_value());
  REQUIRE(result.config->sinks.size() == 1);
  CHECK(result.config->sinks[0].name == "proxy p:1");
  CHECK(lines(result) == std::vector<std::string>{"f:2:9: warning: fedwave does not have these and "
                                                  "leaves them aside: sinks of type external"});
}

TEST_CASE("everything of ours on a sink is read") {
  const Sink sink =
      loaded(
          in_sink("  compress: false\n"
                  "  proxyUrl: http://u:${TOKEN}@proxy:3128\n"
                  "  tls_config: {ca_file: /dev/null, server_name: s, insecure_skip_verify: yes}\n"
                  "  tagPriority: [b, a]\n"
                  "  limits: {name: 1, source: 2, tags: 3, tagKey: 4, tagValue: 5}\n"
                  "  spool: {directory: /spool, bytes: 16MiB, memoryBytes: 2MiB, maxAge: 1m, sync: "
                  "never,\n"
                  "          drainRate: 0}\n"
                  "  connectTimeout: 1s\n"
                  "  requestTimeout: 2s\n"
                  "  batchSize: 3_000\n"))
          .sinks.at(0);
  CHECK_FALSE(sink.gzip);
  CHECK(sink.proxy_url == "http://proxy:3128");
  CHECK(sink.proxy_username == "u");
  CHECK(sink.proxy_password.value == "s3cret");
  CHECK(sink.tls.ca_file == "/dev/null");
  CHECK(sink.tls.server_name == "s");
  CHECK(sink.tls.insecure_skip_verify);
  CHECK(sink.tag_priority == std::vector<std::string>{"b", "a"});
  CHECK(sink.limits.name_bytes == 1);
  CHECK(sink.limits.source_bytes == 2);
  CHECK(sink.limits.tags == 3);
  CHECK(sink.limits.tag_key_bytes == 4);
  CHECK(sink.limits.tag_value_bytes == 5);
  CHECK(sink.spool.directory == "/spool");
  CHECK(sink.spool.bytes == 16 << 20);
  CHECK(sink.spool.memory_bytes == 2 << 20);
  CHECK(sink.spool.max_age_ms == 60'000);
  CHECK(sink.spool.sync == SpoolSync::Never);
  CHECK(sink.spool.drain_rate == 0);
  CHECK(sink.connect_timeout_ms == 1000);
  CHECK(sink.request_timeout_ms == 2000);
  CHECK(sink.batch_points == 3000);
}

TEST_CASE("several proxies are endpoints of one sink, in their order and each once") {
  struct Row {
    std::string fields;
    std::string name;
    Words places;
  };
  const Row rows[] = {
      {"proxyAddress: 'p:1, q:2 ,r'",
       "proxy p:1 and 2 more",
       {"http://p:1/report", "http://q:2/report", "http://r:2878/report"}},
      {"proxyAddress: ['p:1', 'https://q/x', '[::1]:3']",
       "proxy p:1 and 2 more",
       {"http://p:1/report", "https://q/x", "http://[::1]:3/report"}},
      {"proxyAddress: ['p:1,q:2', 'r:3']",
       "proxy p:1 and 2 more",
       {"http://p:1/report", "http://q:2/report", "http://r:3/report"}},
      {"proxyAddress: ['http://q/', 'p:1']",
       "proxy http://q and 1 more",
       {"http://q/report", "http://p:1/report"}},
      {"proxyAddress: 'p:1,q:2,p:1'",
       "proxy p:1 and 1 more",
       {"http://p:1/report", "http://q:2/report"}},
      {"proxyAddress: ['p:1', 'http://p:1']", "proxy p:1", {"http://p:1/report"}},
      {"proxyAddress: ['p:1', 'http://p:1/x']",
       "proxy p:1 and 1 more",
       {"http://p:1/report", "http://p:1/x"}},
      {"proxyAddress: 'p:1,q,p:1', protocol: tcp", "proxy p:1 and 1 more", {"p:1", "q:2878"}},
      {"proxyAddress: 'p:1,q:2', name: mine", "mine", {"http://p:1/report", "http://q:2/report"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    const Sink sink = sink_of(row.fields);
    CHECK(sink.name == row.name);
    CHECK(places(sink) == row.places);
    CHECK(sink.kind ==
          (row.fields.find("tcp") == std::string::npos ? SinkKind::ProxyHttp : SinkKind::ProxyTcp));
  }
}

TEST_CASE("the file's spool is every sink's, key by key, unless the sink has its own") {
  const Config config = loaded(
      "spool: {directory: /spool, bytes: 2GiB, memoryBytes: 3MiB, maxAge: 1d, syncInterval: 2s,"
      " drainRate: 7}\n"
      "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
      "sinks:\n"
      "- proxyAddress: p:1\n"
      "- {proxyAddress: 'p:2', spool: {bytes: 20MiB, sync: block, drainRate: 0}}\n"
      "- {proxyAddress: 'p:3', spool: {directory: /other, sync: interval, syncInterval: 10ms}}\n"
      "- {proxyAddress: 'p:4', spool: {directory: ''}}\n"
      "- {proxyAddress: 'p:5', spool: {directory: }}\n");
  const auto& sinks = config.sinks;
  REQUIRE(sinks.size() == 5);
  CHECK(sinks[0].spool.directory == "/spool");
  CHECK(sinks[0].spool.bytes == std::int64_t{2} << 30);
  CHECK(sinks[0].spool.memory_bytes == 3 << 20);
  CHECK(sinks[0].spool.max_age_ms == 86'400'000);
  CHECK(sinks[0].spool.sync == SpoolSync::Interval);
  CHECK(sinks[0].spool.sync_interval_ms == 2000);
  CHECK(sinks[0].spool.drain_rate == 7);
  CHECK(sinks[1].spool.directory == "/spool");
  CHECK(sinks[1].spool.bytes == 20 << 20);
  CHECK(sinks[1].spool.memory_bytes == 3 << 20);
  CHECK(sinks[1].spool.sync == SpoolSync::Block);
  CHECK(sinks[1].spool.drain_rate == 0);
  CHECK(sinks[2].spool.directory == "/other");
  CHECK(sinks[2].spool.bytes == std::int64_t{2} << 30);
  CHECK(sinks[2].spool.sync == SpoolSync::Interval);
  CHECK(sinks[2].spool.sync_interval_ms == 10);
  CHECK(sinks[3].spool.directory.empty());
  CHECK(sinks[3].spool.max_age_ms == 86'400'000);
  CHECK(sinks[4].spool.directory == "/spool");
}

TEST_CASE("sizes for all sinks have their effect as soon as one of them is on disk") {
  const Config config = loaded(
      "spool: {bytes: 2GiB}\n"
      "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
      "sinks: [{proxyAddress: 'p:1'}, {proxyAddress: 'p:2', spool: {directory: /spool}}]\n");
  CHECK(config.sinks.at(0).spool.directory.empty());
  CHECK(config.sinks.at(1).spool.bytes == std::int64_t{2} << 30);
}

TEST_CASE("a token of Cloud Services comes with an API token or a client's secret") {
  const auto services_of = [](const std::string& services) {
    return loaded(file_with_sink("server: 'https://w', cloudServices: {" + services + "}"))
        .sinks.at(0)
        .cloud_services;
  };
  const auto token = services_of("apiToken: '${TOKEN}', url: 'https://csp.example/base//'");
  CHECK(token.is_set());
  CHECK(token.api_token.value == "s3cret");
  CHECK(token.url == "https://csp.example/base");
  const auto token_file = services_of("apiTokenFile: /dev/null, apiToken: '', url: ''");
  CHECK(token_file.is_set());
  CHECK(token_file.api_token_file == "/dev/null");
  CHECK(token_file.url == "https://console.cloud.vmware.com");
  const auto client = services_of("clientId: 'c-${TOKEN}', clientSecret: 's-${TOKEN}', orgId: o");
  CHECK(client.is_set());
  CHECK(client.client_id == "c-s3cret");
  CHECK(client.client_secret.value == "s-s3cret");
  CHECK(client.org_id == "o");
  const auto client_file = services_of("clientId: c, clientSecretFile: /dev/null");
  CHECK(client_file.client_id == "c");
  CHECK(client_file.client_secret.empty());
  CHECK(client_file.client_secret_file == "/dev/null");
  const Sink both = sink_of(
      "server: 'https://w', cloudServices: "
      "{clientId: c, clientSecret: s, clientSecretFile: /dev/null}");
  CHECK(both.cloud_services.client_secret.value == "s");
  CHECK(both.cloud_services.client_secret_file.empty());
  const Sink proxy = loaded(in_sink("  cloudServices: {apiToken: t}\n")).sinks.at(0);
  CHECK(proxy.kind == SinkKind::ProxyHttp);
  CHECK(proxy.cloud_services.api_token.value == "t");
}

TEST_CASE("a sink takes the environment's HTTP proxy when all of its addresses do") {
  struct Row {
    std::string fields;
    Variables variables;
    std::string proxy;     // of the sink
    std::string services;  // the proxy of its Cloud Services
  };
  const std::string direct = "server: 'https://w.example', ";
  const std::string services = "cloudServices: {apiToken: t}";
  const Variables both = {{"HTTPS_PROXY", "http://s:1"}, {"HTTP_PROXY", "http://h:2"}};
  const Row rows[] = {
      {direct + "token: t", both, "http://s:1", ""},
      {"server: 'http://w.example', token: t", both, "http://h:2", ""},
      {direct + "token: t", {}, "", ""},
      {direct + "token: t, proxyUrl: 'http://own:3'", both, "http://own:3", ""},
      {direct + "token: t, proxyUrl: ''", both, "http://s:1", ""},
      {direct + services, both, "http://s:1", "http://s:1"},
      {direct + services + ", proxyUrl: 'http://own:3'", both, "http://own:3", "http://own:3"},
      {"proxyAddress: 'p:1'", both, "", ""},
      {"proxyAddress: 'p:1,q:2', protocol: tcp", both, "", ""},
      {"proxyAddress: 'p:1', " + services, both, "", "http://s:1"},
      {"proxyAddress: 'http://p:1'", both, "http://h:2", ""},
      {"proxyAddress: ['https://p:1', 'https://q:1']", both, "http://s:1", ""},
      {"type: stdout", both, "", ""},
      {direct + services,
       {{"HTTPS_PROXY", "http://s:1"}, {"NO_PROXY", "w.example"}},
       "",
       "http://s:1"},
      {direct + services,
       {{"HTTPS_PROXY", "http://s:1"}, {"NO_PROXY", "vmware.com"}},
       "http://s:1",
       ""},
      {"proxyAddress: ['http://p:1', 'https://q:1']",
       {{"HTTPS_PROXY", "http://a:1"}, {"HTTP_PROXY", "http://a:1"}},
       "http://a:1",
       ""},
      {direct + "token: t", {{"HTTPS_PROXY", "s:1"}}, "http://s:1", ""},
      {direct + "token: t", {{"HTTPS_PROXY", " https://s/\n"}}, "https://s", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    const LoadResult result = fedwave::config::load_text("f", file_with_sink(row.fields),
                                                         loading::environment(row.variables));
    REQUIRE(result.config.has_value());
    const Sink& sink = result.config->sinks.at(0);
    CHECK(sink.proxy_url == row.proxy);
    CHECK(sink.cloud_services.proxy_url == row.services);
    for (const std::string& line : lines(result)) {
      CHECK(line.find("the token travels unencrypted") != std::string::npos);
    }
  }
}

TEST_CASE("the credentials of the environment's HTTP proxy are taken out of its URL") {
  const LoadResult result = fedwave::config::load_text(
      "f", file_with_sink("server: 'https://w', cloudServices: {apiToken: t}"),
      loading::environment({{"https_proxy", "http://us%40er:pa%3Ass@s:1"}}));
  REQUIRE(result.config.has_value());
  CHECK(lines(result) == Words{});
  const Sink& sink = result.config->sinks.at(0);
  CHECK(sink.proxy_url == "http://s:1");
  CHECK(sink.proxy_username == "us@er");
  CHECK(sink.proxy_password.value == "pa:ss");
  CHECK(sink.cloud_services.proxy_url == "http://s:1");
  CHECK(sink.cloud_services.proxy_username == "us@er");
  CHECK(sink.cloud_services.proxy_password.value == "pa:ss");
}

TEST_CASE("a spool's directory may have the name of the pod in it") {
  const LoadResult loaded = fedwave::config::load_text(
      "f", loading::in_file("spool: {directory: '/var/spool/${POD_NAME}'}\n"),
      loading::environment({{"POD_NAME", "collector-7"}}));
  REQUIRE(loaded.config.has_value());
  CHECK(loaded.config->sinks[0].spool.directory == "/var/spool/collector-7");
}

TEST_CASE("a spool's directory has one spelling") {
  for (const std::string written :
       {"/var/spool", "/var/spool/", "/var//spool/.", "/var/x/../spool"}) {
    CAPTURE(written);
    const LoadResult loaded = load(loading::in_file("spool: {directory: " + written + "}\n"));
    REQUIRE(loaded.config.has_value());
    CHECK(loaded.config->sinks[0].spool.directory == "/var/spool");
  }
}

TEST_CASE("a proxy of the environment that cannot be used is a warning without its content") {
  struct Row {
    std::string fields;
    Variables variables;
    Words problems;
  };
  const std::string for_some =
      "f:3:18: warning: the environment's HTTP proxy is not used: it is not the same one for every "
      "address of this sink; write \"proxyUrl\", or sinks of their own";
  const Row rows[] = {
      {"server: 'https://w', token: t",
       {{"HTTPS_PROXY", "socks5://user:s3cret@s:1"}},
       {"f:3:12: warning: the environment variable HTTPS_PROXY is not used: it is not an absolute "
        "http or https URL; write http://host:port/path"}},
      {"server: 'https://w', token: t",
       {{"https_proxy", "user:s3cret/x@s:1"}},
       {"f:3:12: warning: the environment variable https_proxy is not used: it has a bad port; "
        "write a number from 1 to 65535"}},
      {"server: 'https://w', token: t",
       {{"https_proxy", "http://s:1/s3cret"}},
       {"f:3:12: warning: the environment variable https_proxy is not used: it goes on after host "
        "and port; write http://user:password@host:port, and in the password %2F for '/', %3F for "
        "'?' and %23 for '#'"}},
      {"proxyAddress: ['http://p', 'http://q']",
       {{"http_proxy", "http://a b"}},
       {"f:3:18: warning: the environment variable http_proxy is not used: it has a character in "
        "its host name that cannot stand there"}},
      {"proxyAddress: 'http://p', cloudServices: {apiToken: t}",
       {{"https_proxy", "http://"}},
       {"f:3:45: warning: the environment variable https_proxy is not used: it has no host; write "
        "host:port"}},
      {"proxyAddress: ['http://p', 'q:1']", {{"HTTP_PROXY", "http://s:1"}}, {for_some}},
      {"proxyAddress: ['q:1', 'http://p']", {{"HTTP_PROXY", "http://s:1"}}, {for_some}},
      {"proxyAddress: ['http://p', 'https://q']", {{"HTTPS_PROXY", "http://s:1"}}, {for_some}},
      {"proxyAddress: ['http://p', 'https://q']",
       {{"HTTPS_PROXY", "http://s:1"}, {"HTTP_PROXY", "http://h:1"}},
       {for_some}},
      {"proxyAddress: ['http://p', 'http://q']",
       {{"HTTP_PROXY", "http://s:1"}, {"NO_PROXY", "q"}},
       {for_some}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    const LoadResult result = fedwave::config::load_text("f", file_with_sink(row.fields),
                                                         loading::environment(row.variables));
    CHECK(lines(result) == row.problems);
    REQUIRE(result.config.has_value());
    CHECK(result.config->sinks.at(0).proxy_url.empty());
    CHECK(result.config->sinks.at(0).cloud_services.proxy_url.empty());
  }
}
