#include "relay/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace fedwave::base {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "BUG: %s:%d: %s does not hold\n", file, line, expression);
  std::abort();
}

}  // namespace fedwave::base
