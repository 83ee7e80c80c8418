#include "relay/http_server_tls.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "relay/curl_client.h"
#include "relay/http_server.h"
#include "tests/support/certificates.h"
#include "tests/support/fakes.h"
#include "tests/support/patience.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tls_client.h"

namespace fedwave::relay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using support::CertifiedKey;
using support::in_some_attempt;
using support::make_certified_key;
using support::wait_until;
using tests::body_of;
using tests::status_of;
using tests::TcpClient;
using tests::TlsClient;

const std::string kRequest = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";

void write_file(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::trunc) << content;
}

// tls.crt and tls.key as Kubernetes mounts a Secret: links through ..data to a folder that is
// exchanged whole.
class MountedSecret {
 public:
  MountedSecret() {
    for (const char* name : {"tls.crt", "tls.key"}) {
      std::filesystem::create_symlink(std::string("..data/") + name, path(name));
    }
  }
  void mount(const CertifiedKey& pair) {
    const std::string folder = "..version" + std::to_string(++versions_);
    std::filesystem::create_directory(path(folder));
    write_file(path(folder + "/tls.crt"), pair.certificate);
    write_file(path(folder + "/tls.key"), pair.key);
    std::filesystem::create_directory_symlink(folder, path("..data_new"));
    std::filesystem::rename(path("..data_new"), path("..data"));
  }
  [[nodiscard]] ListenTls files() const { return {path("tls.crt"), path("tls.key")}; }
  [[nodiscard]] std::string path(const std::string& name) const {
    return folder_.path() + "/" + name;
  }

 private:
  support::TempFolder folder_;
  int versions_ = 0;
};

// Tells which way the request came.
HttpReply tell(const HttpRequestView& request) {
  HttpReply reply;
  reply.body = request.is_secure ? "secure" : "plain";
  if (request.path == "/large") reply.body.assign(30'000'000, 'x');
  return reply;
}

std::unique_ptr<HttpServer> start(const MountedSecret& secret, ListenOptions options = {}) {
  options.tls = secret.files();
  auto server = HttpServer::start(std::move(options), tell);
  REQUIRE(server.has_value());
  return *std::move(server);
}

class Body final : public base::HttpReceiver {
 public:
  bool on_head(const base::HttpHead&) override { return true; }
  bool on_body(std::string_view bytes) override {
    text += bytes;
    return true;
  }
  std::string text;
};

// What a client that trusts only this certificate gets; "refused" when it does not trust.
std::string ask(const HttpServer& server, const std::string& trusted_file) {
  base::HttpRequest request;
  request.url = "https://" + server.address() + "/";
  request.connect_timeout_ms = request.timeout_ms = support::kPatienceMs;
  request.tls.ca_file = trusted_file;
  Body body;
  const auto head = make_curl_client()->perform(request, body);
  return head ? body.text : "refused";
}

TEST_CASE("one port answers TLS and plain HTTP, and the handler knows which it was") {
  MountedSecret secret;
  const auto pair = make_certified_key();
  secret.mount(pair);
  const auto server = start(secret);
  CHECK(ask(*server, secret.path("tls.crt")) == "secure");
  const std::string other = secret.path("other.crt");
  write_file(other, make_certified_key().certificate);
  CHECK(ask(*server, other) == "refused");
  TcpClient plain(server->port());
  plain.send(kRequest);
  CHECK(body_of(plain.read_all()) == "plain");
}

TEST_CASE("TLS is 1.2 or newer, and an answer ends with TLS's own end") {
  MountedSecret secret;
  secret.mount(make_certified_key());
  const auto server = start(secret);
  struct Row {
    int version;
    bool is_welcome;
  };
  for (const Row& row :
       {Row{TLS1_1_VERSION, false}, Row{TLS1_2_VERSION, true}, Row{TLS1_3_VERSION, true}}) {
    CAPTURE(row.version);
    TlsClient client(server->port(), row.version);
    CHECK(client.shake_hands() == row.is_welcome);
    if (!row.is_welcome) continue;
    client.send(kRequest);
    CHECK(body_of(client.read_all()) == "secure");
    CHECK(client.has_been_ended());
  }
}

TEST_CASE("a pair that is of no use is refused at the start, with the file and what to do") {
  const auto good = make_certified_key();
  const auto other = make_certified_key();
  const auto rsa = make_certified_key({.kind = support::KeyKind::Rsa});
  const std::string cut = good.certificate.substr(0, good.certificate.size() / 2);
  struct Row {
    std::string certificate;  // empty: no such file
    std::string key;
    std::string error;  // CERT and KEY stand for the paths
  };
  const Row rows[] = {
      {"", good.key, "cannot open CERT: No such file or directory; TLS needs a PEM file there"},
      {good.certificate, "", "cannot open KEY: No such file or directory; TLS needs a PEM file"},
      {"nothing", good.key, "cannot use the certificate in CERT (no start line); it must be PEM"},
      {good.key, good.key, "cannot use the certificate in CERT (no start line); it must be PEM"},
      {cut, good.key, "cannot use the certificate in CERT (bad end line); it must be PEM"},
      {good.certificate + cut, good.key, "cannot use the certificate in CERT (bad end line)"},
      {good.certificate, "nothing", "cannot read the private key in KEY ("},
      {good.certificate, good.key.substr(0, 100), "cannot read the private key in KEY ("},
      {good.certificate, good.locked_key, "it must be PEM and without a password"},
      {good.certificate, other.key,
       "the key in KEY does not belong to the first certificate in "
       "CERT (key values mismatch); give two files of one pair"},
      {other.certificate + good.certificate, good.key, "the key in KEY does not belong to"},
      {good.certificate, rsa.key, "the key in KEY does not belong to the first certificate"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.error);
    const support::TempFolder folder;
    const ListenTls files{folder.path() + "/the.crt", folder.path() + "/the.key"};
    if (!row.certificate.empty()) write_file(files.cert_file, row.certificate);
    if (!row.key.empty()) write_file(files.key_file, row.key);
    ListenOptions options;
    options.tls = files;
    const auto server = HttpServer::start(std::move(options), tell);
    REQUIRE(!server.has_value());
    std::string expected = row.error;
    for (const auto& [word, path] :
         {std::pair<std::string, std::string>("CERT", files.cert_file), {"KEY", files.key_file}}) {
      const auto at = expected.find(word);
      if (at != std::string::npos) expected.replace(at, word.size(), path);
    }
    const std::string& message = server.error().message;
    CAPTURE(message);
    CHECK(message.find(expected) != std::string::npos);
    CHECK(message.find("BEGIN") == std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("a new pair is taken once both files have it, and until then the old one serves") {
  MountedSecret secret;
  const auto first = make_certified_key();
  const auto second = make_certified_key();
  secret.mount(first);
  const support::CollectedLog log;
  const auto files = secret.files();
  TlsFiles::Time now = std::chrono::steady_clock::now();
  auto loaded = TlsFiles::load(files, now);
  REQUIRE(loaded.has_value());
  TlsFiles& tls = **loaded;
  // The context's address tells the pairs apart.
  const auto* old_pair = &tls.current(now += seconds(2));
  CHECK(&tls.current(now += seconds(2)) == old_pair);
  CHECK(log.lines().empty());

  struct Step {
    std::string certificate, key;
    std::string logged;  // empty: nothing
  };
  const std::string cut = second.certificate.substr(0, 200);
  const Step steps[] = {
      {cut, first.key, "cannot use the certificate in"},
      {cut, first.key, ""},
      {second.certificate, first.key, "does not belong to the first certificate"},
      {second.certificate, first.key, ""},
      {second.certificate, second.key.substr(0, 100), "cannot read the private key"},
      {second.certificate, second.key.substr(0, 100), ""},
  };
  std::size_t lines = 0;
  for (const Step& step : steps) {
    CAPTURE(step.logged);
    write_file(files.cert_file, step.certificate);
    write_file(files.key_file, step.key);
    CHECK(&tls.current(now += seconds(1)) == old_pair);
    if (!step.logged.empty()) ++lines;
    REQUIRE(log.lines().size() == lines);
    CHECK(log.lines().back().find(step.logged) != std::string::npos);
    CHECK(log.lines().back().starts_with("the changed TLS certificate and key cannot be used"));
  }
  std::filesystem::remove(files.key_file);
  CHECK(&tls.current(now += seconds(1)) == old_pair);
  REQUIRE(log.lines().size() == ++lines);
  CHECK(log.lines().back().find("cannot open " + files.key_file) != std::string::npos);

  write_file(files.key_file, second.key);
  CHECK(&tls.current(now += milliseconds(999)) == old_pair);  // not looked at again so soon
  const auto* new_pair = &tls.current(now += milliseconds(1));
  CHECK(new_pair != old_pair);
  REQUIRE(log.lines().size() == ++lines);
  CHECK(log.lines().back() == "the new TLS certificate is in use file=" + files.cert_file);

  secret.mount(first);
  std::filesystem::remove(files.key_file);
  std::filesystem::create_symlink("..data/tls.key", files.key_file);
  CHECK(&tls.current(now += seconds(1)) != new_pair);
}

TEST_CASE("a connection after the exchange of the pair gets the new one without a restart") {
  MountedSecret secret;
  secret.mount(make_certified_key());
  const auto server = start(secret);
  TlsClient before(server->port());
  CHECK(before.shake_hands());
  const auto renewed = make_certified_key();
  const std::string trusted = secret.path("renewed.crt");
  write_file(trusted, renewed.certificate);
  CHECK(ask(*server, trusted) == "refused");
  secret.mount(renewed);
  wait_until([&] { return ask(*server, trusted) == "secure"; });
  before.send(kRequest);
  CHECK(body_of(before.read_all()) == "secure");
}

TEST_CASE("a handshake that never ends is dropped") {
  MountedSecret secret;
  secret.mount(make_certified_key());
  ListenOptions options;
  options.request_timeout_ms = 100;
  const auto server = start(secret, options);
  for (const std::string beginning : {"\x16", "\x16\x03\x01\x02", "\x16\x03\x01\x40\x10 slow"}) {
    CAPTURE(beginning.size());
    TcpClient client(server->port());
    client.send(beginning);
    CHECK(client.read_all().empty());
  }
}

TEST_CASE("over TLS too a request that is too large is refused in words") {
  MountedSecret secret;
  secret.mount(make_certified_key());
  ListenOptions options;
  options.max_header_bytes = 500;
  options.max_body_bytes = 1000;
  const auto server = start(secret, options);
  struct Row {
    std::string request;
    int status;
  };
  const Row rows[] = {
      {tests::post("/", std::string(3'000'000, 'x')), 413},
      {"GET / HTTP/1.1\r\nX-Long: " + std::string(600, 'x') + "\r\n\r\n", 431},
      {"hello there\r\n\r\n", 400},
  };
  for (const Row& row : rows) {
    CAPTURE(row.request.substr(0, 80));
    TlsClient client(server->port());
    REQUIRE(client.shake_hands());
    client.send(row.request);
    CHECK(status_of(client.read_all()) == row.status);
    CHECK(client.has_been_ended());
  }
}

TEST_CASE("over TLS too a request that is too slow is refused in words") {
  MountedSecret secret;
  secret.mount(make_certified_key());
  ListenOptions options;
  options.request_timeout_ms = 300;  // which the handshake may not exceed either
  const auto server = start(secret, options);
  for (const std::string beginning :
       {"GET / HT", "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345"}) {
    CAPTURE(beginning);
    const auto status = [&] {
      TlsClient client(server->port());
      if (!client.shake_hands()) return 0;
      client.send(beginning);
      const std::string answer = client.read_all();
      return client.has_been_ended() ? status_of(answer) : 0;
    };
    CHECK(in_some_attempt(status, 408) == 408);
  }
}

TEST_CASE("over TLS too a whole request must come in time, however busily it drips") {
  MountedSecret secret;
  secret.mount(make_certified_key());
  ListenOptions options;
  options.request_timeout_ms = 200;
  const auto server = start(secret, options);
  const auto status = [&] {
    TlsClient client(server->port());
    if (!client.shake_hands()) return 0;
    client.send("POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
    std::vector<std::string> drops;  // sealed before, because OpenSSL's object is of one thread
    for (int i = 0; i < 2000; ++i) drops.push_back(client.sealed("x"));
    std::atomic<bool> is_over = false;
    std::thread dripping([&] {
      for (const std::string& drop : drops) {
        if (is_over || !client.tcp().send(drop)) return;
        std::this_thread::sleep_for(milliseconds(5));
      }
    });
    const std::string answer = client.read_all();
    is_over = true;
    dripping.join();
    return status_of(answer);
  };
  CHECK(in_some_attempt(status, 408) == 408);
}

TEST_CASE("over TLS too a client that does not read its answer goes") {
  MountedSecret secret;
  secret.mount(make_certified_key());
  ListenOptions options;
  options.request_timeout_ms = 300;
  options.max_connections = 1;
  const auto server = start(secret, options);
  const auto is_cut_off = [&] {
    TlsClient lazy(server->port());
    if (!lazy.shake_hands()) return false;
    lazy.send("GET /large HTTP/1.1\r\n\r\n");
    wait_until([&] {
      TcpClient other(server->port());
      other.send(kRequest);
      other.finish_sending();
      return status_of(other.read_all()) == 200;
    });
    return lazy.read_all().size() < 30'000'000 && !lazy.has_been_ended();
  };
  CHECK(in_some_attempt(is_cut_off, true));
}

TEST_CASE("what only looks like TLS ends its own connection and no other") {
  MountedSecret secret;
  secret.mount(make_certified_key());
  const auto server = start(secret);
  for (const std::string& tail : {std::string("\x03\x01\x00\x02xx", 6), std::string(500, '\xff'),
                                  std::string(" GET / HTTP/1.1\r\n\r\n")}) {
    TcpClient client(server->port());
    client.send("\x16" + tail);
    client.finish_sending();
    CHECK(client.read_all().find("HTTP") == std::string::npos);
  }
  CHECK(ask(*server, secret.path("tls.crt")) == "secure");
}

}  // namespace
}  // namespace fedwave::relay
