// Delivery over HTTP: to a Wavefront proxy (POST /report, acknowledged by 202) and to direct
// ingestion (the same with a token). One sink speaks to one endpoint; several of one sender share
// their token source. Owns its client; the clock and `cancelled` outlive it.
#pragma once

#include <memory>
#include <string>

#include "relay/base/clock.h"
#include "relay/base/http_client.h"
#include "sinks/sink.h"
#include "sinks/token_source.h"

namespace fedwave::sinks {

struct HttpSinkOptions {
  std::string url;              // with /report, without query
  std::string connect_address;  // one address of the URL's host; empty: as the name resolves
  std::shared_ptr<TokenSource> token;
  std::string proxy_url;  // without credentials
  std::string proxy_username;
  std::string proxy_password;
  base::TlsOptions tls;
  std::int64_t connect_timeout_ms = 5'000;
  std::int64_t request_timeout_ms = 20'000;
};

class HttpSink final : public Sink {
 public:
  HttpSink(HttpSinkOptions options, std::unique_ptr<base::HttpClient> client,
           const base::Clock& clock, const std::atomic<bool>* cancelled);
  // A token that is refused is replaced where there is another one, and the block sent once more.
  SendResult send(const Block& block) override;

 private:
  // `status` is 0 where there was no complete answer.
  struct Attempt {
    int status = 0;
    SendResult result;
  };
  Attempt post(const Block& block, const std::string& token);
  base::HttpRequest request_for(const Block& block, const std::string& token) const;
  [[nodiscard]] std::vector<std::string> secrets(const std::string& token) const;

  const HttpSinkOptions options_;
  const std::unique_ptr<base::HttpClient> client_;
  const base::Clock& clock_;
  const std::atomic<bool>* cancelled_;
};

}  // namespace fedwave::sinks
