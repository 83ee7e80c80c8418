#include "sinks/http_sink.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "relay/base/text.h"

namespace fedwave::sinks {
namespace {

constexpr std::int64_t kRetryAfterMaxMs = 300'000;

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
  switch (status) {
    case 400:
    case 413:
      return SendOutcome::Refused;
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
      return "there is no such path: is this the address of a Wavefront server or proxy?";
    case 406:
    case 429:
      return "the receiver asks for less; slowing down";
    default:
      return "";
  }
}

std::int64_t retry_after_ms(const std::string& header) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), seconds);
  if (error != std::errc() || end != header.data() + header.size() || seconds < 0) return 0;
  return std::min(kRetryAfterMaxMs, std::min<std::int64_t>(seconds, 1'000) * 1'000);
}

std::string describe(int status, const std::string& answer) {
  std::string text = "HTTP " + std::to_string(status);
  if (!answer.empty()) text += " \"" + answer + "\"";
  if (const char* advice = advice_for(status); *advice != '\0') text += std::string("; ") + advice;
  return text;
}

}  // namespace

HttpSink::HttpSink(HttpSinkOptions options, std::unique_ptr<base::HttpClient> client,
                   const std::atomic<bool>* cancelled)
    : options_(std::move(options)),
      client_(std::move(client)),
      cancelled_(cancelled),
      token_file_(options_.token_file) {}

base::Expected<std::string> HttpSink::token() {
  if (!options_.token.empty() || options_.token_file.empty()) return options_.token;
  return token_file_.content();
}

SendResult HttpSink::send(const Block& block) {
  const base::Expected<std::string> secret = token();
  if (!secret) return retry(secret.error());
  base::HttpRequest request;
  request.url =
      options_.url + (block.format == PointFormat::Metric ? "?f=wavefront" : "?f=histogram");
  request.is_post = true;
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
  if (!secret->empty()) request.headers.push_back("Authorization: Bearer " + *secret);
  AnswerText answer;
  const base::Expected<base::HttpHead> head = client_->perform(request, answer);
  if (!head) return retry(head.error());
  const SendOutcome outcome = outcome_of(head->status);
  if (outcome == SendOutcome::Accepted) return {};
  std::vector<std::string> secrets{*secret, options_.proxy_password};
  if (!options_.proxy_password.empty()) {
    secrets.push_back(base::base64(options_.proxy_username + ":" + options_.proxy_password));
  }
  return {outcome, "http_" + std::to_string(head->status),
          describe(head->status, answer.excerpt.first_line(secrets)),
          retry_after_ms(head->retry_after)};
}

}  // namespace fedwave::sinks
