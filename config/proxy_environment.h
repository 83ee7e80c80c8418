// Which HTTP proxy the environment has for a URL: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, read as the
// collector (Go) reads them. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/load.h"
#include "config/url.h"

namespace fedwave::config {

struct ProxyVariable {
  std::string name;   // fit to be shown
  std::string value;  // not empty; it may hold a password
};

// The variable with the proxy that requests to the URL take; none when no variable is set, or
// NO_PROXY names the host. A lower-case variable beats its upper-case one.
std::optional<ProxyVariable> proxy_variable_for(const Url& url, const Environment& environment);

// Does a list as NO_PROXY has it, separated by commas or blanks, name the host? An element is "*",
// a name (for those below it too), ".name" or "*.name" (only for those below it), an IP address or
// a CIDR block; all but the last may end in a port. An IP address is never looked up: names match
// names and addresses match addresses. `host` is without brackets.
bool no_proxy_names(std::string_view list, std::string_view host, std::uint16_t port);

}  // namespace fedwave::config
