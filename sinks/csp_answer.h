// Reads what VMware Cloud Services answers to a request for a token. A pure function of bytes from
// outside; no error of it repeats any of them, since they may hold a token. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "relay/base/expected.h"

namespace fedwave::sinks {

struct CspAnswer {
  std::string access_token;        // not empty, fit for a header
  std::int64_t expires_in_ms = 0;  // above 0
};

base::Expected<CspAnswer> parse_csp_answer(std::string_view json);

}  // namespace fedwave::sinks
