// The exit codes of every command, as --help states them.
#pragma once

namespace fedwave::relay {

enum ExitCode : int {
  kExitOk = 0,
  kExitUsage = 1,  // wrong usage or configuration
  // The source could not be read, standard output not be written, the demo received nothing, a
  // drain of a spool left points.
  kExitUnreadable = 2,
  // With --strict, and from the demo: some lines were malformed, or some points not taken. From
  // `spool cat` and `verify`: something is damaged.
  kExitMalformed = 3,
  kExitDifferent = 4,  // from `diff`: the configurations differ, in their points or settings
};

}  // namespace fedwave::relay
