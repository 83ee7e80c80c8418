// FEDWAVE_CHECK states an invariant of our own code. When it does not hold the process ends with
// the place and the text: a loud crash is better than a wrong point, and the spool outlives it.
#pragma once

namespace fedwave::base {

[[noreturn]] void check_failed(const char* expression, const char* file, int line);

}  // namespace fedwave::base

#define FEDWAVE_CHECK(expression) \
  ((expression) ? void(0) : ::fedwave::base::check_failed(#expression, __FILE__, __LINE__))
