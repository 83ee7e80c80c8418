// IP addresses as text and as bytes: what NO_PROXY and the status page's address need of them. Pure
// functions, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fedwave::config {

struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t bits = 0;  // 32 or 128
};

// Without brackets. The zone of a link-local address says where it is looked for, not which it is,
// so it is left out.
std::optional<IpAddress> parse_ip(std::string_view text);

// Are both of one kind and equal in their first bits?
bool shares_prefix(const IpAddress& a, const IpAddress& b, std::size_t bits);

// This machine's own: 127.0.0.0/8 or ::1.
bool is_loopback(const IpAddress& ip);

}  // namespace fedwave::config
