// An access token from VMware Cloud Services, fetched with an API token or with a client's id and
// secret (a server to server app), and renewed before it expires. Fetching happens inside token()
// and takes as long as the request takes. Belongs to one sender's thread; the clock and `cancelled`
// outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/http_client.h"
#include "sinks/csp_answer.h"
#include "sinks/token_source.h"

namespace fedwave::sinks {

struct CspTokenOptions {
  std::string url = "https://console.cloud.vmware.com";
  std::string api_token;  // beats the file
  std::string api_token_file;
  std::string client_id;      // not empty: instead of an API token
  std::string client_secret;  // beats the file
  std::string client_secret_file;
  std::string org_id;     // of the client, may be empty
  std::string proxy_url;  // without credentials
  std::string proxy_username;
  std::string proxy_password;
  base::TlsOptions tls;
  std::int64_t connect_timeout_ms = 5'000;
  std::int64_t request_timeout_ms = 10'000;
};

class CspTokenSource final : public TokenSource {
 public:
  CspTokenSource(CspTokenOptions options, std::unique_ptr<base::HttpClient> client,
                 const base::Clock& clock, const std::atomic<bool>* cancelled);
  // The old token while it is valid, whatever becomes of a renewal. Cloud Services are asked once
  // in ten seconds at most; in between, the last error stands.
  base::Expected<std::string> token() override;
  void refused() override { refused_ = true; }
  std::vector<std::string> secrets() override;

 private:
  bool renew(std::int64_t now_ms);
  void keep(CspAnswer answer, std::int64_t now_ms);
  base::Expected<CspAnswer> fetch();
  base::Expected<CspAnswer> ask_with(const std::string& secret);
  base::HttpRequest request_with(const std::string& secret, std::string& body) const;
  [[nodiscard]] bool is_client() const { return !options_.client_id.empty(); }

  const CspTokenOptions options_;
  const std::string endpoint_;
  const std::unique_ptr<base::HttpClient> client_;
  const base::Clock& clock_;
  const std::atomic<bool>* cancelled_;
  const std::unique_ptr<TokenSource> secret_;  // the API token or the client's secret
  std::string access_token_;                   // empty: never had one
  std::int64_t expires_at_ms_ = 0;             // the three of them in steady time
  std::int64_t renew_at_ms_ = 0;
  std::int64_t next_attempt_ms_ = std::numeric_limits<std::int64_t>::min();
  bool refused_ = false;
  bool renewal_failed_ = false;
  base::Error last_error_{};
};

}  // namespace fedwave::sinks
