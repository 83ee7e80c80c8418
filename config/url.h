// URLs as people write them in a ConfigMap: `match[]={job=~"a|b"}` stands there without escapes, as
// in the collector's documentation. Here it becomes what curl may send. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/expected.h"

namespace fedwave::config {

struct Url {
  std::string scheme;    // "http" or "https"
  std::string username;  // decoded
  std::string password;  // decoded
  bool has_credentials = false;
  std::string host;           // without the brackets of an IPv6 address
  std::uint16_t port = 0;     // 0: none written
  std::string authority;      // host and port as written
  std::string path;           // from the '/' on, or empty; what cannot stand in a URL is encoded
  std::string query;          // without the '?'; encoded likewise
  bool has_fragment = false;  // there was a '#…', which no server ever sees

  // Scheme, authority, path and query: never the credentials.
  [[nodiscard]] std::string without_credentials() const;
};

// An absolute http or https URL. The message says what is wrong and never shows the URL, which may
// hold a password.
base::Expected<Url> parse_url(std::string_view text);

struct HostPort {
  std::string host;        // without brackets
  std::uint16_t port = 0;  // 0: none written
};

// `host`, `host:port` or `[v6]:port`.
base::Expected<HostPort> parse_host_port(std::string_view text);

// "host:port" with brackets where an IPv6 address needs them.
std::string host_port_text(const std::string& host, std::uint16_t port);

// Everything but letters, digits and -._~ as %XX.
std::string percent_encoded(std::string_view text);

// One parameter of a query.
struct Parameter {
  std::string text;  // as it stands there
  std::string name;  // decoded as a server does it, which takes a '+' for a space
  std::string value;
};
std::vector<Parameter> query_parameters(std::string_view query);

// By its name: token, api_key and their like.
bool is_secret(const Parameter& parameter);

// The URL with more parameters at the end of its query.
std::string with_parameters(std::string url, std::string_view more);

// Does the query have a parameter of this (decoded) name?
bool has_parameter(std::string_view query, std::string_view name);

}  // namespace fedwave::config
