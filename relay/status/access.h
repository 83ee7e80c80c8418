// Who may ask the status server what. The probes are open to everybody. All else is refused to
// pages that lead a browser here under another name (DNS rebinding), over plain HTTP where there is
// TLS, without the credentials where there are any, and, for what changes something, to pages of
// other origins. Files with credentials are read again whenever they have changed. One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "relay/base/expected.h"
#include "relay/base/file.h"
#include "relay/http_server.h"

namespace fedwave::relay {

struct Refusal {
  int status = 403;
  std::string reason;     // what is wrong; what to do
  std::string challenge;  // with 401: WWW-Authenticate
};

class Access {
 public:
  explicit Access(const config::Status& settings);

  [[nodiscard]] std::optional<Refusal> refuse(const HttpRequestView& request);
  // For requests that change something, besides.
  [[nodiscard]] static std::optional<Refusal> refuse_cross_site(const HttpRequestView& request);

 private:
  [[nodiscard]] bool knows_host(const HttpRequestView& request) const;
  [[nodiscard]] bool has_credentials(const HttpRequestView& request);
  std::optional<std::string> secret();

  const config::Status settings_;
  const bool is_basic_;
  const bool is_open_;  // there are no credentials
  bool is_loopback_ = false;
  std::string listen_host_;
  std::optional<base::WatchedFile> file_;
  bool trouble_told_ = false;  // of the file
};

}  // namespace fedwave::relay
