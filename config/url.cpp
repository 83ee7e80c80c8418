#include "config/url.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <utility>

#include "relay/base/text.h"

namespace fedwave::config {
namespace {

base::Error bad_url(std::string message) {
  return {base::ErrorCode::InvalidArgument, std::move(message)};
}

void append_escape(std::string& encoded, char c) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  encoded += '%';
  encoded += kDigits[byte >> 4U];
  encoded += kDigits[byte & 0xFU];
}

// Encodes only what cannot stand in a URL; what is already encoded stays.
std::string tolerantly_encoded(std::string_view text) {
  constexpr std::string_view kForbidden = " \"<>\\^`{|}";
  std::string encoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const auto byte = static_cast<unsigned char>(c);
    const bool forbidden = byte <= 0x20 || byte >= 0x7F ||
                           kForbidden.find(c) != std::string_view::npos ||
                           (c == '%' && !base::begins_with_percent_escape(text.substr(at)));
    if (forbidden) {
      append_escape(encoded, c);
    } else {
      encoded += c;
    }
  }
  return encoded;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

bool is_host(std::string_view host, bool in_brackets) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [in_brackets](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    return letter || digit || c == '-' || c == '.' || c == '_' ||
           (in_brackets && (c == ':' || c == '%'));
  });
}

// Takes the credentials from the front of an authority.
void take_credentials(Url& url, std::string_view& authority) {
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return;
  const std::string_view credentials = authority.substr(0, at);
  const std::size_t colon = credentials.find(':');
  url.has_credentials = true;
  url.username = base::percent_decoded(credentials.substr(0, colon));
  if (colon != std::string_view::npos) {
    url.password = base::percent_decoded(credentials.substr(colon + 1));
  }
  authority.remove_prefix(at + 1);
}

}  // namespace

std::string Url::without_credentials() const {
  return scheme + "://" + authority + path + (query.empty() ? "" : "?" + query);
}

base::Expected<Url> parse_url(std::string_view text) {
  Url url;
  const std::size_t colon = text.find("://");
  if (colon != std::string_view::npos) url.scheme = lower_case(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") {
    return bad_url("is not an absolute http or https URL; write http://host:port/path");
  }
  text.remove_prefix(colon + 3);
  const std::size_t fragment = text.find('#');
  url.has_fragment = fragment != std::string_view::npos;
  text = text.substr(0, fragment);
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, end);
  text.remove_prefix(end);
  take_credentials(url, authority);
  // A colon without a port is as good as none.
  if (authority.ends_with(':')) authority.remove_suffix(1);
  auto host_port = parse_host_port(authority);
  if (!host_port) return std::move(host_port).error();
  url.host = host_port->host;
  url.port = host_port->port;
  url.authority = authority;
  const std::size_t question = text.find('?');
  url.path = tolerantly_encoded(text.substr(0, question));
  if (question != std::string_view::npos) url.query = tolerantly_encoded(text.substr(question + 1));
  return url;
}

base::Expected<HostPort> parse_host_port(std::string_view text) {
  HostPort result;
  const bool in_brackets = !text.empty() && text.front() == '[';
  std::string_view port;
  bool has_port = false;
  if (in_brackets) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return bad_url("has no ']' after the IPv6 address");
    result.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    has_port = !port.empty();
    if (has_port && port.front() != ':')
      return bad_url("has something other than a port after ']'");
  } else {
    const std::size_t colon = text.find(':');
    result.host = text.substr(0, colon);
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon);
    if (has_port && port.find(':', 1) != std::string_view::npos) {
      return bad_url("has several colons; write an IPv6 address in brackets, [::1]:2878");
    }
  }
  if (result.host.empty()) return bad_url("has no host; write host:port");
  if (in_brackets && result.host.find(':') == std::string::npos) {
    return bad_url("has no IPv6 address between its brackets; write [::1]:2878, or a host without");
  }
  if (!is_host(result.host, in_brackets)) {
    return bad_url("has a character in its host name that cannot stand there");
  }
  if (!has_port) return result;
  port.remove_prefix(1);
  const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (error != std::errc() || stop != port.data() + port.size() || result.port == 0) {
    return bad_url("has a bad port; write a number from 1 to 65535");
  }
  return result;
}

std::string host_port_text(const std::string& host, std::uint16_t port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      encoded += c;
    } else {
      append_escape(encoded, c);
    }
  }
  return encoded;
}

std::vector<Parameter> query_parameters(std::string_view query) {
  const auto decoded = [](std::string_view text) {
    std::string spaced(text);
    std::replace(spaced.begin(), spaced.end(), '+', ' ');
    return base::percent_decoded(spaced);
  };
  std::vector<Parameter> parameters;
  while (!query.empty()) {
    const std::string_view text = query.substr(0, query.find('&'));
    const std::size_t equals = std::min(text.find('='), text.size());
    const std::string_view value = text.substr(std::min(equals + 1, text.size()));
    if (!text.empty()) {
      parameters.push_back({std::string(text), decoded(text.substr(0, equals)), decoded(value)});
    }
    query.remove_prefix(std::min(text.size() + 1, query.size()));
  }
  return parameters;
}

bool is_secret(const Parameter& parameter) {
  constexpr std::string_view kEnds[] = {"token", "key",       "secret", "password",  "passwd",
                                        "auth",  "signature", "sig",    "credential"};
  const std::string name = base::lower(parameter.name);
  return std::any_of(std::begin(kEnds), std::end(kEnds),
                     [&](std::string_view end) { return name.ends_with(end); });
}

std::string with_parameters(std::string url, std::string_view more) {
  if (more.empty()) return url;
  const std::size_t mark = url.find('?');
  if (mark == std::string::npos) {
    url += '?';
  } else if (mark + 1 < url.size() && url.back() != '&') {
    url += '&';
  }
  return url.append(more);
}

bool has_parameter(std::string_view query, std::string_view name) {
  const std::vector<Parameter> parameters = query_parameters(query);
  return std::any_of(parameters.begin(), parameters.end(),
                     [name](const Parameter& parameter) { return parameter.name == name; });
}

}  // namespace fedwave::config
