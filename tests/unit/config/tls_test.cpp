// `tls_config` of sources and sinks: files that may come late, and whom the server has to be.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/config/loading.h"
#include "tests/unit/config/mistakes.h"

using fedwave::config::Tls;
using loading::in_sink;
using loading::in_source;
using mistakes::Mistake;

namespace {

std::string in_tls(const std::string& keys) {
  return in_source("    httpConfig:\n      tls_config: {" + keys + "}\n");
}

std::string no_identity(const std::string& place, const std::string& text) {
  return "f:" + place + ": error: \"serverIdentities\": \"" + text +
         "\" is no SPIFFE identity; write spiffe://trust-domain/path, such as "
         "spiffe://cluster.local/ns/istio-system/sa/prometheus";
}

// clang-format off
const std::vector<Mistake>& mistakes_in_tls() {
  static const std::vector<Mistake> kMistakes = {
      {"files that are not there yet",
       in_tls("ca_file: /no/ca.crt, cert_file: /no/tls.crt, key_file: /no/tls.key"),
       {"f:6:29: warning: \"ca_file\": \"/no/ca.crt\" does not exist; fedwave waits until it is there",
       "f:6:52: warning: \"cert_file\": \"/no/tls.crt\" does not exist; fedwave waits until it is there",
       "f:6:75: warning: \"key_file\": \"/no/tls.key\" does not exist; fedwave waits until it is there"}},
      {"a certificate that is not there yet, without a key",
       in_sink("  tls_config: {cert_file: /no/tls.crt}\n"),
       {"f:4:27: warning: \"cert_file\": \"/no/tls.crt\" does not exist; fedwave waits until it is there",
       "f:4:27: error: \"cert_file\" without \"key_file\"; write both or neither"}},
      {"a folder for a file",
       in_tls("ca_file: /"),
       {"f:6:29: error: \"ca_file\": \"/\" is a folder; name a file that is there, or remove the key"}},
      {"identities that are none",
       in_tls("serverIdentities: ['', prometheus, 'spiffe://a', 'spiffe:///b', 'spiffe://a/']"),
       {no_identity("6:39", ""), no_identity("6:43", "prometheus"), no_identity("6:55", "spiffe://a"),
       no_identity("6:69", "spiffe:///b"), no_identity("6:84", "spiffe://a/")}},
      {"identities that are nearly some",
       in_tls("serverIdentities: ['spiffe://a//b', 'spiffe://a/b?c', 'https://a/b', 'spiffe://a/b', ~]"),
       {no_identity("6:39", "spiffe://a//b"), no_identity("6:56", "spiffe://a/b?c"),
       no_identity("6:74", "https://a/b"), no_identity("6:105", "")}},
      {"one identity that is none",
       in_sink("  tls_config: {serverIdentities: cluster.local}\n"),
       {no_identity("4:34", "cluster.local")}},
      {"identities as a map",
       in_tls("serverIdentities: {spiffe: x}"),
       {"f:6:38: error: \"serverIdentities\" needs a list, not a map; write each element on a line of its own after \"- \""}},
      {"identities that nobody verifies",
       in_tls("insecure_skip_verify: true, serverIdentities: 'spiffe://a/b'"),
       {"f:6:42: error: \"insecure_skip_verify\" and \"serverIdentities\" exclude one another; remove one of the two"}},
      {"identities behind a proxy that has TLS itself",
       in_source("    httpConfig:\n"
       "      proxy_url: https://proxy:3128\n"
       "      tls_config: {serverIdentities: 'spiffe://a/b'}\n"),
       {"f:6:18: error: \"serverIdentities\" cannot be verified through an https:// proxy; name a proxy with http://"}},
      {"identities of a sink behind such a proxy",
       in_sink("  proxyUrl: https://proxy:3128\n"
       "  tls_config: {serverIdentities: 'spiffe://a/b'}\n"),
       {"f:4:13: error: \"serverIdentities\" cannot be verified through an https:// proxy; name a proxy with http://"}},
      {"identities in the wrong place",
       in_source("    httpConfig: {serverIdentities: 'spiffe://a/b'}\n"),
       {"f:5:18: error: unknown key \"serverIdentities\"; it belongs under \"tls_config\""}},
  };
  return kMistakes;
}
// clang-format on

}  // namespace

TEST_CASE("every mistake in tls_config is told with its place and what to write instead") {
  mistakes::check(mistakes_in_tls());
}

TEST_CASE("server identities are one text or a list, of a source and of a sink") {
  const std::string one = "spiffe://cluster.local/ns/istio-system/sa/prometheus";
  const std::string any = "spiffe://*/ns/istio-system/sa/*";
  struct Row {
    std::string written;
    std::vector<std::string> identities;
  };
  const Row rows[] = {
      {"", {}},
      {"serverIdentities: []", {}},
      {"serverIdentities: ", {}},
      {"serverIdentities: " + one, {one}},
      {"serverIdentities: ['" + any + "', " + one + "]", {any, one}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.written);
    const auto of_source = loading::load(in_tls(row.written));
    REQUIRE(of_source.config.has_value());
    CHECK(of_source.config->sources[0].http.tls.server_identities == row.identities);
    const auto of_sink = loading::load(in_sink("  tls_config: {" + row.written + "}\n"));
    CAPTURE(loading::lines(of_sink));
    REQUIRE(of_sink.config.has_value());
    CHECK(of_sink.config->sinks[0].tls.server_identities == row.identities);
  }
}
