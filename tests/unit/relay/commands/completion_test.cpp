#include "relay/commands/completion.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "relay/command_line.h"
#include "tests/unit/relay/commands/small_command_help.h"

using namespace fedwave::relay;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The lines of the function `name` of a script, up to the brace that ends it.
std::string function_of(const std::string& script, const std::string& name) {
  const auto begin = script.find("\n" + name + "() {\n");
  REQUIRE(begin != std::string::npos);
  return script.substr(begin + 1, script.find("\n}\n", begin) - begin);
}

std::string zsh_name(std::string path) {
  for (char& c : path)
    if (c == ' ') c = '_';
  return "_" + path;
}

}  // namespace

TEST_CASE("The script for bash has the words of each command, and what follows its options") {
  const std::string script = completion_script(Shell::Bash, small_command_help());
  const std::vector<std::string> parts = {
      "'tool')\n            options='--version --help' commands='show disk' ;;",
      "'tool disk')\n            options='--help' commands='ls' ;;",
      "options='--config --input --format --sink --quiet --help' commands='' ;;",
      "'tool show --config' | \\\n            'tool show --input')\n            values=(-f) ;;",
      "'tool show --format')\n            values=(-W 'text json') ;;",
      "'tool show --sink')\n            values=() ;;",
      "'tool show '*)\n            values=() ;;",
      "'tool disk ls 1')\n            values=(-d) ;;",
      "'tool disk ls 2')\n            values=(-W 'bash zsh') ;;",
      "\ncomplete -F _tool tool\n"};
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(has(script, part));
  }
  CHECK(!has(function_of(script, "_tool_option"), "--quiet"));
  CHECK(script.starts_with("# "));
  CHECK(has(script, "source <(tool completion bash)"));
  CHECK(!has(script, "{}"));
}

TEST_CASE("The script for zsh has a function for each command, with its options and places") {
  const std::string script = completion_script(Shell::Zsh, small_command_help());
  CHECK(script.starts_with("#compdef tool\n"));
  CHECK(has(script, "source <(tool completion zsh)"));
  CHECK(!has(script, "{}"));
  CHECK(function_of(script, "_tool_show") ==
        "_tool_show() {\n"
        "  _arguments \\\n"
        "    '(--config)--config=[The configuration]:FILE:_files' \\\n"
        "    '*--input=[A page]:FILE:_files' \\\n"
        "    '(--format)--format=[How\\: \\[plain\\] or '\\''quoted'\\'' or C\\:\\\\x]"
        ":text|json:(text json)' \\\n"
        "    '(--sink)--sink=[Only this sink]:NAME: ' \\\n"
        "    '(--quiet)--quiet[Say nothing]' \\\n"
        "    '(-h --help)-h[Show this help]' \\\n"
        "    '(-h --help)--help[Show this help]' \\\n"
        "    '*:SERIES: '\n");
  CHECK(has(function_of(script, "_tool_disk_ls"), "'1:DIR:_files -/'"));
  CHECK(has(function_of(script, "_tool_disk_ls"), "'2:bash|zsh:(bash zsh)'"));
  CHECK(has(function_of(script, "_tool_disk"), "ls) _tool_disk_ls && ret=0 ;;"));
  CHECK(has(function_of(script, "_tool_disk"), "'ls:.hidden things too'"));
  CHECK(has(function_of(script, "_tool"), "'--version[Show the version]'") == false);
  CHECK(has(function_of(script, "_tool"), "'(--version)--version[Show the version]'"));
}

TEST_CASE("No option of the program is missing in either script") {
  const CommandHelp root = command_line_help();
  const std::string bash = function_of(completion_script(Shell::Bash, root), "_fedwave_words");
  const std::string zsh = completion_script(Shell::Zsh, root);
  for (const CommandHelp* command : all_commands(root)) {
    CAPTURE(command->path);
    const auto begin = bash.find("'" + command->path + "'");
    REQUIRE(begin != std::string::npos);
    const auto options = bash.find("options='", begin) + std::string("options=").size();
    const std::string words = bash.substr(options, bash.find('\n', options) - options);
    const std::string arguments = function_of(zsh, zsh_name(command->path));
    for (const ArgumentHelp& option : command->options) {
      const std::string name = option.names.back();
      CAPTURE(name);
      CHECK((has(words, "'" + name + " ") || has(words, " " + name + " ") ||
             has(words, " " + name + "'") || has(words, "'" + name + "'")));
      CHECK((has(arguments, ")" + name) || has(arguments, "*" + name)));
    }
    for (const CommandHelp& subcommand : command->subcommands)
      CHECK(has(arguments, subcommand.name + ") " + zsh_name(subcommand.path) + " "));
  }
}
