// Every mistake about sinks with the exact lines that it gives, as in mistakes_test.cpp.
#include "config/load.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/config/loading.h"
#include "tests/unit/config/mistakes.h"

using loading::in_file;
using loading::in_sink;
using mistakes::Mistake;

namespace {

// clang-format off
const std::vector<Mistake>& mistakes_of_sinks() {
  static const std::vector<Mistake> kMistakes = {
      {"sinks without a target",
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
       "sinks:\n"
       "- prefix: a\n"
       "- proxyAddress: ''\n"
       "- proxyAddress: {a: b}\n"
       "- proxyAddress: []\n"
       "-\n",
       {"f:3:3: error: a sink without \"proxyAddress\" or \"server\"; write proxyAddress: wavefront-proxy:2878",
       "f:4:3: error: a sink without \"proxyAddress\" or \"server\"; write proxyAddress: wavefront-proxy:2878",
       "f:5:17: error: \"proxyAddress\" needs an address or a list of addresses, not a map; write host:2878",
       "f:6:3: error: a sink without \"proxyAddress\" or \"server\"; write proxyAddress: wavefront-proxy:2878",
       "f:7:1: error: a sink without \"proxyAddress\" or \"server\"; write proxyAddress: wavefront-proxy:2878"}},
      {"proxy addresses",
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
       "sinks:\n"
       "- proxyAddress: wavefront-proxy\n"
       "- proxyAddress: p:0\n"
       "- proxyAddress: ::1:2878\n"
       "- proxyAddress: http://u:secret@h/\n"
       "- {proxyAddress: 'https://p:1', protocol: tcp}\n"
       "- {proxyAddress: 'p:2', protocol: udp}\n"
       "- {proxyAddress: 'p:3', protocol: tcp, token: t}\n"
       "- {proxyAddress: 'p:4', protocol: tcp, proxyUrl: 'http://x:1', tls_config: {}}\n",
       {"f:3:17: warning: \"proxyAddress\" has no port: 2878 is used; write wavefront-proxy:2878",
       "f:4:17: error: \"proxyAddress\" has a bad port; write a number from 1 to 65535",
       "f:5:17: error: \"proxyAddress\" has several colons; write an IPv6 address in brackets, [::1]:2878",
       "f:6:17: error: \"proxyAddress\" cannot hold credentials, a query or a fragment; write scheme, host, port and path; the token has a key of its own",
       "f:7:43: error: protocol: tcp does not go with a URL in \"proxyAddress\"; write proxyAddress: p:1, or remove \"protocol\"",
       "f:8:35: error: \"protocol\" cannot be \"udp\"; did you mean \"tcp\"?",
       "f:9:35: warning: a token cannot be sent with protocol: tcp; write protocol: http",
       "f:10:50: warning: \"proxyUrl\" has no effect where nothing is sent over HTTP; remove it, or send over http",
       "f:10:76: warning: \"tls_config\" has no effect where nothing is sent over HTTP; remove it, or send over http"}},
      {"direct ingestion",
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
       "sinks:\n"
       "- server: https://a.wavefront.com\n"
       "- server: http://b.wavefront.com\n"
       "  token: ${TOKEN}\n"
       "- server: c.wavefront.com\n"
       "  token: t\n"
       "- server: https://d.wavefront.com\n"
       "  tokenFile: /no/such/token\n"
       "- server: https://e.wavefront.com\n"
       "  proxyAddress: p:1\n"
       "- server: https://f.wavefront.com\n"
       "  token: ${NO_SUCH}\n",
       {"f:3:11: error: \"server\" without \"token\" or \"tokenFile\"; write token: ${WAVEFRONT_TOKEN}, or tokenFile with the path of a mounted secret, or cloudServices",
       "f:4:11: warning: the token travels unencrypted to an http:// server; write https://",
       "f:6:11: error: \"server\" is not an absolute http or https URL; write http://host:port/path",
       "f:9:14: error: \"tokenFile\": \"/no/such/token\" does not exist; name a file that is there, or remove the key",
       "f:10:11: warning: \"server\" is not used where \"proxyAddress\" stands beside it; remove one of the two",
       "f:13:10: error: the environment variable NO_SUCH is not set; set it, or write $$ for a dollar"}},
      {"an error share above one",
       in_sink("  errorLogPercent: 1.5\n"),
       {"f:4:20: warning: \"errorLogPercent\" is out of range, so that the collector has its default; remove it; fedwave has no use for it"}},
      {"no share of errors at all",
       in_sink("  errorLogPercent: 0\n"),
       {"f:4:20: warning: \"errorLogPercent\" is out of range, so that the collector has its default; remove it; fedwave has no use for it"}},
      {"an error share that is no number",
       in_sink("  errorLogPercent: few\n"),
       {"f:4:20: error: \"errorLogPercent\" needs a number, not \"few\""}},
      {"keys of the collector that mislead",
       in_sink("  maxBufferSize: 50000\n"
       "  batchSize: 50000\n"
       "  testMode: true\n"),
       {"f:4:18: warning: \"maxBufferSize\" counts points; the queue is bounded by bytes; write spool: {memoryBytes: 64MiB}",
       "f:5:14: warning: \"batchSize\" is above 40000, which is used instead",
       "f:6:13: warning: testMode sends nothing to Wavefront: points go to stdout"}},
      {"limits out of range",
       in_sink("  batchSize: -1\n"
       "  limits: {tags: 0, name: 9999}\n"
       "  spool: {memoryBytes: 1KB}\n"
       "  connectTimeout: 0s\n"),
       {"f:4:14: error: \"batchSize\" is out of range: -1; write a number from 0 to 1000000000",
       "f:5:18: error: \"tags\" is out of range: 0; write a number from 1 to 1000",
       "f:5:27: error: \"name\" is out of range: 9999; write a number from 1 to 4096",
       "f:6:24: error: \"memoryBytes\" is out of range: \"1KB\"; write a size from 1048576 to 1099511627776 bytes",
       "f:7:19: error: \"connectTimeout\" has to be above 0; write for example 10s, or remove the key"}},
      {"a type it does not know",
       in_sink("  type: External\n"),
       {"f:4:9: error: \"type\" cannot be \"External\"; did you mean \"external\"?"}},
      {"events",
       in_sink("  enableEvents: true\n"
       "  type: ''\n"),
       {"f:4:3: warning: fedwave does not have these and leaves them aside: enableEvents of sinks"}},
      {"sinks for events as older collectors have them",
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
       "sinks:\n"
       "- {proxyAddress: 'p:1', eventsExternalEndpointURL: 'https://e'}\n"
       "- {type: k8sEvents, eventsExternalEndpointURL: 'https://e'}\n"
       "- {type: k8sEvents}\n"
       "- externalEventsEndpoint: http://e\n",
       {"f:3:25: warning: fedwave does not have these and leaves them aside: eventsExternalEndpointURL of sinks, sinks with eventsExternalEndpointURL (line 4), sinks of type k8sEvents (line 5), sinks with externalEventsEndpoint (line 6)"}},
      {"several proxy addresses",
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
       "sinks:\n"
       "- proxyAddress: p:1, q ,p:1\n"
       "- proxyAddress: 'p:1,,q:0,'\n"
       "- proxyAddress:\n"
       "  - s:1\n"
       "  - ''\n"
       "  -\n"
       "  - http://u:secret@h/\n"
       "  - http://s:1/report\n"
       "  - {a: b}\n"
       "- proxyAddress: ['']\n"
       "- {proxyAddress: [{a: b}]}\n"
       "- {proxyAddress: ['t:1', 'https://q:1/x', 'https://r:1'], protocol: tcp}\n",
       {"f:3:17: warning: address 2 of \"proxyAddress\" has no port: 2878 is used; write q:2878",
       "f:3:17: warning: address 3 of \"proxyAddress\" is the same as one before it; remove one of the two",
       "f:4:17: error: address 2 of \"proxyAddress\" is empty; write host:2878, or remove it",
       "f:4:17: error: address 3 of \"proxyAddress\" has a bad port; write a number from 1 to 65535",
       "f:4:17: error: address 4 of \"proxyAddress\" is empty; write host:2878, or remove it",
       "f:7:5: error: address 2 of \"proxyAddress\" is empty; write host:2878, or remove it",
       "f:8:3: error: address 3 of \"proxyAddress\" is empty; write host:2878, or remove it",
       "f:9:5: error: address 4 of \"proxyAddress\" cannot hold credentials, a query or a fragment; write scheme, host, port and path; the token has a key of its own",
       "f:10:5: warning: address 5 of \"proxyAddress\" is the same as one before it; remove one of the two",
       "f:11:5: error: an element of \"proxyAddress\" is a map, not text; put it in quotes: '{', '[' and ': ' are special in YAML",
       "f:12:18: error: \"proxyAddress\" is empty; write host:2878, or remove it",
       "f:13:19: error: an element of \"proxyAddress\" is a map, not text; put it in quotes: '{', '[' and ': ' are special in YAML",
       "f:14:69: error: protocol: tcp does not go with a URL in \"proxyAddress\"; write proxyAddress: q:1, or remove \"protocol\""}},
      {"a spool that cannot be",
       in_sink("  spool:\n"
       "    directory: spool\n"
       "    bytes: 1MiB\n"
       "    memoryBytes: lots\n"
       "    maxAge: 59s\n"
       "    sync: always\n"
       "    syncInterval: 9ms\n"
       "    drainRate: -1\n"
       "    dir: /spool\n"),
       {"f:5:16: error: \"directory\" is not an absolute path: \"spool\"; write for example /var/spool/fedwave",
       "f:6:12: error: \"bytes\" is out of range: \"1MiB\"; write a size from 16777216 to 1125899906842624 bytes",
       "f:7:18: error: \"memoryBytes\" needs a size, not \"lots\"; write bytes, or a whole number with KiB, MiB, GiB, KB, MB or GB, such as 16MiB",
       "f:8:13: error: \"maxAge\" is below 1m; write for example 7d",
       "f:9:11: error: \"sync\" cannot be \"always\"; write one of: block, interval, never",
       "f:10:19: error: \"syncInterval\" is out of range: 9ms; write a duration from 10ms to 1h",
       "f:11:16: error: \"drainRate\" is out of range: -1; write a number from 0 to 1000000000",
       "f:12:5: error: unknown key \"dir\"; spool may hold: directory, bytes, memoryBytes, maxAge, sync, syncInterval, drainRate"}},
      {"other spools that cannot be",
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
       "sinks:\n"
       "- {proxyAddress: 'p:1', spool: [a]}\n"
       "- {proxyAddress: 'p:2', spool: {maxAge: 0, syncInterval: 61m, drainRate: fast}}\n"
       "- {proxyAddress: 'p:3', drainRate: 5}\n",
       {"f:3:32: error: spool has to be a map, not a list; write its keys indented, as \"key: value\"",
       "f:4:41: error: \"maxAge\" is below 1m; write for example 7d",
       "f:4:58: error: \"syncInterval\" is out of range: 1h1m; write a duration from 10ms to 1h",
       "f:4:58: warning: \"syncInterval\" has no effect without \"directory\"; write spool: {directory: /var/spool/fedwave}, or remove it",
       "f:4:74: error: \"drainRate\" needs a whole number, not \"fast\"; write a number from 0 to 1000000000",
       "f:5:25: error: unknown key \"drainRate\"; it belongs under \"spool\""}},
      {"a spool for all that cannot be",
       in_file("spool: {directory: ./spool, maxAge: 1}\n"),
       {"f:3:20: error: \"directory\" is not an absolute path: \"./spool\"; write for example /var/spool/fedwave",
       "f:3:37: error: \"maxAge\" needs a duration, not \"1\"; the unit is missing; write for example 1s for seconds"}},
      {"what only a spool on disk has",
       in_sink("  spool:\n"
       "    bytes: 2GiB\n"
       "    sync: block\n"
       "    memoryBytes: 2MiB\n"),
       {"f:5:12: warning: \"bytes\" has no effect without \"directory\"; write spool: {directory: /var/spool/fedwave}, or remove it",
       "f:6:11: warning: \"sync\" has no effect without \"directory\"; write spool: {directory: /var/spool/fedwave}, or remove it"}},
      {"a sink that leaves the disk to the others",
       "spool: {directory: /spool, bytes: 2GiB}\n"
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
       "sinks:\n"
       "- proxyAddress: p:1\n"
       "- {proxyAddress: 'p:2', spool: {directory: '', syncInterval: 2s}}\n",
       {"f:5:62: warning: \"syncInterval\" has no effect without \"directory\"; write spool: {directory: /var/spool/fedwave}, or remove it"}},
      {"a spool for all that is nowhere on disk",
       in_file("spool: {bytes: 2GiB, syncInterval: 2s, maxAge: 1d}\n"),
       {"f:3:16: warning: \"bytes\" has no effect without \"directory\"; write spool: {directory: /var/spool/fedwave}, or remove it",
       "f:3:36: warning: \"syncInterval\" has no effect without \"directory\"; write spool: {directory: /var/spool/fedwave}, or remove it"}},
      {"an interval that nothing follows",
       "spool: {directory: /spool, sync: never, syncInterval: 2s}\n"
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
       "sinks:\n"
       "- {proxyAddress: 'p:1', spool: {sync: block}}\n"
       "- {proxyAddress: 'p:2', spool: {syncInterval: 3s}}\n"
       "- {proxyAddress: 'p:3', spool: {sync: interval, syncInterval: 3s}}\n",
       {"f:1:55: warning: \"syncInterval\" has no effect with another \"sync\" than interval; write sync: interval, or remove it",
       "f:5:47: warning: \"syncInterval\" has no effect with another \"sync\" than interval; write sync: interval, or remove it"}},
      {"tokens from Cloud Services",
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
       "sinks:\n"
       "- {server: 'https://a', cloudServices: {}}\n"
       "- {server: 'https://b', cloudServices: {apiToken: s3cret, clientId: c, clientSecret: s}}\n"
       "- {server: 'https://c', cloudServices: {apiTokenFile: /dev/null, clientSecretFile: /dev/null}}\n"
       "- {server: 'https://d', cloudServices: {clientId: c}}\n"
       "- {server: 'https://e', cloudServices: {clientSecret: s3cret}}\n"
       "- {server: 'https://f', cloudServices: {clientSecretFile: /dev/null}}\n"
       "- {server: 'https://g', cloudServices: {apiToken: '${NO_SUCH}', clientId: c}}\n"
       "- {server: 'https://h', cloudServices: {apiToken: t, apiTokenFile: /dev/null}}\n"
       "- {server: 'https://i', cloudServices: {clientId: c, clientSecret: s, clientSecretFile: /dev/null}}\n"
       "- {server: 'https://j', cloudServices: {apiTokenFile: /no/such/token}}\n"
       "- {server: 'https://k', cloudServices: t}\n"
       "- {server: 'https://l', cloudServices: {apiToken: t, orgId: o, token: t}}\n",
       {"f:3:40: error: \"cloudServices\" without \"apiToken\" or \"clientId\"; write apiToken: ${CSP_API_TOKEN}, or clientId with clientSecret",
       "f:4:69: error: \"apiToken\" and \"clientId\" exclude one another; keep the API token, or the client's id and secret",
       "f:5:84: error: \"apiTokenFile\" and \"clientSecretFile\" exclude one another; keep the API token, or the client's id and secret",
       "f:6:51: error: \"clientId\" without \"clientSecret\" or \"clientSecretFile\"; write clientSecret: ${CSP_CLIENT_SECRET} beside it",
       "f:7:55: error: \"clientSecret\" without \"clientId\"; write clientId: beside it",
       "f:8:59: error: \"clientSecretFile\" without \"clientId\"; write clientId: beside it",
       "f:9:51: error: the environment variable NO_SUCH is not set; set it, or write $$ for a dollar",
       "f:10:68: warning: \"apiTokenFile\" is not read where \"apiToken\" stands beside it; remove one of the two",
       "f:11:89: warning: \"clientSecretFile\" is not read where \"clientSecret\" stands beside it; remove one of the two",
       "f:12:55: error: \"apiTokenFile\": \"/no/such/token\" does not exist; name a file that is there, or remove the key",
       "f:13:40: error: cloudServices has to be a map, not a single value; write its keys indented, as \"key: value\"",
       "f:14:61: warning: \"orgId\" has no effect: an API token has its own organization; remove it",
       "f:14:64: error: unknown key \"token\"; cloudServices may hold: url, apiToken, apiTokenFile, clientId, clientSecret, clientSecretFile, orgId"}},
      {"Cloud Services at an odd place",
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
       "sinks:\n"
       "- {server: 'https://a', cloudServices: {apiToken: t, url: 'console:443'}}\n"
       "- {server: 'https://b', cloudServices: {apiToken: t, url: 'https://u:secret@c'}}\n"
       "- {server: 'https://c', cloudServices: {apiToken: t, url: 'http://c'}}\n"
       "- {server: 'https://d', token: t, cloudServices: {apiToken: t}}\n"
       "- {server: 'https://e', tokenFile: /dev/null, cloudServices: {apiToken: t}}\n"
       "- {proxyAddress: 'p:1', protocol: tcp, cloudServices: {apiToken: t}}\n"
       "- {proxyAddress: 'p:2', apiToken: t}\n",
       {"f:3:59: error: \"url\" is not an absolute http or https URL; write http://host:port/path",
       "f:4:59: error: \"url\" cannot hold credentials, a query or a fragment; write scheme, host, port and path; the token has a key of its own",
       "f:5:59: warning: the credentials travel unencrypted to an http:// \"url\"; write https://",
       "f:6:50: error: \"cloudServices\" and \"token\" exclude one another; remove one of the two",
       "f:7:62: error: \"cloudServices\" and \"tokenFile\" exclude one another; remove one of the two",
       "f:8:35: warning: a token cannot be sent with protocol: tcp; write protocol: http",
       "f:9:25: error: unknown key \"apiToken\"; it belongs under \"cloudServices\""}},
  };
  return kMistakes;
}
// clang-format on

}  // namespace

TEST_CASE("every mistake about a sink is told with its place and what to write instead") {
  mistakes::check(mistakes_of_sinks());
}

TEST_CASE("a sink has a hundred addresses at most") {
  std::string addresses = "p:1";
  for (int port = 2; port <= 100; ++port) addresses += ",p:" + std::to_string(port);
  const auto all = [](const std::string& written) {
    return loading::load(
        "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
        "sinks: [{proxyAddress: '" +
        written + "'}]\n");
  };
  const auto many = all(addresses);
  REQUIRE(many.config.has_value());
  CHECK(many.config->sinks.at(0).endpoints.size() == 100);
  const auto too_many = all(addresses + ",p:101");
  CHECK_FALSE(too_many.config.has_value());
  CHECK(loading::lines(too_many) ==
        std::vector<std::string>{
            "f:2:24: error: \"proxyAddress\" holds more than 100 addresses; write fewer; a host "
            "name may stand for many"});
}
