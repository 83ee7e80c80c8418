#include "relay/cluster/service_account.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <random>
#include <utility>

#include "relay/base/text.h"

namespace fedwave::relay {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;

std::string value_of(const config::Environment& environment, std::string_view name) {
  return environment(name).value_or("");
}

std::string bracketed(const std::string& host) {
  const bool is_bare_v6 = host.find(':') != std::string::npos && host.front() != '[';
  return is_bare_v6 ? "[" + host + "]" : host;
}

// Kubernetes sets the two variables right: somebody else has set one that is not.
Error bad_address(const char* variable, std::string_view value, const std::string& what_to_write) {
  return {ErrorCode::InvalidArgument,
          std::string(variable) + " is \"" + base::printable(value) + "\": write " + what_to_write +
              ", or leave it to Kubernetes, which sets it in every pod"};
}

bool is_host(std::string_view text) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:[]";
  return text.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && stop == text.data() + text.size() && port != 0;
}

// Version 4: all bits random but for the version and the variant.
std::string random_uuid() {
  std::random_device random;
  std::array<unsigned, 4> words{random(), random(), random(), random()};
  words[1] = (words[1] & 0xFFFF0FFFU) | 0x00004000U;
  words[2] = (words[2] & 0x3FFFFFFFU) | 0x80000000U;
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%04x%08x", words[0], words[1] >> 16,
                words[1] & 0xFFFFU, words[2] >> 16, words[2] & 0xFFFFU, words[3]);
  return text;
}

}  // namespace

bool in_cluster(const config::Environment& environment) {
  return !value_of(environment, "KUBERNETES_SERVICE_HOST").empty();
}

std::string election_identity(const config::Environment& environment) {
  const std::string name = value_of(environment, "POD_NAME");
  const std::string uid = value_of(environment, "POD_UID");
  if (!name.empty() && !uid.empty()) return name + "_" + uid;
  std::array<char, 256> host{};
  const bool has_host = ::gethostname(host.data(), host.size() - 1) == 0;
  return (has_host ? std::string(host.data()) : "fedwave") + "_" + random_uuid();
}

Expected<ServiceAccount> ServiceAccount::from(const config::Environment& environment) {
  const std::string host = value_of(environment, "KUBERNETES_SERVICE_HOST");
  if (host.empty()) {
    return Error{ErrorCode::NotFound,
                 "KUBERNETES_SERVICE_HOST is not set: this is no pod of a cluster"};
  }
  if (!is_host(host)) {
    return bad_address("KUBERNETES_SERVICE_HOST", host,
                       "the API server's address without https://");
  }
  std::string port = value_of(environment, "KUBERNETES_SERVICE_PORT");
  if (port.empty()) port = "443";
  if (!is_port(port)) {
    return bad_address("KUBERNETES_SERVICE_PORT", port, "the API server's port, 1 to 65535");
  }
  const std::string directory = value_of(environment, "FEDWAVE_SERVICE_ACCOUNT_DIR");
  return ServiceAccount("https://" + bracketed(host) + ":" + port,
                        directory.empty() ? kServiceAccountDirectory : directory);
}

ServiceAccount::ServiceAccount(std::string api_url, const std::string& directory)
    : api_url_(std::move(api_url)),
      ca_file_(directory + "/ca.crt"),
      namespace_file_(directory + "/namespace"),
      token_(directory + "/token") {}

Expected<std::string> ServiceAccount::token() {
  Expected<std::string> now = token_.content();
  if (now && !now->empty()) last_token_ = *now;
  if (!last_token_.empty()) return last_token_;
  const std::string advice =
      "; the pod needs its service account's token: automountServiceAccountToken: true";
  if (!now) return Error{now.error().code, now.error().message + advice};
  return Error{ErrorCode::NotFound, token_.path() + " is empty" + advice};
}

Expected<std::string> ServiceAccount::pod_namespace() const {
  Expected<std::string> name = base::WatchedFile(namespace_file_).content();
  if (!name || !name->empty()) return name;
  return Error{ErrorCode::NotFound, namespace_file_ + " is empty"};
}

}  // namespace fedwave::relay
