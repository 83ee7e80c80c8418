#include "sinks/csp_token.h"

#include <algorithm>
#include <utility>

#include "relay/base/log.h"
#include "relay/base/text.h"
#include "sinks/secret_forms.h"

namespace fedwave::sinks {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;

constexpr std::int64_t kAttemptPauseMs = 10'000;
constexpr std::int64_t kShortLifetimeMs = 600'000;
constexpr std::int64_t kShortMarginMs = 30'000;  // before the end of a token that lives shortly
constexpr std::int64_t kLongMarginMs = 180'000;
constexpr std::size_t kAnswerBytesMax = std::size_t{64} * 1024;

class BoundedAnswer final : public base::HttpReceiver {
 public:
  bool on_head(const base::HttpHead&) override { return true; }
  bool on_body(std::string_view bytes) override {
    excerpt.append(bytes);
    too_large = too_large || bytes.size() > kAnswerBytesMax - text.size();
    if (!too_large) text.append(bytes);
    return !too_large;
  }
  std::string text;
  bool too_large = false;
  base::AnswerExcerpt excerpt;
};

std::string endpoint_of(const CspTokenOptions& options) {
  std::string url = options.url;
  while (url.ends_with('/')) url.pop_back();
  return url + (options.client_id.empty() ? "/csp/gateway/am/api/auth/api-tokens/authorize"
                                          : "/csp/gateway/am/api/auth/authorize");
}

std::unique_ptr<TokenSource> secret_of(const CspTokenOptions& options) {
  const bool is_client = !options.client_id.empty();
  const std::string& text = is_client ? options.client_secret : options.api_token;
  if (!text.empty()) return fixed_token(text);
  return token_file(is_client ? options.client_secret_file : options.api_token_file);
}

// In trouble of their own, or too busy: it passes.
bool passes(int status) {
  return status >= 500 || status == 408 || status == 429;
}

std::string advice_for(int status, bool is_client) {
  switch (status) {
    case 400:
    case 401:
    case 403:
      return is_client ? "; are the client's id, its secret and the organization right?"
                       : "; is the API token right, and not expired or revoked?";
    case 407:
      return "; the HTTP proxy in between wants other credentials";
    default:
      return passes(status) ? "" : "; is this the address of VMware Cloud Services?";
  }
}

}  // namespace

CspTokenSource::CspTokenSource(CspTokenOptions options, std::unique_ptr<base::HttpClient> client,
                               const base::Clock& clock, const std::atomic<bool>* cancelled)
    : options_(std::move(options)),
      endpoint_(endpoint_of(options_)),
      client_(std::move(client)),
      clock_(clock),
      cancelled_(cancelled),
      secret_(secret_of(options_)) {}

Expected<std::string> CspTokenSource::token() {
  std::int64_t now_ms = clock_.steady_ms();
  const bool is_due = access_token_.empty() || refused_ || now_ms >= renew_at_ms_;
  if (is_due && now_ms >= next_attempt_ms_) {
    if (renew(now_ms)) return access_token_;
    now_ms = clock_.steady_ms();
  }
  if (access_token_.empty() || now_ms >= expires_at_ms_) return last_error_;
  return access_token_;
}

bool CspTokenSource::renew(std::int64_t now_ms) {
  Expected<CspAnswer> answer = fetch();
  const std::int64_t answered_ms = clock_.steady_ms();
  next_attempt_ms_ = answered_ms + kAttemptPauseMs;
  if (answer) {
    keep(std::move(answer).value(), now_ms);
    return true;
  }
  last_error_ = answer.error();
  // Once there is no valid token the sender tells of it.
  if (answered_ms < expires_at_ms_ && !renewal_failed_) {
    base::log(base::LogLevel::Warn,
              "cannot renew the access token; the old one is used while it is valid",
              {{"error", last_error_.message}});
  }
  renewal_failed_ = true;
  return false;
}

// Counted from before the request, so that a slow answer does not make the token look younger.
void CspTokenSource::keep(CspAnswer answer, std::int64_t now_ms) {
  const std::int64_t margin_ms =
      answer.expires_in_ms < kShortLifetimeMs ? kShortMarginMs : kLongMarginMs;
  access_token_ = std::move(answer.access_token);
  renew_at_ms_ = now_ms + answer.expires_in_ms - margin_ms;
  // Nothing newer is to be had before the next attempt: until then the receiver judges it.
  expires_at_ms_ = std::max(now_ms + answer.expires_in_ms, next_attempt_ms_);
  refused_ = false;
  renewal_failed_ = false;
}

Expected<CspAnswer> CspTokenSource::fetch() {
  const Expected<std::string> secret = secret_->token();
  if (!secret) return secret.error();
  Expected<CspAnswer> answer = ask_with(*secret);
  if (answer) return answer;
  return Error{answer.error().code, endpoint_ + ": " + answer.error().message};
}

Expected<CspAnswer> CspTokenSource::ask_with(const std::string& secret) {
  std::string body;
  BoundedAnswer answer;
  const Expected<base::HttpHead> head = client_->perform(request_with(secret, body), answer);
  if (answer.too_large) {
    return Error{ErrorCode::BodyLimit,
                 "the answer is larger than the " + std::to_string(kAnswerBytesMax) +
                     " bytes allowed; is this the address of VMware Cloud Services?"};
  }
  if (!head) return head.error();
  if (head->status >= 200 && head->status < 300) return parse_csp_answer(answer.text);
  std::string text = "HTTP " + std::to_string(head->status);
  if (const std::string said = answer.excerpt.first_line(secrets()); !said.empty()) {
    text += " \"" + said + "\"";
  }
  text += advice_for(head->status, is_client());
  if (passes(head->status)) return Error{ErrorCode::Unreachable, std::move(text)};
  secret_->refused();
  return Error{ErrorCode::HttpStatus, std::move(text)};
}

base::HttpRequest CspTokenSource::request_with(const std::string& secret, std::string& body) const {
  base::HttpRequest request;
  request.url = endpoint_;
  request.method = base::HttpMethod::Post;
  request.headers = {"Content-Type: application/x-www-form-urlencoded", "Accept: application/json"};
  if (is_client()) {
    body = "grant_type=client_credentials";
    if (!options_.org_id.empty()) body += "&orgId=" + form_encoded(options_.org_id);
    request.headers.push_back("Authorization: Basic " +
                              base::base64(options_.client_id + ":" + secret));
  } else {
    body = "api_token=" + form_encoded(secret) + "&grant_type=api_token";
  }
  request.body = body;
  request.proxy_url = options_.proxy_url;
  request.proxy_username = options_.proxy_username;
  request.proxy_password = options_.proxy_password;
  request.tls = options_.tls;
  request.connect_timeout_ms = options_.connect_timeout_ms;
  request.timeout_ms = options_.request_timeout_ms;
  request.cancelled = cancelled_;
  return request;
}

std::vector<std::string> CspTokenSource::secrets() {
  std::vector<std::string> all = secret_forms(options_.proxy_password, options_.proxy_username);
  for (std::string& form : secret_forms(access_token_)) all.push_back(std::move(form));
  for (const std::string& secret : secret_->secrets()) {
    for (std::string& form : secret_forms(secret, options_.client_id)) {
      all.push_back(std::move(form));
    }
  }
  return all;
}

}  // namespace fedwave::sinks
