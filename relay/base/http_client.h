// What the rest of the program asks of an HTTP client. The one implementation over libcurl is
// relay/curl_client; tests bring fakes. A client keeps its connection between requests and belongs
// to one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/expected.h"

namespace fedwave::base {

struct TlsOptions {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string server_name;
  bool insecure_skip_verify = false;
  // Instead of the host's name the server's certificate has to carry one of these as URI; '*' is
  // any text without a '/'. They are verified whatever insecure_skip_verify says.
  std::vector<std::string> server_identities;
  bool operator==(const TlsOptions&) const = default;
};

enum class HttpMethod : std::uint8_t { Get, Post, Put };

struct HttpRequest {
  std::string url;
  HttpMethod method = HttpMethod::Get;
  std::string_view body;             // borrowed until the request ends
  std::vector<std::string> headers;  // "Name: value"
  std::string proxy_url;             // without credentials
  std::string proxy_username;
  std::string proxy_password;
  // Connects to this address instead of what the name in the URL resolves to; Host header and TLS
  // name stay those of the URL. Empty: as the name resolves.
  std::string connect_address;
  TlsOptions tls;
  bool follow_redirects = false;
  std::int64_t connect_timeout_ms = 5'000;
  std::int64_t timeout_ms = 30'000;
  const std::atomic<bool>* cancelled = nullptr;  // ends the request early; may be null
};

struct HttpHead {
  int status = 0;
  std::string content_type;
  std::string content_encoding;
  std::string retry_after;
};

// Takes the response as it arrives.
class HttpReceiver {
 public:
  virtual ~HttpReceiver() = default;
  // False stops the transfer; perform() then returns Cancelled.
  virtual bool on_head(const HttpHead& head) = 0;
  virtual bool on_body(std::string_view bytes) = 0;
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Whatever HTTP status comes back is a success here; an error means there was no complete answer.
  virtual Expected<HttpHead> perform(const HttpRequest& request, HttpReceiver& receiver) = 0;
};

using HttpClientFactory = std::unique_ptr<HttpClient> (*)();

}  // namespace fedwave::base
