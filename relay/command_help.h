// What the command line offers, as plain values that know nothing of the library that parses it:
// made once (command_line.h) and shown by --help, the man page and the shells' completions, so that
// none of them can tell another story. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fedwave::relay {

// An option, or what stands on the command line without one.
struct ArgumentHelp {
  enum class Takes : std::uint8_t { Nothing, Text, File, Directory, Choice };

  std::vector<std::string> names;  // "-h", "--help"; none for what has a place instead
  std::string value_name;          // "FILE", "NAME", "text|json"
  Takes takes = Takes::Nothing;
  std::vector<std::string> choices;
  std::string default_value;  // empty: none, or the help says it
  std::string help;
  bool is_required = false;
  bool is_repeatable = false;
};

struct Example {
  std::string line;  // works as it stands
  std::string note = {};
};

struct ExitCodeHelp {
  int code = 0;
  std::string meaning;
};

struct CommandHelp {
  std::string name;              // "ls"
  std::string path;              // with those it belongs to: "fedwave spool ls"
  std::string summary;           // one line
  std::string description = {};  // what more there is to say; may be empty
  std::vector<ArgumentHelp> options = {};
  std::vector<ArgumentHelp> positionals = {};
  std::vector<Example> examples = {};
  std::vector<ExitCodeHelp> exit_codes = {};
  std::vector<CommandHelp> subcommands = {};
};

// The command itself and all below it, each before its own subcommands.
std::vector<const CommandHelp*> all_commands(const CommandHelp& root);

// "--config FILE", "--strict", "-h, --help", "SERIES...".
std::string argument_text(const ArgumentHelp& argument);
// What more there is to know than its help: "(required)", "(default: text)"; may be empty.
std::string argument_remark(const ArgumentHelp& argument);
// The command in one line: "fedwave check --config FILE [OPTIONS]".
std::string usage_text(const CommandHelp& command);
// "Exit codes: 0 ok; 1 wrong usage or configuration."
std::string exit_codes_text(const std::vector<ExitCodeHelp>& codes);

// What --help prints.
std::string help_text(const CommandHelp& command);

}  // namespace fedwave::relay
