// The token that a receiver wants to see: fixed, from a file that is read again when it changes, or
// fetched from VMware Cloud Services (sinks/csp_token.h). Belongs to one sender's thread; the sinks
// of one sender share it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/expected.h"

namespace fedwave::sinks {

class TokenSource {
 public:
  virtual ~TokenSource() = default;
  // Empty: none is to be shown.
  virtual base::Expected<std::string> token() = 0;
  // The receiver has said 401 or 403 to the token given last: get a new one where that is possible.
  virtual void refused() {}
  // Everything that must not appear in a message.
  virtual std::vector<std::string> secrets() = 0;
};

std::unique_ptr<TokenSource> fixed_token(std::string token);

// The last good content stays while the file is away or empty. A file that holds anything but one
// line of text is an error.
std::unique_ptr<TokenSource> token_file(std::string path);

// False for what would break out of an HTTP header: line breaks and other control characters.
bool fits_in_header(std::string_view text);

}  // namespace fedwave::sinks
