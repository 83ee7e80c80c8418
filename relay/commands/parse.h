// `fedwave parse`: a Prometheus page in, one JSON object a sample out, to see what the relay's own
// parser makes of it. The page is read and written piece by piece, so its size does not matter.
// Runs on main's thread.
#pragma once

#include <ostream>
#include <string>

namespace fedwave::relay {

struct ParseOptions {
  std::string file;             // "-" is standard input
  std::string format = "auto";  // or "text", which is what auto comes to
  bool strict = false;          // a malformed line is a failure
};

// Samples go to `out`, malformed lines as `line N: reason` to `err`. Returns the exit code.
int parse_command(const ParseOptions& options, std::ostream& out, std::ostream& err);
// The same with standard output and standard error.
int parse_command(const ParseOptions& options);

}  // namespace fedwave::relay
