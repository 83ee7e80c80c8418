// base::HttpClient over libcurl; the only user of curl.h. One object is one easy handle: it keeps
// its connection and TLS session between requests and belongs to one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "relay/base/http_client.h"

namespace fedwave::relay {

std::unique_ptr<base::HttpClient> make_curl_client();

// The numeric addresses of a host, of one family only (the first that the resolver prefers), so
// that a name with an IPv4 and an IPv6 address of the same server counts once. Sorted, without
// repeats.
base::Expected<std::vector<std::string>> resolve_addresses(const std::string& host);

// Host and port of an absolute http(s) URL; the port of the scheme where none is given.
struct UrlParts {
  std::string scheme;
  std::string host;
  std::string port;
};
base::Expected<UrlParts> split_url(const std::string& url);

}  // namespace fedwave::relay
