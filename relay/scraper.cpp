#include "relay/scraper.h"

#include <algorithm>
#include <cstdio>

#include "config/url.h"
#include "relay/base/text.h"
#include "relay/curl_client.h"
#include "relay/tls_options.h"
#include "relay/version.h"

namespace fedwave::relay {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;

std::string instance_of(const config::Source& source, const std::string& address) {
  if (address.empty()) return {};
  const auto parts = split_url(source.url);
  const bool is_v6 = address.find(':') != std::string::npos;
  return (is_v6 ? "[" + address + "]" : address) + ":" + (parts ? parts->port : "");
}

std::string label_of(const config::Source& source, const TargetPlace& place) {
  std::string label = source.name;
  if (!place.job.empty()) label += " " + place.job;
  if (!place.address.empty()) label += " at " + place.address;
  return label;
}

std::string decimal_seconds(std::int64_t duration_ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(duration_ms) / 1000);
  return text;
}

std::optional<Error> content_type_problem(const std::string& content_type) {
  const std::string type = base::lower(content_type.substr(0, content_type.find(';')));
  const auto refuse = [&](const char* why) {
    return Error{ErrorCode::ContentType,
                 "the answer's content type is \"" + base::printable(content_type) + "\": " + why};
  };
  if (type.starts_with("text/html"))
    return refuse("a web page, not metrics; check host, port and path");
  if (type.starts_with("application/json"))
    return refuse("JSON, not metrics; the path of a Prometheus is /federate");
  if (type.starts_with("application/vnd.google.protobuf") ||
      type.starts_with("application/openmetrics-text")) {
    return refuse("fedwave asked for the text format 0.0.4 and reads no other");
  }
  return {};
}

const char* status_advice(int status) {
  switch (status) {
    case 400:
      return "; a match[] that Prometheus does not understand, or a missing client certificate?";
    case 401:
    case 403:
      return "; check bearer_token, bearer_token_file or basic_auth";
    case 404:
      return "; check the path (a Prometheus has /federate, below its route prefix)";
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      return "; redirects are not followed (follow_redirects is false, or headers are set)";
    case 405:
      return "; is this a Prometheus?";
    case 503:
      return "; the Prometheus is starting or stopping";
    default:
      return "";
  }
}

// What the configuration says itself beats the file.
Expected<std::string> value_or_file(const config::Secret& value, base::WatchedFile& file) {
  if (!value.empty() || file.path().empty()) return value.value;
  return file.content();
}

}  // namespace

std::vector<std::string> resolve_targets(const config::Source& source) {
  if (source.addresses == config::Addresses::One || !source.http.proxy_url.empty()) return {};
  const auto parts = split_url(source.url);
  if (!parts) return {};
  auto addresses = resolve_addresses(parts->host);
  // A name that does not resolve is the scrape's error to tell.
  return addresses ? std::move(*addresses) : std::vector<std::string>();
}

// Takes the answer as it arrives: refuses what is not a page, inflates, feeds the transform.
class Target::Body final : public base::HttpReceiver {
 public:
  Body(Transform& transform, base::GzipInflater& inflater, const std::vector<std::string>& secrets,
       const TextListener& text_listener)
      : transform_(transform),
        inflater_(inflater),
        secrets_(secrets),
        text_listener_(text_listener) {}

  bool on_head(const base::HttpHead& head) override {
    status_ = head.status;
    const std::string encoding = base::lower(head.content_encoding);
    is_gzip_ = encoding == "gzip" || encoding == "x-gzip";
    if (is_gzip_) inflater_.reset();
    if (status_ != 200) return true;  // the body's beginning says why
    problem_ = content_type_problem(head.content_type);
    if (!is_gzip_ && !encoding.empty() && encoding != "identity") {
      problem_ =
          Error{ErrorCode::BadEncoding, "the answer is encoded as \"" + base::printable(encoding) +
                                            "\", but only gzip was offered"};
    }
    return !problem_;
  }

  bool on_body(std::string_view bytes) override {
    received_ = received_ || !bytes.empty();
    if (!is_gzip_) return take(bytes);
    const auto fed = inflater_.feed(bytes, [this](std::string_view text) { return take(text); });
    if (!fed && fed.error().code != ErrorCode::Cancelled) problem_ = fed.error();
    return fed.has_value();
  }

  // Whether the whole page came; `transfer` is what the client said of it.
  [[nodiscard]] bool arrived_whole(const Expected<base::HttpHead>& transfer) const {
    const bool is_cut = is_gzip_ && received_ && !inflater_.at_end();
    return transfer && status_ == 200 && !problem_ && !is_cut;
  }

  // The first thing that was wrong, once the page has been read to its end.
  [[nodiscard]] std::optional<Error> problem(const Expected<base::HttpHead>& transfer) const {
    if (problem_) return problem_;
    const bool stopped_by_us = !transfer && transfer.error().code == ErrorCode::Cancelled;
    const Error* limit = transform_.failure();
    if (limit != nullptr && (transfer || stopped_by_us)) return *limit;
    if (!transfer) return transfer.error();
    if (status_ != 200) {
      return Error{ErrorCode::HttpStatus, "HTTP status " + std::to_string(status_) +
                                              quoted_answer() + status_advice(status_)};
    }
    if (!arrived_whole(transfer)) {
      return Error{ErrorCode::Truncated,
                   "the gzip stream ends before its end; what was complete is kept"};
    }
    return {};
  }

 private:
  bool take(std::string_view text) {
    if (status_ == 200) {
      if (text_listener_) text_listener_(text);
      return transform_.feed(text);
    }
    answer_.append(text);
    return true;
  }

  std::string quoted_answer() const {
    const std::string line = answer_.first_line(secrets_);
    return line.empty() ? std::string() : " (\"" + line + "\")";
  }

  Transform& transform_;
  base::GzipInflater& inflater_;
  int status_ = 0;
  bool is_gzip_ = false;
  bool received_ = false;
  std::optional<Error> problem_;
  base::AnswerExcerpt answer_;  // of another status than 200
  const std::vector<std::string>& secrets_;
  const TextListener& text_listener_;
};

Target::Target(const config::Config& config, const config::Source& source, TargetPlace place,
               std::unique_ptr<base::HttpClient> client, const base::Clock& clock)
    : source_(source),
      place_(std::move(place)),
      instance_(instance_of(source, place_.address)),
      label_(label_of(source, place_)),
      client_(std::move(client)),
      clock_(clock),
      stages_(source, config, instance_, place_.shard),
      transform_(source, stages_),
      bearer_token_file_(source.http.bearer_token_file),
      password_file_(source.http.basic_password_file) {}

void Target::take_over(Target& before) {
  client_ = std::move(before.client_);
  transform_.take_over(before.transform_);
}

Expected<base::HttpRequest> Target::make_request(const std::atomic<bool>* cancelled) {
  const config::HttpOptions& http = source_.http;
  base::HttpRequest request;
  request.url = config::with_parameters(place_.url.empty() ? source_.url : place_.url,
                                        source_.url_secret.value);
  request.headers = {"Accept: text/plain;version=0.0.4", "Accept-Encoding: gzip",
                     std::string("User-Agent: fedwave/") + kVersion,
                     "X-Prometheus-Scrape-Timeout-Seconds: " + decimal_seconds(source_.timeout_ms)};
  secrets_.clear();
  for (const config::Parameter& parameter : config::query_parameters(source_.url_secret.value)) {
    if (parameter.value.empty()) continue;
    secrets_.push_back(parameter.value);
    secrets_.push_back(parameter.text.substr(parameter.text.find('=') + 1));
  }
  const auto add_secret = [&](const std::string& header, const std::string& secret) {
    request.headers.push_back(header + secret);
    secrets_.push_back(secret);
  };
  for (const auto& [name, value] : http.headers) add_secret(name + ": ", value.value);
  if (!http.bearer_token.empty() || !http.bearer_token_file.empty()) {
    const auto token = value_or_file(http.bearer_token, bearer_token_file_);
    if (!token) return token.error();
    add_secret("Authorization: Bearer ", *token);
  }
  if (!http.basic_username.empty()) {
    const auto password = value_or_file(http.basic_password, password_file_);
    if (!password) return password.error();
    secrets_.push_back(*password);
    add_secret("Authorization: Basic ", base::base64(http.basic_username + ":" + *password));
  }
  if (!http.proxy_password.empty()) {
    secrets_.push_back(http.proxy_password.value);
    secrets_.push_back(base::base64(http.proxy_username + ":" + http.proxy_password.value));
  }
  request.proxy_url = http.proxy_url;
  request.proxy_username = http.proxy_username;
  request.proxy_password = http.proxy_password.value;
  request.connect_address = place_.address;
  request.tls = tls_options(http.tls);
  // libcurl would carry our headers to whatever host a redirect names.
  request.follow_redirects = http.follow_redirects && http.headers.empty();
  request.timeout_ms = source_.timeout_ms;
  request.connect_timeout_ms = std::min<std::int64_t>(source_.timeout_ms, 10'000);
  request.cancelled = cancelled;
  return request;
}

ScrapeResult Target::scrape(const std::vector<sinks::BlockWriter*>& writers,
                            const std::atomic<bool>* cancelled) {
  const std::int64_t start_ms = clock_.wall_ms();
  const std::int64_t steady_start_ms = clock_.steady_ms();
  transform_.begin(start_ms, writers);
  const auto request = make_request(cancelled);
  std::optional<Error> error;
  ScrapeCounts counts(0);
  if (!request) {
    error = request.error();
    counts = transform_.finish(false);
  } else {
    Body body(transform_, inflater_, secrets_, text_listener_);
    const auto transfer = client_->perform(*request, body);
    counts = transform_.finish(body.arrived_whole(transfer));
    error = body.problem(transfer);
  }
  const bool empty = !error && counts.read == 0;
  return {.error = std::move(error),
          .counts = std::move(counts),
          .start_ms = start_ms,
          .duration_ms = clock_.steady_ms() - steady_start_ms,
          .empty = empty};
}

}  // namespace fedwave::relay
