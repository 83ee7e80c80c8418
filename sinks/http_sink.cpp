#include "sinks/http_sink.h"

#include <utility>
#include <vector>

#include "relay/base/check.h"
#include "relay/base/text.h"
#include "sinks/retry_after.h"
#include "sinks/secret_forms.h"

namespace fedwave::sinks {
namespace {

// Keeps the beginning of the answer: it says why a request was refused.
class AnswerText final : public base::HttpReceiver {
 public:
  bool on_head(const base::HttpHead&) override { return true; }
  bool on_body(std::string_view bytes) override {
    excerpt.append(bytes);
    return true;
  }
  base::AnswerExcerpt excerpt;
};

// What each status means for a block: the table is in docs/configuration.md, "Delivery".
SendOutcome outcome_of(int status) {
  if (status >= 200 && status < 300) return SendOutcome::Accepted;
  if (status >= 300 && status < 400) return SendOutcome::Misplaced;
  switch (status) {
    case 400:
      return SendOutcome::Refused;
    case 401:
    case 403:
    case 407:
      return SendOutcome::Denied;
    case 404:
    case 405:
    case 410:
      return SendOutcome::Misplaced;
    case 406:
    case 429:
      return SendOutcome::SlowDown;
    case 413:
      return SendOutcome::TooLarge;
    default:
      return SendOutcome::Retry;
  }
}

const char* advice_for(int status) {
  switch (status) {
    case 401:
    case 403:
      return "the token is missing, wrong or lacks the permission; nothing is lost, it is tried "
             "again";
    case 404:
    case 405:
    case 410:
      return "there is no such path: is this the address of a Wavefront server or proxy?";
    case 406:
    case 429:
      return "the receiver asks for less; slowing down";
    case 407:
      return "the HTTP proxy in between wants other credentials; nothing is lost, it is tried "
             "again";
    case 413:
      return "the receiver wants smaller requests; it is sent in parts";
    default:
      return status >= 300 && status < 400
                 ? "it leads to another address, which is not followed with points and a token: "
                   "write the final one"
                 : "";
  }
}

std::string describe(int status, const std::string& answer) {
  std::string text = "HTTP " + std::to_string(status);
  if (!answer.empty()) text += " \"" + answer + "\"";
  if (const char* advice = advice_for(status); *advice != '\0') text += std::string("; ") + advice;
  return text;
}

// 407 is not meant for the token: it comes from the HTTP proxy in between.
bool refuses_token(int status) {
  return status == 401 || status == 403;
}

// What passes by itself is tried again; for the rest somebody has to act.
SendResult no_token(const base::Error& error) {
  const bool passes =
      error.code == base::ErrorCode::Unreachable || error.code == base::ErrorCode::Timeout ||
      error.code == base::ErrorCode::Truncated || error.code == base::ErrorCode::Tls ||
      error.code == base::ErrorCode::NotReady || error.code == base::ErrorCode::Cancelled;
  return {passes ? SendOutcome::Retry : SendOutcome::Denied, "token",
          "there is no token to show: " + error.message};
}

}  // namespace

HttpSink::HttpSink(HttpSinkOptions options, std::unique_ptr<base::HttpClient> client,
                   const base::Clock& clock, const std::atomic<bool>* cancelled)
    : options_(std::move(options)),
      client_(std::move(client)),
      clock_(clock),
      cancelled_(cancelled) {
  FEDWAVE_CHECK(options_.token != nullptr);
}

SendResult HttpSink::send(const Block& block) {
  const base::Expected<std::string> shown = options_.token->token();
  if (!shown) return no_token(shown.error());
  Attempt attempt = post(block, *shown);
  if (!refuses_token(attempt.status)) return attempt.result;
  options_.token->refused();
  const base::Expected<std::string> fresh = options_.token->token();
  if (!fresh) {
    attempt.result.detail += "; and no other token: " + fresh.error().message;
    return attempt.result;
  }
  if (*fresh == *shown) return attempt.result;
  attempt = post(block, *fresh);
  if (refuses_token(attempt.status)) options_.token->refused();
  return attempt.result;
}

HttpSink::Attempt HttpSink::post(const Block& block, const std::string& token) {
  AnswerText answer;
  const base::Expected<base::HttpHead> head = client_->perform(request_for(block, token), answer);
  if (!head) return {0, retry(head.error())};
  const int status = head->status;
  const SendOutcome outcome = outcome_of(status);
  if (outcome == SendOutcome::Accepted) return {status, {}};
  return {status,
          {outcome, "http_" + std::to_string(status),
           describe(status, answer.excerpt.first_line(secrets(token))),
           retry_after_ms(head->retry_after, clock_.wall_ms())}};
}

base::HttpRequest HttpSink::request_for(const Block& block, const std::string& token) const {
  base::HttpRequest request;
  request.url =
      options_.url + (block.format == PointFormat::Metric ? "?f=wavefront" : "?f=histogram");
  request.connect_address = options_.connect_address;
  request.method = base::HttpMethod::Post;
  request.body = block.bytes;
  request.headers = {"Content-Type: application/octet-stream"};
  request.proxy_url = options_.proxy_url;
  request.proxy_username = options_.proxy_username;
  request.proxy_password = options_.proxy_password;
  request.tls = options_.tls;
  request.connect_timeout_ms = options_.connect_timeout_ms;
  request.timeout_ms = options_.request_timeout_ms;
  request.cancelled = cancelled_;
  if (block.gzip) request.headers.emplace_back("Content-Encoding: gzip");
  if (!token.empty()) request.headers.push_back("Authorization: Bearer " + token);
  return request;
}

std::vector<std::string> HttpSink::secrets(const std::string& token) const {
  std::vector<std::string> all = secret_forms(options_.proxy_password, options_.proxy_username);
  for (std::string& form : secret_forms(token)) all.push_back(std::move(form));
  for (std::string& secret : options_.token->secrets()) all.push_back(std::move(secret));
  return all;
}

}  // namespace fedwave::sinks
