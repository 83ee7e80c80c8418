// A small command line that has one of each kind, and text that shells and roff trip over.
#pragma once

#include "relay/command_help.h"

namespace fedwave::relay {

inline CommandHelp small_command_help() {
  using Takes = ArgumentHelp::Takes;
  const ArgumentHelp help{.names = {"-h", "--help"}, .help = "Show this help"};
  const ArgumentHelp quiet{.names = {"--quiet"}, .help = "Say nothing"};
  const ArgumentHelp format{.names = {"--format"},
                            .value_name = "text|json",
                            .takes = Takes::Choice,
                            .choices = {"text", "json"},
                            .default_value = "text",
                            .help = "How: [plain] or 'quoted' or C:\\x"};
  const ArgumentHelp config{.names = {"--config"},
                            .value_name = "FILE",
                            .takes = Takes::File,
                            .help = "The configuration",
                            .is_required = true};
  const ArgumentHelp input{.names = {"--input"},
                           .value_name = "FILE",
                           .takes = Takes::File,
                           .help = "A page",
                           .is_repeatable = true};
  const ArgumentHelp sink{
      .names = {"--sink"}, .value_name = "NAME", .takes = Takes::Text, .help = "Only this sink"};
  const ArgumentHelp version{.names = {"--version"}, .help = "Show the version"};
  const ArgumentHelp series{
      .value_name = "SERIES", .takes = Takes::Text, .help = "A series", .is_repeatable = true};
  const ArgumentHelp directory{
      .value_name = "DIR", .takes = Takes::Directory, .help = "Where", .is_required = true};
  const ArgumentHelp shell{.value_name = "bash|zsh",
                           .takes = Takes::Choice,
                           .choices = {"bash", "zsh"},
                           .help = "Whose",
                           .is_required = true};
  const std::vector<ExitCodeHelp> codes = {{0, "ok"}, {1, "wrong usage"}};
  const CommandHelp show{.name = "show",
                         .path = "tool show",
                         .summary = "Show what is there",
                         .options = {config, input, format, sink, quiet, help},
                         .positionals = {series},
                         .examples = {{"tool show --config a.yaml 'x{a=\"b\\n\"}'", "a note"}},
                         .exit_codes = codes};
  const CommandHelp ls{.name = "ls",
                       .path = "tool disk ls",
                       .summary = ".hidden things too",
                       .options = {quiet, help},
                       .positionals = {directory, shell},
                       .exit_codes = codes};
  const CommandHelp disk{.name = "disk",
                         .path = "tool disk",
                         .summary = "The disk",
                         .options = {help},
                         .examples = {{"tool disk ls /"}},
                         .exit_codes = codes,
                         .subcommands = {ls}};
  return {.name = "tool",
          .path = "tool",
          .summary = "A tool",
          .description = "It is there to be looked at.",
          .options = {version, help},
          .exit_codes = codes,
          .subcommands = {show, disk}};
}

}  // namespace fedwave::relay
