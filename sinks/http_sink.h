// Delivery over HTTP: to a Wavefront proxy (POST /report, acknowledged by 202) and to direct
// ingestion (the same with a token). The token file is read again when it changes.
#pragma once

#include <memory>
#include <string>

#include "relay/base/file.h"
#include "relay/base/http_client.h"
#include "sinks/sink.h"

namespace fedwave::sinks {

struct HttpSinkOptions {
  std::string url;    // with /report, without query
  std::string token;  // beats the file
  std::string token_file;
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
           const std::atomic<bool>* cancelled);
  SendResult send(const Block& block) override;

 private:
  base::Expected<std::string> token();

  const HttpSinkOptions options_;
  const std::unique_ptr<base::HttpClient> client_;
  const std::atomic<bool>* cancelled_;
  base::WatchedFile token_file_;
};

}  // namespace fedwave::sinks
