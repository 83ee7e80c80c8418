// Whatever Cloud Services answer, it is a usable token or an error that can be printed.
#include <cstdint>
#include <string_view>

#include "relay/base/check.h"
#include "sinks/csp_answer.h"

namespace {

bool is_one_line(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return false;
  }
  return !text.empty();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto answer = fedwave::sinks::parse_csp_answer({reinterpret_cast<const char*>(data), size});
  if (answer) {
    FEDWAVE_CHECK(is_one_line(answer->access_token));
    FEDWAVE_CHECK(answer->expires_in_ms >= 1'000);
    FEDWAVE_CHECK(answer->expires_in_ms <= std::int64_t{366} * 86'400'000);
  } else {
    FEDWAVE_CHECK(is_one_line(answer.error().message));
  }
  return 0;
}
