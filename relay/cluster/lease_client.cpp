#include "relay/cluster/lease_client.h"

#include <rapidjson/document.h>

#include <utility>

#include "relay/base/text.h"
#include "relay/version.h"

namespace fedwave::relay {
namespace {

using base::ErrorCode;
using base::Expected;
using base::HttpMethod;

constexpr std::size_t kAnswerBytesMax = std::size_t{256} * 1024;

class BoundedAnswer final : public base::HttpReceiver {
 public:
  bool on_head(const base::HttpHead&) override { return true; }
  bool on_body(std::string_view bytes) override {
    is_too_large = is_too_large || bytes.size() > kAnswerBytesMax - text.size();
    if (!is_too_large) text.append(bytes);
    return !is_too_large;
  }
  std::string text;
  bool is_too_large = false;
};

// Of a Status, the API server's way to say what is wrong, its message; else the first line.
std::string said_in(const std::string& body, const std::string& token) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
  base::AnswerExcerpt excerpt;
  const bool is_status = !document.HasParseError() && document.IsObject() &&
                         document.HasMember("message") && document["message"].IsString();
  excerpt.append(is_status ? document["message"].GetString() : body);
  return excerpt.first_line({&token, 1});
}

LeaseAnswer failed(const base::Error& error, const std::string& advice) {
  LeaseAnswer answer;
  answer.cause = base::error_code_name(error.code);
  answer.error = error.message + advice;
  return answer;
}

std::string advice_for(ErrorCode code, const ServiceAccount& account) {
  switch (code) {
    case ErrorCode::Tls:
      return "; does " + account.ca_file() + " hold the certificate authority of the cluster?";
    case ErrorCode::Unreachable:
    case ErrorCode::Timeout:
      return "; does a NetworkPolicy keep the pod from the API server at " + account.api_url() +
             "?";
    default:
      return "";
  }
}

}  // namespace

struct LeaseClient::Call {
  HttpMethod method;
  const char* verb;  // as a Role names it
  std::string url;
  std::string body;
  std::int64_t timeout_ms;
};

LeaseClient::LeaseClient(std::string name, std::string name_space, ServiceAccount account,
                         std::unique_ptr<base::HttpClient> http, const std::atomic<bool>* cancelled)
    : name_(std::move(name)),
      namespace_(std::move(name_space)),
      collection_url_(account.api_url() + "/apis/coordination.k8s.io/v1/namespaces/" + namespace_ +
                      "/leases"),
      account_(std::move(account)),
      http_(std::move(http)),
      cancelled_(cancelled) {}

LeaseAnswer LeaseClient::get(std::int64_t timeout_ms) {
  return ask({HttpMethod::Get, "get", collection_url_ + "/" + name_, "", timeout_ms});
}

LeaseAnswer LeaseClient::create(const LeaseSpec& spec, std::int64_t timeout_ms) {
  return ask({HttpMethod::Post, "create", collection_url_, new_lease(name_, namespace_, spec),
              timeout_ms});
}

LeaseAnswer LeaseClient::update(const Lease& lease, const LeaseSpec& spec,
                                std::int64_t timeout_ms) {
  return ask({HttpMethod::Put, "update", collection_url_ + "/" + name_, with_spec(lease, spec),
              timeout_ms});
}

// A token that was refused may just have been replaced.
LeaseAnswer LeaseClient::ask(const Call& call) {
  const Expected<std::string> token = account_.token();
  if (!token) return failed(token.error(), "");
  LeaseAnswer answer = ask_with(*token, call);
  if (answer.status != 401) return answer;
  const Expected<std::string> newer = account_.token();
  if (!newer || *newer == *token) return answer;
  return ask_with(*newer, call);
}

LeaseAnswer LeaseClient::ask_with(const std::string& token, const Call& call) {
  base::HttpRequest request;
  request.url = call.url;
  request.method = call.method;
  request.body = call.body;
  request.headers = {"Authorization: Bearer " + token, "Accept: application/json",
                     std::string("User-Agent: fedwave/") + kVersion};
  if (call.method != HttpMethod::Get) {
    request.headers.emplace_back("Content-Type: application/json");
  }
  request.tls.ca_file = account_.ca_file();
  request.connect_timeout_ms = call.timeout_ms;
  request.timeout_ms = call.timeout_ms;
  request.cancelled = cancelled_;
  ++requests_;
  BoundedAnswer received;
  const Expected<base::HttpHead> head = http_->perform(request, received);
  if (received.is_too_large) {
    return failed({ErrorCode::BodyLimit, "the API server's answer is larger than any Lease"}, "");
  }
  if (!head) return failed(head.error(), advice_for(head.error().code, account_));
  if (head->status >= 200 && head->status < 300) return read(call, std::move(received.text));
  LeaseAnswer answer;
  answer.status = head->status;
  answer.cause = "http_" + std::to_string(head->status);
  answer.error = refusal(head->status, call, said_in(received.text, token));
  return answer;
}

LeaseAnswer LeaseClient::read(const Call& call, std::string body) {
  Expected<Lease> lease = parse_lease(std::move(body));
  if (!lease) return failed(lease.error(), "; is " + call.url + " the API server's?");
  LeaseAnswer answer;
  answer.lease = std::move(*lease);
  return answer;
}

std::string LeaseClient::refusal(int status, const Call& call, const std::string& said) const {
  std::string text = "HTTP " + std::to_string(status);
  if (!said.empty()) text += " \"" + said + "\"";
  switch (status) {
    case 401:
      return text + "; the API server does not accept the token in " + account_.token_file();
    case 403:
      return text + "; the service account may not " + call.verb + " leases in namespace " +
             namespace_ +
             ": bind it to a Role there with apiGroups [coordination.k8s.io], resources [leases], "
             "verbs [get, update, create]";
    case 404:
      return text + "; is there a namespace " + namespace_ + "?";
    default:
      return text;
  }
}

}  // namespace fedwave::relay
