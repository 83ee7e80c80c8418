#include "config/ip_address.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <string>

namespace fedwave::config {

std::optional<IpAddress> parse_ip(std::string_view text) {
  const std::string address(text.substr(0, text.find('%')));
  IpAddress ip;
  if (::inet_pton(AF_INET, address.c_str(), ip.bytes.data()) == 1) {
    ip.bits = 32;
    return ip;
  }
  if (::inet_pton(AF_INET6, address.c_str(), ip.bytes.data()) == 1) {
    ip.bits = 128;
    return ip;
  }
  return std::nullopt;
}

bool shares_prefix(const IpAddress& a, const IpAddress& b, std::size_t bits) {
  if (a.bits != b.bits) return false;
  for (std::size_t bit = 0; bit < bits; ++bit) {
    const unsigned mask = 0x80U >> (bit % 8);
    if (((a.bytes[bit / 8] ^ b.bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

bool is_loopback(const IpAddress& ip) {
  constexpr IpAddress kV4{.bytes = {127}, .bits = 32};
  constexpr IpAddress kV6{.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, .bits = 128};
  return shares_prefix(ip, kV4, 8) || shares_prefix(ip, kV6, kV6.bits);
}

}  // namespace fedwave::config
