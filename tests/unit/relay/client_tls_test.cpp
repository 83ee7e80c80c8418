#include "relay/client_tls.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "relay/curl_client.h"
#include "relay/http_server.h"
#include "tests/support/certificates.h"
#include "tests/support/fakes.h"
#include "tests/support/temp_folder.h"

namespace fedwave::relay {
namespace {

using base::ErrorCode;
using support::CertifiedKey;
using support::make_certified_key;

const std::string kPrometheus = "spiffe://cluster.local/ns/istio-system/sa/prometheus";

class Ignored final : public base::HttpReceiver {
 public:
  bool on_head(const base::HttpHead&) override { return true; }
  bool on_body(std::string_view) override { return true; }
};

// A server with the given certificate, and a client whose files a test writes.
class Connected {
 public:
  explicit Connected(const CertifiedKey& pair) {
    write("server.crt", pair.certificate);
    write("server.key", pair.key);
    ListenOptions options;
    options.tls = ListenTls{path("server.crt"), path("server.key")};
    auto started =
        HttpServer::start(std::move(options), [](const HttpRequestView&) { return HttpReply{}; });
    REQUIRE(started.has_value());
    server_ = *std::move(started);
    request_.url = "https://" + server_->address() + "/";
    tls.ca_file = path("server.crt");
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return folder_.path() + "/" + name;
  }
  void write(const std::string& name, std::string_view content) const {
    std::ofstream(path(name) + ".new") << content;
    std::filesystem::rename(path(name) + ".new", path(name));
  }

  // "" when the server answered, else the error.
  std::string ask() {
    Ignored body;
    request_.tls = tls;
    const auto head = client_->perform(request_, body);
    if (head) return "";
    return std::string(base::error_code_name(head.error().code)) + ": " + head.error().message;
  }

  base::TlsOptions tls;

 private:
  support::TempFolder folder_;
  std::unique_ptr<HttpServer> server_;
  base::HttpRequest request_;
  const std::unique_ptr<base::HttpClient> client_ = make_curl_client();
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("A star in an identity is any text without a slash") {
  struct Row {
    const char* pattern;
    const char* identity;
    bool matches;
  };
  const Row rows[] = {
      {"spiffe://a/b", "spiffe://a/b", true},
      {"spiffe://a/b", "spiffe://a/bc", false},
      {"spiffe://a/b", "spiffe://a/B", false},
      {"spiffe://a/b", "", false},
      {"spiffe://a/*", "spiffe://a/b", true},
      {"spiffe://a/*", "spiffe://a/", true},
      {"spiffe://a/*", "spiffe://a/b/c", false},
      {"spiffe://a/*/c", "spiffe://a/b/c", true},
      {"spiffe://a/*/c", "spiffe://a/c", false},
      {"spiffe://*/ns/*/sa/p", "spiffe://x.y/ns/z/sa/p", true},
      {"spiffe://*/ns/*/sa/p", "spiffe://x/y/ns/z/sa/p", false},
      {"spiffe://*/ns/*/sa/p", "spiffe://x.y/ns/z/sa/q", false},
      {"spiffe://a/prom*us-*", "spiffe://a/prometheus-1", true},
      {"spiffe://a/**b", "spiffe://a/b", true},
      {"spiffe://a/*ab", "spiffe://a/aab", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    CAPTURE(row.identity);
    CHECK(matches_identity(row.pattern, row.identity) == row.matches);
  }
}

TEST_CASE("With server identities one of them has to be in the certificate, whatever its host") {
  struct Row {
    const char* names;
    std::vector<std::string> identities;
    std::string error;  // empty: welcome
  };
  const Row rows[] = {
      {"URI:spiffe://cluster.local/ns/istio-system/sa/prometheus", {kPrometheus}, ""},
      {"DNS:elsewhere, URI:spiffe://cluster.local/ns/istio-system/sa/prometheus",
       {"spiffe://other/x", "spiffe://*/ns/istio-system/sa/*"},
       ""},
      {"URI:spiffe://cluster.local/ns/default/sa/stranger",
       {kPrometheus},
       "tls: the server's certificate is for spiffe://cluster.local/ns/default/sa/stranger, and "
       "\"serverIdentities\" has only " +
           kPrometheus},
      {"IP:127.0.0.1",
       {kPrometheus, "spiffe://a/b"},
       "tls: the server's certificate is for no identity, and \"serverIdentities\" has only " +
           kPrometheus + " and spiffe://a/b"},
      {"DNS:spiffe.cluster.local", {}, "tls: SSL: no alternative certificate subject name matches"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.names);
    Connected connected(make_certified_key({.alternative_names = row.names}));
    connected.tls.server_identities = row.identities;
    for (const bool insecure : {false, true}) {
      if (insecure && row.identities.empty()) continue;
      connected.tls.insecure_skip_verify = insecure;
      const std::string answer = connected.ask();
      CAPTURE(answer);
      CHECK(answer.empty() == row.error.empty());
      CHECK(answer.starts_with(row.error));
    }
  }
}

TEST_CASE("The right identity signed by somebody else is refused") {
  const char* names = "URI:spiffe://cluster.local/ns/istio-system/sa/prometheus";
  Connected connected(make_certified_key({.alternative_names = names}));
  connected.write("other.crt", make_certified_key({.alternative_names = names}).certificate);
  connected.tls.server_identities = {kPrometheus};
  CHECK(connected.ask().empty());
  connected.tls.ca_file = connected.path("other.crt");
  CHECK(connected.ask().starts_with("tls: SSL certificate problem: "));
}

TEST_CASE("What is not there yet is waited for, by name") {
  Connected connected(make_certified_key());
  const auto pair = make_certified_key();
  const std::string certificate = connected.tls.cert_file = connected.path("cert-chain.pem");
  const std::string key = connected.tls.key_file = connected.path("key.pem");
  const std::string authority = connected.tls.ca_file = connected.path("root-cert.pem");
  CHECK(connected.ask() == "not_ready: waiting for certificates: " + authority + ", " +
                               certificate + " and " + key + " are not there yet");
  connected.write("key.pem", pair.key);
  std::filesystem::copy(connected.path("server.crt"), authority);
  CHECK(connected.ask() ==
        "not_ready: waiting for certificates: " + certificate + " is not there yet");
  connected.write("cert-chain.pem", pair.certificate.substr(0, 100));
  CHECK(contains(connected.ask(), "tls: cannot use the certificate in " + certificate));
  connected.write("cert-chain.pem", make_certified_key().certificate);
  CHECK(contains(connected.ask(), "tls: the key in " + key + " does not belong to"));
  connected.write("cert-chain.pem", pair.certificate);
  CHECK(connected.ask().empty());
}

TEST_CASE("Over plain HTTP nobody waits for certificates") {
  auto server = HttpServer::start({}, [](const HttpRequestView&) { return HttpReply{}; });
  REQUIRE(server.has_value());
  base::HttpRequest request;
  request.url = "http://" + (*server)->address() + "/";
  request.tls.ca_file = "/no/such/root-cert.pem";
  Ignored body;
  CHECK(make_curl_client()->perform(request, body).has_value());
}

TEST_CASE("A client certificate that has ended is not shown, and a new one is taken by itself") {
  Connected connected(make_certified_key());
  const auto expired = make_certified_key({.good_for_s = -60});
  connected.tls.cert_file = connected.path("client.crt");
  connected.tls.key_file = connected.path("client.key");
  connected.write("client.crt", expired.certificate);
  connected.write("client.key", expired.key);
  for (int i = 0; i < 2; ++i) {
    const std::string answer = connected.ask();
    CAPTURE(answer);
    CHECK(answer.starts_with("tls: the certificate in " + connected.tls.cert_file +
                             " was good until "));
  }
  const auto renewed = make_certified_key();
  connected.write("client.key", renewed.key);
  CHECK(!connected.ask().empty());
  connected.write("client.crt", renewed.certificate);
  CHECK(connected.ask().empty());
}

TEST_CASE("A server's certificate that has ended is told with its name and time") {
  Connected connected(make_certified_key({.good_for_s = -60}));
  const std::string answer = connected.ask();
  CAPTURE(answer);
  CHECK(answer.starts_with(
      "tls: SSL certificate problem: certificate has expired (CN=127.0.0.1, good until 2"));
  CHECK(answer.ends_with("; trusted is what is in " + connected.tls.ca_file));
}

TEST_CASE("Changed authorities count at the next request, and useless ones change nothing") {
  const auto pair = make_certified_key();
  Connected connected(pair);
  connected.tls.ca_file = connected.path("root-cert.pem");
  connected.write("root-cert.pem", pair.certificate);
  CHECK(connected.ask().empty());
  const support::CollectedLog log;
  connected.write("root-cert.pem", pair.certificate.substr(0, 100));
  CHECK(connected.ask().empty());
  CHECK(connected.ask().empty());
  REQUIRE(log.lines().size() == 1);
  CHECK(
      log.lines()[0].starts_with("the changed CA certificates cannot be used, the old ones stay"));
  // The connection that is still open was verified with what is trusted no more.
  connected.write("root-cert.pem", make_certified_key().certificate);
  CHECK(connected.ask().starts_with("tls: SSL certificate problem: "));
  CHECK(connected.ask().starts_with("tls: SSL certificate problem: "));
  connected.write("root-cert.pem", pair.certificate);
  CHECK(connected.ask().empty());
  REQUIRE(log.lines().size() == 3);
  CHECK(log.lines()[2] == "the new CA certificates are in use file=" + connected.tls.ca_file);
}

TEST_CASE("A changed client pair is taken whole or not at all") {
  Connected connected(make_certified_key());
  connected.tls.cert_file = connected.path("client.crt");
  connected.tls.key_file = connected.path("client.key");
  auto pair = make_certified_key();
  connected.write("client.crt", pair.certificate);
  connected.write("client.key", pair.key);
  CHECK(connected.ask().empty());
  const support::CollectedLog log;
  for (std::size_t i = 0; i < 3; ++i) {
    pair = make_certified_key();
    connected.write("client.key", pair.key);
    CHECK(connected.ask().empty());
    REQUIRE(log.lines().size() == 2 * i + 1);
    CHECK(contains(log.lines().back(), "the old pair stays in use"));
    connected.write("client.crt", pair.certificate);
    CHECK(connected.ask().empty());
    REQUIRE(log.lines().size() == 2 * i + 2);
    CHECK(contains(log.lines().back(), "the new TLS certificate is in use"));
  }
}

}  // namespace
}  // namespace fedwave::relay
