#include "relay/status/access.h"

#include <algorithm>

#include "config/ip_address.h"
#include "relay/base/log.h"
#include "relay/base/text.h"

namespace fedwave::relay {
namespace {

// Takes as long for a wrong guess as for a good one.
bool is_same_secret(std::string_view given, std::string_view secret) {
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char wanted = secret.empty() ? '\0' : secret[i % secret.size()];
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(wanted);
  }
  return difference == 0;
}

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

// Empty where it is none.
std::string base64_decoded(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) return {};
    bits = bits << 6 | static_cast<unsigned>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFF);
  }
  return bytes;
}

// What follows "Bearer " or "Basic ".
std::optional<std::string_view> after_scheme(std::string_view header, std::string_view scheme) {
  const std::size_t blank = header.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  if (base::lower(header.substr(0, blank)) != scheme) return std::nullopt;
  header.remove_prefix(blank);
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  return header;
}

// "localhost:9464" without the port.
std::string host_name(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos && !host.ends_with(']');
  return base::lower(has_port ? host.substr(0, colon) : host);
}

}  // namespace

Access::Access(const config::Status& settings)
    : settings_(settings),
      is_basic_(!settings.basic_username.empty()),
      is_open_(!is_basic_ && settings.bearer_token.empty() && settings.bearer_token_file.empty()) {
  if (const auto where = parse_listen_address(settings.listen)) {
    const auto ip = config::parse_ip(where->host);
    is_loopback_ = ip && config::is_loopback(*ip);
    listen_host_ =
        where->host.find(':') == std::string::npos ? where->host : "[" + where->host + "]";
  }
  const std::string& path = is_basic_ ? settings.basic_password_file : settings.bearer_token_file;
  const bool has_value = !(is_basic_ ? settings.basic_password : settings.bearer_token).empty();
  if (!has_value && !path.empty()) file_.emplace(path);
}

std::optional<Refusal> Access::refuse(const HttpRequestView& request) {
  if (!knows_host(request)) {
    return Refusal{421,
                   "this server listens on this machine only and does not go by that name; ask "
                   "for localhost",
                   ""};
  }
  if (!settings_.cert_file.empty() && !request.is_secure) {
    return Refusal{403, "over plain HTTP only the probes are answered; ask https://, same port",
                   ""};
  }
  if (is_open_ || has_credentials(request)) return std::nullopt;
  // Basic is all that a browser can ask its user for; a token is then the password.
  return Refusal{401,
                 is_basic_ ? "this needs the user name and password of status.basic_auth"
                           : "this needs the bearer token of status; a browser may give it as the "
                             "password, with any user name",
                 R"(Basic realm="fedwave", charset="UTF-8")"};
}

std::optional<Refusal> Access::refuse_cross_site(const HttpRequestView& request) {
  const std::string_view site = request.header("Sec-Fetch-Site").value_or("none");
  bool is_own = site == "none" || site == "same-origin";
  if (const auto origin = request.header("Origin")) {
    const std::size_t scheme_end = origin->find("://");
    is_own = is_own && scheme_end != std::string_view::npos &&
             base::lower(origin->substr(scheme_end + 3)) ==
                 base::lower(request.header("Host").value_or(""));
  }
  if (is_own) return std::nullopt;
  return Refusal{403, "a page of another origin may not do this; use fedwave's own page, or curl",
                 ""};
}

// Only a browser that was led astray names another host; and it always names one.
bool Access::knows_host(const HttpRequestView& request) const {
  const auto header = request.header("Host");
  if (!is_loopback_ || !header) return true;
  const std::string host = host_name(*header);
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]" || host == listen_host_;
}

bool Access::has_credentials(const HttpRequestView& request) {
  const auto wanted = secret();
  const std::string_view header = request.header("Authorization").value_or("");
  if (!wanted) return false;
  if (!is_basic_) {
    if (const auto token = after_scheme(header, "bearer")) return is_same_secret(*token, *wanted);
  }
  const auto encoded = after_scheme(header, "basic");
  if (!encoded) return false;
  const std::string given = base64_decoded(*encoded);
  if (is_basic_) return is_same_secret(given, settings_.basic_username + ":" + *wanted);
  const std::size_t colon = given.find(':');
  return colon != std::string::npos &&
         is_same_secret(std::string_view(given).substr(colon + 1), *wanted);
}

// None when it is empty or has never been readable: then nobody is let in, which is told once. Of a
// file that has gone since, the last content holds.
std::optional<std::string> Access::secret() {
  if (!file_) return (is_basic_ ? settings_.basic_password : settings_.bearer_token).value;
  auto content = file_->content();
  if (content && !content->empty()) {
    trouble_told_ = false;
    return *std::move(content);
  }
  if (!trouble_told_) {
    base::log(base::LogLevel::Error,
              "nobody can look at the status page: the file with its credentials is of no use",
              {{"file", file_->path()},
               {"error", content ? std::string("it is empty") : content.error().message}});
  }
  trouble_told_ = true;
  return std::nullopt;
}

}  // namespace fedwave::relay
