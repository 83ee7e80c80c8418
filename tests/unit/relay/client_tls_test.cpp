#include "relay/client_tls.h"

#include <doctest/doctest.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "relay/curl_client.h"
#include "relay/http_server.h"
#include "tests/support/certificates.h"
#include "tests/support/fakes.h"
#include "tests/support/patience.h"
#include "tests/support/tcp_client.h"
#include "tests/support/tcp_receiver.h"
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
    request_.connect_timeout_ms = request_.timeout_ms = support::kPatienceMs;
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

  // From now on another server than the own one.
  void call(const std::string& url) { request_.url = url; }

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
  request.connect_timeout_ms = request.timeout_ms = support::kPatienceMs;
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

TEST_CASE("A new client pair that has ended does not replace one that is good") {
  Connected connected(make_certified_key());
  connected.tls.cert_file = connected.path("client.crt");
  connected.tls.key_file = connected.path("client.key");
  const auto write = [&](const CertifiedKey& pair) {
    connected.write("client.crt", pair.certificate);
    connected.write("client.key", pair.key);
  };
  write(make_certified_key());
  CHECK(connected.ask().empty());
  const support::CollectedLog log;
  write(make_certified_key({.good_for_s = -60}));
  CHECK(connected.ask().empty());
  CHECK(connected.ask().empty());
  REQUIRE(log.lines().size() == 1);
  CHECK(log.lines()[0].starts_with(
      "the changed TLS certificate and key cannot be used, the old pair stays in use error=the "
      "certificate in " +
      connected.tls.cert_file + " was good until 2"));
  write(make_certified_key());
  CHECK(connected.ask().empty());
  REQUIRE(log.lines().size() == 2);
  CHECK(log.lines()[1] == "the new TLS certificate is in use file=" + connected.tls.cert_file);
}

TEST_CASE("An ended client pair after an ended one is not called in use") {
  Connected connected(make_certified_key());
  connected.tls.cert_file = connected.path("client.crt");
  connected.tls.key_file = connected.path("client.key");
  const support::CollectedLog log;
  for (int i = 0; i < 2; ++i) {
    const auto expired = make_certified_key({.good_for_s = -60});
    connected.write("client.crt", expired.certificate);
    connected.write("client.key", expired.key);
    CHECK(contains(connected.ask(), " was good until 2"));
  }
  REQUIRE(log.lines().size() == 1);
  CHECK(
      log.lines()[0].starts_with("the TLS certificate has changed, but the new one is not valid"));
}

enum class Goodbye { Alert, Silence, Tickets };

// Shakes hands with one client after the other, never answers, and is gone at once with whatever
// the client has sent since.
class UnwillingServer {
 public:
  UnwillingServer(const CertifiedKey& pair, int version, Goodbye goodbye)
      : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    SSL_CTX_set_max_proto_version(context_.get(), version);
    use(pair);
    if (goodbye == Goodbye::Alert) {
      SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                         nullptr);
    }
    if (goodbye == Goodbye::Silence) SSL_CTX_set_num_tickets(context_.get(), 0);
    receiver_.listen();
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) serve(receiver_.accept());
    });
  }
  ~UnwillingServer() {
    thread_.request_stop();
    tests::TcpClient wake(receiver_.port());
  }

  [[nodiscard]] std::string url() const {
    return "https://127.0.0.1:" + std::to_string(receiver_.port()) + "/";
  }

 private:
  using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

  void use(const CertifiedKey& pair) {
    const auto reader = [](const std::string& text) {
      return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
    };
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        PEM_read_bio_X509(reader(pair.certificate).get(), nullptr, nullptr, nullptr), X509_free);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        PEM_read_bio_PrivateKey(reader(pair.key).get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
    SSL_CTX_use_certificate(context_.get(), certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), key.get());
  }

  // Reads record by record and not one further than the handshake.
  void serve(tests::ReceivedConnection connection) {
    const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context_.get()), SSL_free);
    SSL_set_bio(tls.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    for (;;) {
      const int done = SSL_accept(tls.get());
      BIO* const out = SSL_get_wbio(tls.get());
      std::string bytes(BIO_ctrl_pending(out), '\0');
      BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
      connection.say(bytes);
      if (SSL_get_error(tls.get(), done) != SSL_ERROR_WANT_READ) break;
      std::string record = connection.read(5);
      if (record.size() < 5) return;
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(record[i]); };
      record += connection.read(static_cast<std::size_t>(byte(3) << 8 | byte(4)));
      BIO_write(SSL_get_rbio(tls.get()), record.data(), static_cast<int>(record.size()));
    }
    connection.reset();
  }

  tests::TcpReceiver receiver_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::jthread thread_;
};

TEST_CASE("However quickly a server is gone that refuses us, its reason is told") {
  struct Row {
    int version;
    bool has_pair;
    Goodbye goodbye;
    std::string error;  // empty: it is not for TLS to tell
  };
  const std::string alert = "tls: the server ended the connection with the TLS alert ";
  const std::string silence =
      "tls: the server ended the connection after the TLS handshake, without an answer";
  const std::string wants = "; it may want a client certificate: write cert_file and key_file";
  const std::string dislikes = "; it may not like the certificate in ";
  const Row rows[] = {
      {TLS1_3_VERSION, false, Goodbye::Alert, alert + "\"certificate required\" (116)" + wants},
      {TLS1_3_VERSION, true, Goodbye::Alert, alert + "\"unknown CA\" (48)" + dislikes},
      {TLS1_3_VERSION, false, Goodbye::Silence, silence + wants},
      {TLS1_3_VERSION, true, Goodbye::Silence, silence + dislikes},
      {TLS1_3_VERSION, true, Goodbye::Tickets, ""},
      {TLS1_2_VERSION, false, Goodbye::Alert, alert + "\"handshake failure\" (40)" + wants},
      {TLS1_2_VERSION, true, Goodbye::Alert, alert + "\"unknown CA\" (48)" + dislikes},
      {TLS1_2_VERSION, true, Goodbye::Silence, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.version);
    CAPTURE(row.has_pair);
    CAPTURE(row.error);
    const auto pair = make_certified_key();
    Connected connected(pair);
    if (row.has_pair) {
      const auto stranger = make_certified_key({.alternative_names = "DNS:stranger"});
      connected.write("client.crt", stranger.certificate);
      connected.write("client.key", stranger.key);
      connected.tls.cert_file = connected.path("client.crt");
      connected.tls.key_file = connected.path("client.key");
    }
    const UnwillingServer server(pair, row.version, row.goodbye);
    connected.call(server.url());
    for (int i = 0; i < 20; ++i) {
      const std::string answer = connected.ask();
      CAPTURE(answer);
      CHECK(!answer.empty());
      CHECK(answer.starts_with("tls: ") == !row.error.empty());
      CHECK(answer.starts_with(row.error));
      CHECK(!contains(answer, "getpeername"));
    }
  }
}

}  // namespace
}  // namespace fedwave::relay
