// `status` and `internal_stats_source`: what the relay tells of itself, and where.
#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/config/loading.h"
#include "tests/unit/config/mistakes.h"

using fedwave::config::Config;
using fedwave::config::LoadResult;
using fedwave::config::Source;
using fedwave::config::Status;
using fedwave::config::Tags;
using loading::in_file;
using loading::lines;
using loading::load;
using loading::loaded;
using mistakes::Mistake;

namespace {

// Below `sources`, beside one that is scraped.
std::string with_internal_stats(const std::string& yaml) {
  return "sinks: [{proxyAddress: 'p:1'}]\n"
         "sources:\n"
         "  prometheus_sources: [{url: 'http://h/m'}]\n" +
         yaml;
}

Source internal_stats(const std::string& yaml) {
  const Config config = loaded(with_internal_stats(yaml));
  REQUIRE(config.internal_stats.has_value());
  return *config.internal_stats;
}

// clang-format off
const std::vector<Mistake>& mistakes_of_status() {
  static const std::vector<Mistake> kMistakes = {
      {"no port",
       in_file("status: {listen: 127.0.0.1}\n"),
       {"f:3:18: error: \"listen\" has no port: \"127.0.0.1\"; write 127.0.0.1:9464, [::1]:9464, :9464 for every address, or off"}},
      {"only a port",
       in_file("status: {listen: 9464}\n"),
       {"f:3:18: error: \"listen\" has no port: \"9464\"; write 127.0.0.1:9464, [::1]:9464, :9464 for every address, or off"}},
      {"a port that is too large",
       in_file("status: {listen: ':65536'}\n"),
       {"f:3:18: error: \"listen\" has a bad port: \":65536\"; write 127.0.0.1:9464, [::1]:9464, :9464 for every address, or off"}},
      {"a port with a sign",
       in_file("status: {listen: '127.0.0.1:+80'}\n"),
       {"f:3:18: error: \"listen\" has a bad port: \"127.0.0.1:+80\"; write 127.0.0.1:9464, [::1]:9464, :9464 for every address, or off"}},
      {"no number after the colon",
       in_file("status: {listen: 'localhost:'}\n"),
       {"f:3:18: error: \"listen\" has a bad port: \"localhost:\"; write 127.0.0.1:9464, [::1]:9464, :9464 for every address, or off"}},
      {"an IPv6 address without brackets",
       in_file("status: {listen: '::1:9464'}\n"),
       {"f:3:18: error: \"listen\" has an IPv6 address without brackets: \"::1:9464\"; write 127.0.0.1:9464, [::1]:9464, :9464 for every address, or off"}},
      {"a host name to listen on",
       in_file("status: {listen: 'relay.example.com:9464'}\n"),
       {"f:3:18: error: \"listen\" has something other than an IP address or localhost before its port: \"relay.example.com:9464\"; write 127.0.0.1:9464, [::1]:9464, :9464 for every address, or off"}},
      {"brackets around something else",
       in_file("status: {listen: '[localhost]:9464'}\n"),
       {"f:3:18: error: \"listen\" has something other than an IP address or localhost before its port: \"[localhost]:9464\"; write 127.0.0.1:9464, [::1]:9464, :9464 for every address, or off"}},
      {"text for status",
       in_file("status: off\n"),
       {"f:3:9: error: status has to be a map, not a single value; write its keys indented, as \"key: value\""}},
      {"keys misspelt",
       in_file("staus: {}\n"
       "listen: ':9464'\n"),
       {"f:3:1: error: unknown key \"staus\"; did you mean \"status\"?",
       "f:4:1: error: unknown key \"listen\"; it belongs under \"status\""}},
      {"keys of status misspelt",
       in_file("status: {lsten: ':1', basicAuth: {}, tls_config: {certFile: /dev/null, ca_file: /dev/null}}\n"),
       {"f:3:10: error: unknown key \"lsten\"; did you mean \"listen\"?",
       "f:3:23: error: unknown key \"basicAuth\"; did you mean \"basic_auth\"?",
       "f:3:51: error: unknown key \"certFile\"; did you mean \"cert_file\"?",
       "f:3:72: error: unknown key \"ca_file\"; tls_config may hold: cert_file, key_file"}},
      {"a token and a password",
       in_file("status: {bearer_token: s3cret, basic_auth: {username: u, password: s3cret}}\n"),
       {"f:3:44: error: a bearer token and basic_auth exclude one another; remove one of the two"}},
      {"a token beside its file",
       in_file("status: {bearer_token: s3cret, bearer_token_file: /dev/null}\n"),
       {"f:3:51: warning: \"bearer_token_file\" is not read where \"bearer_token\" stands beside it; remove one of the two"}},
      {"a certificate without its key",
       in_file("status: {tls_config: {cert_file: /dev/null}}\n"),
       {"f:3:34: error: \"cert_file\" without \"key_file\"; write both or neither"}},
      {"files that are not there",
       in_file("status: {bearer_token_file: /no/such/token, tls_config: {cert_file: /no/such/crt, key_file: /dev/null}}\n"),
       {"f:3:29: warning: \"bearer_token_file\": \"/no/such/token\" does not exist; inside a pod it usually does",
       "f:3:69: error: \"cert_file\": \"/no/such/crt\" does not exist; name a file that is there, or remove the key"}},
      {"credentials that keep nobody out",
       in_file("status: {bearer_token: ''}\n"),
       {"f:3:24: error: \"bearer_token\" is empty; write one, or remove the key to let everybody look"}},
      {"a token file without a name",
       in_file("status: {bearer_token_file: ''}\n"),
       {"f:3:29: error: \"bearer_token_file\" is empty; write one, or remove the key to let everybody look"}},
      {"a username that needs no password",
       in_file("status: {basic_auth: {username: u}}\n"),
       {"f:3:22: error: \"basic_auth\" needs a username and a password here; write both, or remove the key to let everybody look"}},
      {"no username and no password",
       in_file("status: {basic_auth: {}}\n"),
       {"f:3:22: error: \"basic_auth\" needs a username and a password here; write both, or remove the key to let everybody look"}},
      {"a token that cannot be read",
       in_file("status: {bearer_token: '${NO_SUCH}'}\n"),
       {"f:3:24: error: the environment variable NO_SUCH is not set; set it, or write $$ for a dollar"}},
      {"a password without a username",
       in_file("status: {basic_auth: {password: s3cret}}\n"),
       {"f:3:33: error: \"password\" without \"username\"; write username: beside it"}},
      {"credentials that can be read on the way",
       in_file("status: {listen: ':9464', bearer_token: s3cret}\n"),
       {"f:3:9: warning: the credentials of \"status\" travel unencrypted: it has no tls_config, and listens on \":9464\"; write tls_config with cert_file and key_file, or listen: 127.0.0.1:9464"}},
      {"a password that can be read on the way",
       in_file("status: {listen: '10.0.0.1:1', basic_auth: {username: u, password: s3cret}}\n"),
       {"f:3:9: warning: the credentials of \"status\" travel unencrypted: it has no tls_config, and listens on \"10.0.0.1:1\"; write tls_config with cert_file and key_file, or listen: 127.0.0.1:9464"}},
      {"text for internal_stats_source",
       with_internal_stats("  internal_stats_source: yes\n"),
       {"f:4:26: error: internal_stats_source has to be a map, not a single value; write its keys indented, as \"key: value\""}},
      {"keys that a source of own figures does not have",
       with_internal_stats("  internal_stats_source:\n"
       "    url: http://h/m\n"
       "    filter: {metricDenyList: ['a']}\n"
       "    filters: {metricDenyList: ['kubernetes.a_b']}\n"
       "    collection: {interval: 10s, timeout: 20s}\n"),
       {"f:5:5: error: unknown key \"url\"; internal_stats_source may hold: prefix, source, tags, filters, collection, convertHistograms",
       "f:6:5: error: unknown key \"filter\"; did you mean \"filters\"?",
       "f:7:32: warning: pattern \"kubernetes.a_b\" never matches: patterns see the dotted name, without '_'; did you mean \"kubernetes.a.b\"?",
       "f:8:42: warning: \"timeout\" is longer than the interval of 10s, which is used instead; write a shorter timeout or a longer interval"}},
      {"internal_stats_source misspelt or misplaced",
       with_internal_stats("  internal_stat_source: {}\n"
       "internal_stats_source: {}\n"),
       {"f:4:3: error: unknown key \"internal_stat_source\"; did you mean \"internal_stats_source\"?",
       "f:5:1: error: unknown key \"internal_stats_source\"; it belongs under \"sources\""}},
      {"only internal_stats_source",
       "sinks: [{proxyAddress: 'p:1'}]\n"
       "sources:\n"
       "  internal_stats_source:\n",
       {"f:3:3: error: there are no prometheus_sources, and nothing else is scraped; add prometheus_sources: with a \"- url: …\" below it"}},
  };
  return kMistakes;
}
// clang-format on

}  // namespace

TEST_CASE("every mistake about the relay's own figures is told with what to write instead") {
  mistakes::check(mistakes_of_status());
}

TEST_CASE(
    "the status page listens where the file says, else where nobody but the right ones see it") {
  struct Row {
    std::string yaml;
    std::string host;  // of the service, in the environment
    std::string listen;
    bool is_written;
  };
  const Row rows[] = {
      {"", "", "127.0.0.1:9464", false},
      {"status:\n", "", "127.0.0.1:9464", false},
      {"status: {listen: }\n", "10.0.0.1", ":9464", false},
      {"", "10.0.0.1", ":9464", false},
      {"status: {listen: 'localhost:0'}\n", "10.0.0.1", "localhost:0", true},
      {"status: {listen: '[::1]:65535'}\n", "", "[::1]:65535", true},
      {"status: {listen: '0.0.0.0:80'}\n", "", "0.0.0.0:80", true},
      {"status: {listen: ':9464'}\n", "", ":9464", true},
      {"status: {listen: off}\n", "10.0.0.1", "", true},
      {"status: {listen: ''}\n", "", "", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.yaml);
    const LoadResult result = fedwave::config::load_text(
        "f", in_file(row.yaml), loading::environment({{"KUBERNETES_SERVICE_HOST", row.host}}));
    CHECK(lines(result) == std::vector<std::string>{});
    REQUIRE(result.config.has_value());
    CHECK(result.config->status.listen == row.listen);
    CHECK(result.config->status.is_listen_written == row.is_written);
  }
}

TEST_CASE("who may look is read as a source's credentials are") {
  const Status token = loaded(in_file("status: {bearer_token: 'a-${TOKEN}'}\n")).status;
  CHECK(token.bearer_token.value == "a-s3cret");
  CHECK(token.where.line == 3);
  const Status file = loaded(in_file("status: {bearer_token_file: /dev/null}\n")).status;
  CHECK(file.bearer_token_file == "/dev/null");
  const Status basic =
      loaded(in_file("status: {basic_auth: {username: u, password: '${TOKEN}'}}\n")).status;
  CHECK(basic.basic_username == "u");
  CHECK(basic.basic_password.value == "s3cret");
  const Status with_tls =
      loaded(in_file("status:\n"
                     "  listen: :9464\n"
                     "  basic_auth: {username: u, password_file: /dev/null}\n"
                     "  tls_config: {cert_file: /dev/null, key_file: /dev/zero}\n"))
          .status;
  CHECK(with_tls.basic_password_file == "/dev/null");
  CHECK(with_tls.cert_file == "/dev/null");
  CHECK(with_tls.key_file == "/dev/zero");
}

TEST_CASE("credentials that do not leave the machine give no warning") {
  for (const std::string listen :
       {"127.0.0.1:9464", "127.8.9.1:9464", "localhost:9464", "[::1]:9464", "off"}) {
    CAPTURE(listen);
    CHECK(lines(load(in_file("status: {bearer_token: x, listen: '" + listen + "'}\n"))) ==
          std::vector<std::string>{});
  }
}

TEST_CASE(
    "the relay's own figures are a source where the file has the key, with or without content") {
  CHECK_FALSE(loaded(with_internal_stats("")).internal_stats.has_value());
  for (const std::string content : {"", " {}", " ~", " {prefix: ''}"}) {
    CAPTURE(content);
    const Source source = internal_stats("  internal_stats_source:" + content + "\n");
    CHECK(source.name == "internal_stats");
    CHECK(source.url.empty());
    CHECK(source.prefix == "kubernetes.");
    CHECK(source.source == "prom_source");
    CHECK(source.tags.empty());
    CHECK(source.filters.empty());
    CHECK(source.interval_ms == 60'000);
    CHECK(source.timeout_ms == 60'000);
    CHECK(source.where.line == 4);
  }
  CHECK(internal_stats("  internal_stats_source:\ndefaultCollectionInterval: 20s\n").interval_ms ==
        20'000);
}

TEST_CASE("everything of internal_stats_source is read") {
  const Source source = internal_stats(
      "  internal_stats_source:\n"
      "    prefix: own.\n"
      "    source: relay-1\n"
      "    tags: {team: mesh}\n"
      "    filters: {metricDenyList: ['own.collector.runtime.*']}\n"
      "    collection: {interval: 5m, timeout: 10s}\n"
      "    convertHistograms: yes\n");
  CHECK(source.prefix == "own.");
  CHECK(source.source == "relay-1");
  CHECK(source.tags == Tags{{"team", "mesh"}});
  REQUIRE(source.filters.metric_deny.size() == 1);
  CHECK(source.filters.metric_deny[0].text == "own.collector.runtime.*");
  CHECK(source.interval_ms == 300'000);
  CHECK(source.timeout_ms == 10'000);
  CHECK_FALSE(source.convert_histograms);
}

TEST_CASE("a source that is called internal_stats keeps its name") {
  const Config config = loaded(
      "sinks: [{proxyAddress: 'p:1'}]\n"
      "sources:\n"
      "  internal_stats_source:\n"
      "  prometheus_sources:\n"
      "  - {url: 'http://a/m', name: internal_stats}\n"
      "  - {url: 'http://b/m', name: 'internal_stats #2'}\n");
  CHECK(config.sources.at(0).name == "internal_stats");
  CHECK(config.sources.at(1).name == "internal_stats #2");
  REQUIRE(config.internal_stats.has_value());
  CHECK(config.internal_stats->name == "internal_stats #3");
}
