#include "config/proxy_environment.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <initializer_list>

#include "config/fields.h"
#include "config/ip_address.h"
#include "relay/base/text.h"

namespace fedwave::config {
namespace {

constexpr std::string_view kBlanksAndCommas = ", \t\r\n";

bool is_in_block(const IpAddress& ip, std::string_view address, std::string_view length) {
  const std::optional<IpAddress> network = parse_ip(address);
  std::size_t bits = 0;
  const char* end = length.data() + length.size();
  const auto [stop, error] = std::from_chars(length.data(), end, bits);
  if (!network || error != std::errc() || stop != end || bits > network->bits) return false;
  return shares_prefix(ip, *network, bits);
}

// Both in lower case; a name that begins with a dot is not below itself.
bool is_name_or_below(std::string_view name, std::string_view host) {
  if (name.starts_with('.')) return host.size() > name.size() && host.ends_with(name);
  if (host == name) return true;
  return host.size() > name.size() && host.ends_with(name) &&
         host[host.size() - name.size() - 1] == '.';
}

bool element_names(std::string_view element, const std::string& host,
                   const std::optional<IpAddress>& host_ip, std::uint16_t port) {
  if (element == "*") return true;
  const std::size_t slash = element.find('/');
  if (slash != std::string_view::npos) {
    return host_ip && is_in_block(*host_ip, element.substr(0, slash), element.substr(slash + 1));
  }
  std::optional<IpAddress> ip = parse_ip(element);
  std::string name;
  if (!ip) {
    // Now its colon, if any, stands before a port.
    if (element.starts_with("*.")) element.remove_prefix(1);
    const auto host_port = parse_host_port(element);
    if (!host_port || (host_port->port != 0 && host_port->port != port)) return false;
    ip = parse_ip(host_port->host);
    name = base::lower(host_port->host);
  }
  if (ip || host_ip) return ip && host_ip && shares_prefix(*ip, *host_ip, ip->bits);
  return is_name_or_below(name, host);
}

std::optional<ProxyVariable> first_set(std::initializer_list<const char*> names,
                                       const Environment& environment) {
  for (const char* name : names) {
    const std::string value = environment(name).value_or("");
    if (const std::string_view text = trimmed(value); !text.empty()) {
      return ProxyVariable{name, std::string(text)};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<ProxyVariable> proxy_variable_for(const Url& url, const Environment& environment) {
  const bool is_https = url.scheme == "https";
  auto proxy = is_https ? first_set({"https_proxy", "HTTPS_PROXY"}, environment)
                        : first_set({"http_proxy", "HTTP_PROXY"}, environment);
  // This machine is never behind a proxy, as in Go's own rule.
  if (!proxy || no_proxy_names("localhost,127.0.0.0/8,::1", url.host, 0)) return std::nullopt;
  const auto exceptions = first_set({"no_proxy", "NO_PROXY"}, environment);
  const std::uint16_t usual_port = is_https ? 443 : 80;
  const std::uint16_t port = url.port == 0 ? usual_port : url.port;
  if (exceptions && no_proxy_names(exceptions->value, url.host, port)) return std::nullopt;
  return proxy;
}

bool no_proxy_names(std::string_view list, std::string_view host, std::uint16_t port) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string lower_host = base::lower(host);
  const std::optional<IpAddress> host_ip = parse_ip(host);
  while (!list.empty()) {
    const std::size_t end = std::min(list.find_first_of(kBlanksAndCommas), list.size());
    if (element_names(list.substr(0, end), lower_host, host_ip, port)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

}  // namespace fedwave::config
