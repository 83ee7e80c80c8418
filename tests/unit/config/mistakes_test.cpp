// Every mistake with the exact lines that it gives: the place, what is wrong and what to write.
// Those of filters and sinks are in filter_mistakes_test.cpp and sink_mistakes_test.cpp.
#include "config/load.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/config/loading.h"
#include "tests/unit/config/mistakes.h"

using loading::in_file;
using loading::in_source;
using mistakes::Mistake;

namespace {

// clang-format off
const std::vector<Mistake>& mistakes_of_a_file() {
  static const std::vector<Mistake> kMistakes = {
      {"wrong case",
       in_file("clustername: x\n"),
       {"f:3:1: error: unknown key \"clustername\"; did you mean \"clusterName\"?"}},
      {"a key of the collector under another place",
       in_file("prometheus_sources: []\n"),
       {"f:3:1: error: unknown key \"prometheus_sources\"; it belongs under \"sources\""}},
      {"an unknown key far from any",
       in_file("zzzzzzzzzz: 1\n"),
       {"f:3:1: error: unknown key \"zzzzzzzzzz\"; a configuration may hold: clusterName, flushInterval, defaultCollectionInterval, sinkExportDataTimeout, omitBucketSuffix, experimental, globCompat, shutdownGrace, spool, status, sources, sinks, enableDiscovery, enableEvents, discovery, events, discovery_configs, discoveryInterval, events_sink"}},
      {"duplicate keys",
       in_file("clusterName: a\n"
       "clusterName: b\n"),
       {"f:4:1: error: duplicate key \"clusterName\"; it is already on line 3; keep one of the two"}},
      {"a flush interval that the collector refuses",
       in_file("flushInterval: 4s\n"),
       {"f:3:16: error: \"flushInterval\" is below 5s; write 5s or more"}},
      {"a bare number for a duration",
       in_file("defaultCollectionInterval: 60\n"),
       {"f:3:28: error: \"defaultCollectionInterval\" needs a duration, not \"60\"; the unit is missing; write for example 60s for seconds"}},
      {"a duration below none",
       in_file("sinkExportDataTimeout: -1s\n"),
       {"f:3:24: error: \"sinkExportDataTimeout\" is below 0; write for example 60s, or remove the key"}},
      {"nanoseconds for a duration",
       in_file("defaultCollectionInterval: 30000000000\n"
       "flushInterval: 5_500_000_000\n"
       "sinkExportDataTimeout: '30000000000'\n"),
       {"f:3:28: error: \"defaultCollectionInterval\" needs a duration, not \"30000000000\"; the collector takes it for nanoseconds: write 30s",
       "f:4:16: error: \"flushInterval\" needs a duration, not \"5_500_000_000\"; the collector takes it for nanoseconds: write 5.5s",
       "f:5:24: error: \"sinkExportDataTimeout\" needs a duration, not \"30000000000\"; the unit is missing; write for example 30000000000s for seconds"}},
      {"text for a switch that is left aside",
       in_file("enableDiscovery: 'true'\n"),
       {"f:3:18: error: \"enableDiscovery\" needs true or false, not \"true\"; write it without quotes"}},
      {"sources as older collectors have them",
       "sinks: [{proxyAddress: 'p:1'}]\n"
       "kubernetes_source: {}\n"
       "telegraf_sources: [{plugins: []}]\n"
       "systemd_source: {}\n"
       "prometheus_sources: [{url: 'http://h/m'}]\n"
       "discovery_configs: [{type: telegraf/redis}]\n",
       {"f:1:1: error: there are no sources; write sources: with prometheus_sources: below it",
       "f:2:1: error: unknown key \"kubernetes_source\"; it belongs under \"sources\"",
       "f:3:1: error: unknown key \"telegraf_sources\"; it belongs under \"sources\"",
       "f:4:1: error: unknown key \"systemd_source\"; it belongs under \"sources\"",
       "f:5:1: error: unknown key \"prometheus_sources\"; it belongs under \"sources\"",
       "f:6:1: warning: fedwave does not have these and leaves them aside: discovery_configs"}},
      {"what older collectors call what is left aside",
       in_file("discoveryInterval: 10m\n"
       "events_sink: {server: 'https://x'}\n"
       "discovery_configs: [{type: telegraf/redis}]\n"),
       {"f:3:1: warning: fedwave does not have these and leaves them aside: discoveryInterval, events_sink (line 4), discovery_configs (line 5)"}},
      {"rules for discovery",
       "plugins:\n"
       "- {name: a, type: prometheus}\n",
       {"f:1:1: error: these are rules for the collector's discovery, and no configuration; name the file that has \"sinks:\" and \"sources:\""}},
      {"a list for a duration",
       in_file("flushInterval: [30s]\n"),
       {"f:3:16: error: \"flushInterval\" needs a duration, not a list; write for example 60s"}},
      {"a map for text",
       in_file("clusterName: {a: b}\n"),
       {"f:3:14: error: \"clusterName\" needs text, not a map; write one value after the colon"}},
      {"text for a boolean",
       in_file("omitBucketSuffix: maybe\n"),
       {"f:3:19: error: \"omitBucketSuffix\" needs true or false, not \"maybe\"; write true or false"}},
      {"a quoted boolean",
       in_file("omitBucketSuffix: 'yes'\n"),
       {"f:3:19: error: \"omitBucketSuffix\" needs true or false, not \"yes\"; write it without quotes"}},
      {"an unknown choice",
       in_file("globCompat: Overlap\n"),
       {"f:3:13: error: \"globCompat\" cannot be \"Overlap\"; did you mean \"overlap\"?"}},
      {"a choice far from any",
       in_file("globCompat: strict\n"),
       {"f:3:13: error: \"globCompat\" cannot be \"strict\"; write one of: documented, overlap"}},
      {"an unknown experiment",
       in_file("experimental: [histogram_conversion, other]\n"),
       {"f:3:16: warning: unknown experiment \"histogram_conversion\"; did you mean \"histogram-conversion\"?",
       "f:3:38: warning: unknown experiment \"other\""}},
      {"a grace below zero",
       in_file("shutdownGrace: -1s\n"),
       {"f:3:16: error: \"shutdownGrace\" is below 0; write for example 20s"}},
      {"nothing at all",
       "",
       {"f: error: the file is empty; begin with \"sinks:\" and \"sources:\""}},
      {"only comments",
       "# nothing\n",
       {"f: error: the file is empty; begin with \"sinks:\" and \"sources:\""}},
      {"a list instead of a map",
       "- a\n"
       "- b\n",
       {"f:1:1: error: a configuration is a map, not a list; begin with \"clusterName: …\", \"sinks:\" and \"sources:\""}},
      {"no sinks, no sources",
       "clusterName: x\n",
       {"f:1:1: error: there are no sources; write sources: with prometheus_sources: below it",
       "f:1:1: error: there are no sinks; add sinks: with \"- proxyAddress: wavefront-proxy:2878\" below it"}},
      {"sources without prometheus_sources",
       "sinks: [{proxyAddress: 'p:1'}]\n"
       "sources:\n"
       "  kubernetes_source: {}\n",
       {"f:3:3: error: there are no prometheus_sources, and nothing else is scraped; add prometheus_sources: with a \"- url: …\" below it",
       "f:3:3: warning: fedwave does not have these and leaves them aside: sources.kubernetes_source"}},
      {"empty prometheus_sources",
       "sinks: [{proxyAddress: 'p:1'}]\n"
       "sources: {prometheus_sources: []}\n",
       {"f:2:31: error: there are no prometheus_sources, and nothing else is scraped; add prometheus_sources: with a \"- url: …\" below it"}},
      {"an unknown kind of source",
       "sinks: [{proxyAddress: 'p:1'}]\n"
       "sources:\n"
       "  promtheus_sources: [{url: 'http://h'}]\n",
       {"f:3:3: error: unknown key \"promtheus_sources\"; did you mean \"prometheus_sources\"?",
       "f:3:3: error: there are no prometheus_sources, and nothing else is scraped; add prometheus_sources: with a \"- url: …\" below it"}},
      {"maps where lists belong",
       "sinks: {proxyAddress: 'p:1'}\n"
       "sources:\n"
       "  prometheus_sources:\n"
       "    url: http://h\n",
       {"f:1:8: error: \"sinks\" needs a list, not a map; begin each sink with \"- proxyAddress: host:2878\"",
       "f:4:5: error: \"prometheus_sources\" needs a list, not a map; begin each source with \"- url: …\""}},
      {"only an external sink",
       "sinks:\n"
       "- type: external\n"
       "  externalEndpointURL: http://h\n"
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n",
       {"f:2:1: error: there is no sink for metrics; add \"- proxyAddress: wavefront-proxy:2878\"",
       "f:2:3: warning: fedwave does not have these and leaves them aside: sinks of type external"}},
      {"text where a sink belongs",
       "sinks: [p:1]\n"
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n",
       {"f:1:9: error: a sink has to be a map, not a single value; write its keys indented, as \"key: value\""}},
      {"a snake_case key in camel case",
       in_source("    httpConfig:\n"
       "      bearerToken: x\n"),
       {"f:6:7: error: unknown key \"bearerToken\"; did you mean \"bearer_token\"?"}},
      {"a timeout above the interval",
       in_source("    collection:\n"
       "      interval: 30s\n"
       "      timeout: 1m\n"),
       {"f:7:16: warning: \"timeout\" is longer than the interval of 30s, which is used instead; write a shorter timeout or a longer interval"}},
      {"an unknown unit",
       in_source("    collection: {interval: 1 minute}\n"),
       {"f:5:28: error: \"interval\" needs a duration, not \"1 minute\"; unknown unit; the units are ms, s, m, h, d, w and y"}},
      {"two ways to log in",
       in_source("    httpConfig:\n"
       "      bearer_token: x\n"
       "      basic_auth: {username: u, password: p}\n"),
       {"f:7:19: error: a bearer token and basic_auth exclude one another; remove one of the two"}},
      {"a proxy as the collector's type has it",
       in_source("    httpConfig:\n"
       "      proxy_url:\n"
       "        host: proxy\n"),
       {"f:7:9: error: \"proxy_url\" needs a URL, not a map; write http://host:port"}},
      {"a proxy that is no URL",
       in_source("    httpConfig:\n"
       "      proxy_url: user:secret@proxy\n"),
       {"f:6:18: error: \"proxy_url\" is not an absolute http or https URL; write http://host:port/path"}},
      {"a password whose end was taken for a path",
       in_source("    httpConfig:\n"
       "      proxy_url: http://user:12/secret@proxy:3128\n"),
       {"f:6:18: error: \"proxy_url\" goes on after host and port; write http://user:password@host:port, and in the password %2F for '/', %3F for '?' and %23 for '#'"}},
      {"a password without a username",
       in_source("    httpConfig:\n"
       "      basic_auth: {password: secret}\n"),
       {"f:6:30: error: \"password\" without \"username\"; write username: beside it"}},
      {"a password file with an empty username",
       in_source("    httpConfig:\n"
       "      basic_auth: {username: '', password_file: /dev/null}\n"),
       {"f:6:49: error: \"password_file\" without \"username\"; write username: beside it"}},
      {"a username that cannot be read",
       in_source("    httpConfig:\n"
       "      basic_auth: {username: '${NO_SUCH}', password: secret}\n"),
       {"f:6:30: error: the environment variable NO_SUCH is not set; set it, or write $$ for a dollar"}},
      {"headers that have keys of their own",
       in_source("    httpConfig:\n"
       "      headers:\n"
       "        authorization: Bearer secret\n"
       "        HOST: h\n"
       "        Accept: a\n"
       "        Accept-Encoding: br\n"
       "        User-Agent: me\n"
       "        Content-Length: 0\n"
       "        Content-Type: a/b\n"
       "        Connection: close\n"
       "        X-Prometheus-Scrape-Timeout-Seconds: 1\n"),
       {"f:7:9: error: the header \"authorization\" is set by fedwave itself; write bearer_token, bearer_token_file or basic_auth",
       "f:8:9: error: the header \"HOST\" is set by fedwave itself; it is the host of \"url\"; write another one there",
       "f:9:9: error: the header \"Accept\" is set by fedwave itself; fedwave asks for the only format that it reads; remove it",
       "f:10:9: error: the header \"Accept-Encoding\" is set by fedwave itself; fedwave asks for what it can decode; remove it",
       "f:11:9: error: the header \"User-Agent\" is set by fedwave itself; fedwave says who it is; remove it",
       "f:12:9: error: the header \"Content-Length\" is set by fedwave itself; a scrape sends no content; remove it",
       "f:13:9: error: the header \"Content-Type\" is set by fedwave itself; a scrape sends no content; remove it",
       "f:14:9: error: the header \"Connection\" is set by fedwave itself; connections are kept between scrapes; remove it",
       "f:15:9: error: the header \"X-Prometheus-Scrape-Timeout-Seconds\" is set by fedwave itself; write collection with timeout"}},
      {"headers without a value",
       in_source("    httpConfig:\n"
       "      headers: {X-A: '', X-B: ' ', X-C: }\n"),
       {"f:6:22: error: the header \"X-A\" has no value; write one after the colon, or remove the header",
       "f:6:31: error: the header \"X-B\" has no value; write one after the colon, or remove the header",
       "f:6:36: error: the header \"X-C\" has no value; write one after the colon, or remove the header"}},
      {"no space after the colon",
       in_source("    httpConfig: {bearer_token:secret, headers: {X-A:secret}}\n"),
       {"f:5:18: error: unknown key \"bearer_token\"; write a space after the colon",
       "f:5:49: error: \"X-A\" cannot be a header's name; write a space after the colon"}},
      {"twice no space after the colon",
       in_source("    httpConfig: {bearer_token:secret, bearer_token:secret}\n"),
       {"f:5:18: error: unknown key \"bearer_token\"; write a space after the colon",
       "f:5:39: error: duplicate key \"bearer_token\"; it is already on line 5; keep one of the two"}},
      {"a certificate without its key",
       in_source("    httpConfig:\n"
       "      tls_config:\n"
       "        cert_file: /dev/null\n"),
       {"f:7:20: error: \"cert_file\" without \"key_file\"; write both or neither"}},
      {"a file that is not there",
       in_source("    httpConfig:\n"
       "      basic_auth:\n"
       "        username: u\n"
       "        password_file: /no/such/password\n"),
       {"f:8:24: error: \"password_file\": \"/no/such/password\" does not exist; name a file that is there, or remove the key"}},
      {"a token file that is not there",
       in_source("    httpConfig:\n"
       "      bearer_token_file: /no/such/token\n"),
       {"f:6:26: warning: \"bearer_token_file\": \"/no/such/token\" does not exist; inside a pod it usually does"}},
      {"a folder for a file",
       in_source("    httpConfig:\n"
       "      basic_auth:\n"
       "        username: u\n"
       "        password_file: /\n"),
       {"f:8:24: error: \"password_file\": \"/\" is a folder; name a file that is there, or remove the key"}},
      {"a variable that is not set",
       in_source("    httpConfig:\n"
       "      bearer_token: ${NO_SUCH}\n"),
       {"f:6:21: error: the environment variable NO_SUCH is not set; set it, or write $$ for a dollar"}},
      {"a variable without an end",
       in_source("    httpConfig:\n"
       "      bearer_token: ${TOKEN\n"),
       {"f:6:21: error: \"${\" is not followed by a variable's name and \"}\"; write ${NAME}, or $$ for a dollar"}},
      {"a header with a line break",
       in_source("    httpConfig:\n"
       "      headers:\n"
       "        X-A: \"a\\nSet: b\"\n"
       "        'b c': d\n"),
       {"f:7:14: error: \"X-A\" holds a line break or another control character; write it on one line",
       "f:8:9: error: \"b c\" cannot be a header's name"}},
      {"sizes of the wrong kind",
       in_source("    limits:\n"
       "      bodySize: 1.5GiB\n"
       "      lineLength: 1B\n"
       "      labels: many\n"
       "      samples: 0\n"),
       {"f:6:17: error: \"bodySize\" needs a size, not \"1.5GiB\"; write bytes, or a whole number with KiB, MiB, GiB, KB, MB or GB, such as 16MiB",
       "f:7:19: error: \"lineLength\" is out of range: \"1B\"; write a size from 256 to 1073741824 bytes",
       "f:8:15: error: \"labels\" needs a whole number, not \"many\"; write a number from 1 to 10000",
       "f:9:16: error: \"samples\" is out of range: 0; write a number from 1 to 1000000000"}},
      {"repeats that it does not know",
       in_source("    repeats: supress\n"),
       {"f:5:14: error: \"repeats\" cannot be \"supress\"; did you mean \"suppress\"?"}},
      {"a list for tags",
       in_source("    tags: [a]\n"),
       {"f:5:11: error: \"tags\" needs a map, not a list; write its keys below it, indented, as \"key: value\""}},
      {"a list for a tag",
       in_source("    tags: {a: [b]}\n"),
       {"f:5:15: error: \"a\" needs text, not a list; write one value after the colon"}},
      {"an empty selector",
       in_source("    match: ''\n"),
       {"f:5:12: error: an empty selector in \"match\"; write a selector such as '{job=\"kubernetes-pods\"}'"}},
      {"a split with nothing to split",
       in_source("    splitMatches: yes\n"),
       {"f:5:19: warning: \"splitMatches\" has nothing to split: the source has no match[]; remove it, or write several selectors under \"match\""}},
      {"a split of one",
       in_source("    match: up\n"
       "    splitMatches: yes\n"),
       {"f:6:19: warning: \"splitMatches\" has nothing to split: the source has one match[]; remove it, or write several selectors under \"match\""}},
      {"selectors that cannot be split",
       "sinks: [{proxyAddress: 'p:1'}]\n"
       "sources:\n"
       "  prometheus_sources:\n"
       "  - url: 'http://h/m?match[]=up&match[]={a}'\n"
       "    match:\n"
       "    - up{a=\"b\"}\n"
       "    - up[5m]\n"
       "    splitMatches: yes\n",
       {"f:4:10: error: match[] \"{a}\", character 3: one of = != =~ !~ is missing; splitMatches needs selectors as Prometheus reads them",
       "f:6:7: warning: match[] \"up{a=\"b\"}\" adds nothing to those before it and is left out; remove it",
       "f:7:7: error: match[] \"up[5m]\", character 3: nothing may follow the selector; splitMatches needs selectors as Prometheus reads them"}},
      {"a split of a source without a URL",
       "sinks: [{proxyAddress: 'p:1'}]\n"
       "sources: {prometheus_sources: [{splitMatches: yes}]}\n",
       {"f:2:32: error: a source without \"url\"; write url: 'http://prometheus:9090/federate?match[]={job=\"x\"}'"}},
      {"an unknown way to share out",
       in_source("    shardBy: serie\n"),
       {"f:5:14: error: \"shardBy\" cannot be \"serie\"; did you mean \"series\"?"}},
      {"no url",
       "sinks: [{proxyAddress: 'p:1'}]\n"
       "sources:\n"
       "  prometheus_sources:\n"
       "  - name: a\n"
       "  -\n",
       {"f:4:5: error: a source without \"url\"; write url: 'http://prometheus:9090/federate?match[]={job=\"x\"}'",
       "f:5:3: error: a source without \"url\"; write url: 'http://prometheus:9090/federate?match[]={job=\"x\"}'"}},
      {"URLs that are none",
       "sinks: [{proxyAddress: 'p:1'}]\n"
       "sources:\n"
       "  prometheus_sources:\n"
       "  - url: prometheus:9090\n"
       "  - url: ftp://h/\n"
       "  - url: http://\n"
       "  - url: http://user:secret@h:99999/\n"
       "  - url: [a]\n"
       "  - url: http://a b/\n",
       {"f:4:10: error: \"url\" is not an absolute http or https URL; write http://host:port/path",
       "f:5:10: error: \"url\" is not an absolute http or https URL; write http://host:port/path",
       "f:6:10: error: \"url\" has no host; write host:port",
       "f:7:10: error: \"url\" has a bad port; write a number from 1 to 65535",
       "f:8:10: error: \"url\" needs text, not a list; write one value after the colon",
       "f:9:10: error: \"url\" has a character in its host name that cannot stand there"}},
      {"URLs that say something else than they seem to",
       "sinks: [{proxyAddress: 'p:1'}]\n"
       "sources:\n"
       "  prometheus_sources:\n"
       "  - url: http://h/federate\n"
       "  - url: http://h/federate?match={a=\"b\"}\n"
       "  - url: http://h/federate?match[]={a=~\".+\"}\n"
       "  - url: http://h/m#x\n",
       {"f:4:10: warning: /federate without match[] answers with an empty page; add ?match[]={job=\"x\"} to \"url\", or the key \"match\"",
       "f:5:10: warning: Prometheus does not know the parameter \"match\"; write match[]=",
       "f:6:10: warning: Prometheus takes a '+' in \"url\" for a space; write %2B, or put the selector under the key \"match\"",
       "f:7:10: warning: no server sees what stands after '#' in \"url\"; write %23 for the character itself"}},
      {"the same name twice",
       "sinks: [{proxyAddress: 'p:1'}, {proxyAddress: 'p:1'}]\n"
       "sources:\n"
       "  prometheus_sources:\n"
       "  - url: http://h/m\n"
       "  - {url: 'http://i/m', name: 'http://h/m'}\n"
       "  - url: http://h/m\n",
       {"f:1:32: warning: there is already a sink \"proxy p:1\"; this one is called \"proxy p:1 #2\"; give it a name of its own",
       "f:5:5: warning: there is already a source \"http://h/m\"; this one is called \"http://h/m #2\"; give it a name of its own",
       "f:6:5: warning: there is already a source \"http://h/m\"; this one is called \"http://h/m #3\"; give it a name of its own"}},
      {"a second document",
       "sinks: [{proxyAddress: 'p:1'}]\n"
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
       "---\n"
       "sinks: []\n",
       {"f:4:1: warning: only the first document of the file counts; remove the others, or put them into files of their own"}},
      {"tabs",
       "sinks:\n"
       "\t- proxyAddress: p:1\n",
       {"f:2:2: error: not valid YAML: illegal block entry; indent with spaces, not with tabs"}},
      {"an unclosed bracket",
       "sinks: [{proxyAddress: 'p:1'}\n"
       "sources: 1\n",
       {"f:2:1: error: not valid YAML: end of sequence flow not found; look at the indentation and for a missing bracket, quote or colon here or above"}},
      {"an unclosed quote",
       "sinks: 'a\n",
       {"f:1:8: error: a quote is not closed; write the same quote at the end of the text"}},
      {"a colon within text",
       "clusterName: a: b\n",
       {"f:1:15: error: not valid YAML: illegal map value; put text that holds ': ' in quotes, and look at the indentation"}},
      {"text after the end",
       "{a: b} c: d\n",
       {"f:1:8: error: not valid YAML: end of map not found; look at the indentation and for a missing bracket, quote or colon here or above"}},
      {"an anchor within itself",
       "sinks: &a [*a]\n",
       {"f:1:12: error: an alias stands inside the value that it names; write the value out, or move the anchor"}},
      {"a merge of text",
       "sinks: [{<<: 5, proxyAddress: 'p:1'}]\n"
       "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n",
       {"f:1:14: error: << needs a map or a list of maps; write <<: *anchor"}},
      {"a list as a key",
       "[a, b]: c\n",
       {"f:1:1: error: a key cannot be a list; write plain text before the colon",
       "f:1:1: error: there are no sources; write sources: with prometheus_sources: below it",
       "f:1:1: error: there are no sinks; add sinks: with \"- proxyAddress: wavefront-proxy:2878\" below it"}},
      {"bytes that are not text",
       "sinks: [{proxyAddress: 'p:\xff""'}]\n",
       {"f:1:27: error: the file is not UTF-8 text; save it as UTF-8"}},
      {"another Kubernetes object",
       "apiVersion: v1\n"
       "kind: Secret\n"
       "data: {}\n",
       {"f:2:7: error: this is a Kubernetes \"Secret\", not a ConfigMap; name the file of the ConfigMap, or the configuration itself"}},
      {"a ConfigMap with several files",
       "kind: ConfigMap\n"
       "data:\n"
       "  a.yaml: 'x'\n"
       "  b.yaml: 'y'\n",
       {"f:3:3: error: none of the ConfigMap's entries is config.yaml or collector.yaml; rename the one that is meant: a.yaml, b.yaml"}},
      {"a ConfigMap without data",
       "apiVersion: v1\n"
       "kind: ConfigMap\n",
       {"f:1:1: error: the ConfigMap has no data; write \"data:\" with an entry config.yaml below it"}},
      {"a ConfigMap whose entry is a map",
       "kind: ConfigMap\n"
       "data:\n"
       "  config.yaml:\n"
       "    sinks: []\n",
       {"f:4:5: error: \"config.yaml\" is not text; write \"config.yaml: |\" before the configuration"}},
      {"a ConfigMap of rules for discovery",
       "kind: ConfigMap\n"
       "metadata: {annotations: {wavefront.com/discovery-config: 'true'}}\n"
       "data:\n"
       "  collector.yaml: |\n"
       "    plugins: []\n",
       {"f:5:5: error: these are rules for the collector's discovery, and no configuration; name the file that has \"sinks:\" and \"sources:\""}},
      {"an empty ConfigMap entry",
       "kind: ConfigMap\n"
       "data:\n"
       "  config.yaml: |\n"
       "    # soon\n",
       {"f:1:1: error: the ConfigMap's configuration is empty; begin with \"sinks:\" and \"sources:\""}},
  };
  return kMistakes;
}
// clang-format on

}  // namespace

TEST_CASE("every mistake is told with its place and what to write instead") {
  mistakes::check(mistakes_of_a_file());
}

TEST_CASE("all problems of a file are told in one run, in its order") {
  const auto result = loading::load(
      "flushInterval: 1s\n"
      "sinks:\n"
      "- proxyAddress: p:1\n"
      "  compress: perhaps\n"
      "sources:\n"
      "  prometheus_sources:\n"
      "  - url: nowhere\n"
      "    prefx: a\n"
      "zzzzzzzz: 1\n");
  std::vector<int> places;
  for (const auto& problem : result.problems) places.push_back(problem.where.line);
  CHECK(places == std::vector<int>{1, 4, 7, 8, 9});
}

TEST_CASE("a mistake behind an anchor is told once, where it stands") {
  const auto result = loading::load(
      "sinks: [{proxyAddress: 'p:1'}]\n"
      "sources:\n"
      "  prometheus_sources:\n"
      "  - url: http://a/m\n"
      "    filters: &filters\n"
      "      metricAllowList: ['[']\n"
      "  - {url: 'http://b/m', filters: *filters}\n"
      "  - {url: 'http://c/m', filters: *filters}\n");
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].where.line == 6);
  CHECK(result.problems[0].where.column == 25);
}

TEST_CASE("a file full of mistakes names the first thousand and says that there are more") {
  std::string yaml = "sinks:\n";
  for (int i = 0; i < 3000; ++i) yaml += "- a\n";
  const auto result = loading::load(yaml);
  CHECK(result.problems.size() == 1001);
  CHECK(loading::lines(result).back() ==
        "f:1001:3: error: there are more problems than these 1000; correct some and check again");
}
