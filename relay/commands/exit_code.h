// The exit codes of every command, as --help states them.
#pragma once

namespace fedwave::relay {

enum ExitCode : int {
  kExitOk = 0,
  kExitUsage = 1,       // wrong usage or configuration
  kExitUnreadable = 2,  // the source could not be read, or the demo received nothing
  // With --strict, and from the demo: some lines were malformed, or some points not taken.
  kExitMalformed = 3,
};

}  // namespace fedwave::relay
