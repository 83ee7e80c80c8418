#include <iostream>

#include "relay/command_line/arguments.h"
#include "relay/command_line/each_command.h"
#include "relay/commands/completion.h"
#include "relay/commands/man_page.h"
#include "relay/commands/terminal.h"
#include "relay/version.h"

namespace fedwave::relay {
namespace {

const ExitCodeHelp kOutputCode{kExitUnreadable, "standard output could not be written"};

struct NoOptions {};

void completion_options(CLI::App& app, Shell& shell) {
  add_choice<Shell>(app, "SHELL", shell, {{"bash", Shell::Bash}, {"zsh", Shell::Zsh}},
                    "Whose completion")
      ->default_str("")
      ->required();
}

void man_options(CLI::App& /*app*/, NoOptions& /*options*/) {}

int print(const std::string& text) {
  std::cout << text;
  return flush_stdout(std::cerr) ? kExitOk : kExitUnreadable;
}

}  // namespace

void add_completion(Commands& commands) {
  commands.add<Shell>(
      {.name = "completion",
       .summary = "The completion of this command line for bash or zsh",
       .examples = {{"source <(fedwave completion bash)", "in ~/.bashrc: for every shell"},
                    {"source <(fedwave completion zsh)", "in ~/.zshrc, after compinit"}},
       .exit_codes = {kOkCode, kUsageCode, kOutputCode}},
      completion_options,
      [&commands](Shell shell) { return print(completion_script(shell, commands.help())); });
}

void add_man(Commands& commands) {
  commands.add<NoOptions>(
      {.name = "man",
       .summary = "The manual page",
       .examples = {{"fedwave man | man -l -"}, {"fedwave man | gzip -n9 > fedwave.1.gz"}},
       .exit_codes = {kOkCode, kUsageCode, kOutputCode}},
      man_options, [&commands](const NoOptions& /*options*/) {
        return print(man_page(commands.help(), kVersion));
      });
}

}  // namespace fedwave::relay
