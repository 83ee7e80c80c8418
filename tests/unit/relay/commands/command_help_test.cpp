#include "relay/command_help.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "relay/command_line.h"
#include "tests/unit/relay/commands/small_command_help.h"

using namespace fedwave::relay;
using Takes = ArgumentHelp::Takes;

namespace {

const CommandHelp* find_command(const std::vector<const CommandHelp*>& commands,
                                const std::string& path) {
  for (const CommandHelp* command : commands)
    if (command->path == path) return command;
  return nullptr;
}

const ArgumentHelp* find_option(const CommandHelp& command, const std::string& name) {
  for (const ArgumentHelp& option : command.options)
    if (std::count(option.names.begin(), option.names.end(), name) > 0) return &option;
  return nullptr;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), {}};
}

// The words behind `path` up to the end of the command, for an example that runs it; else none.
std::optional<std::vector<std::string>> arguments_of(const std::string& line,
                                                     const CommandHelp& command) {
  const auto begin = line.find(command.path + " ");
  if (begin == std::string::npos) return std::nullopt;
  std::vector<std::string> words = words_of(line.substr(begin + command.path.size()));
  const auto is_end = [](const std::string& word) {
    return word == "|" || word == "&&" || word == ">" || word.ends_with(')');
  };
  words.erase(std::find_if(words.begin(), words.end(), is_end), words.end());
  return words;
}

}  // namespace

TEST_CASE("The commands stand in the order in which one gets to know them") {
  std::vector<std::string> paths;
  const CommandHelp root = command_line_help();
  for (const CommandHelp* command : all_commands(root)) paths.push_back(command->path);
  CHECK(paths == std::vector<std::string>{"fedwave", "fedwave run", "fedwave dump", "fedwave check",
                                          "fedwave explain", "fedwave diff", "fedwave top",
                                          "fedwave spool", "fedwave spool ls", "fedwave spool cat",
                                          "fedwave spool verify", "fedwave spool drain",
                                          "fedwave parse", "fedwave receive", "fedwave demo",
                                          "fedwave completion", "fedwave man"});
}

TEST_CASE("Every command says what it is for, what it takes and how it ends") {
  const CommandHelp root = command_line_help();
  for (const CommandHelp* command : all_commands(root)) {
    CAPTURE(command->path);
    CHECK(!command->summary.empty());
    CHECK(command->exit_codes.size() >= 2);
    CHECK(find_option(*command, "--help") != nullptr);
    if (command->subcommands.empty()) CHECK(find_option(*command, "--log-level") != nullptr);
    if (command != &root) CHECK(!command->examples.empty());
    for (const ArgumentHelp& option : command->options) CHECK(!option.help.empty());
    for (const ArgumentHelp& positional : command->positionals) CHECK(!positional.help.empty());
  }
}

TEST_CASE("What an option takes is known from the word that stands for it") {
  struct Row {
    std::string path, option;
    Takes takes;
    std::string value_name, default_value;
    bool is_required = false, is_repeatable = false;
  };
  const std::vector<Row> rows = {
      {"run", "--config", Takes::File, "FILE", "", true},
      {"run", "--listen", Takes::Text, "ADDR", ""},
      {"run", "--port-file", Takes::File, "FILE", ""},
      {"demo", "--status-listen", Takes::Text, "ADDR", ""},
      {"demo", "--status-port-file", Takes::File, "FILE", ""},
      {"demo", "--seed", Takes::Text, "NUMBER", "1"},
      {"dump", "--strict", Takes::Nothing, "", ""},
      {"dump", "--input", Takes::File, "FILE", "", false, true},
      {"dump", "--format", Takes::Choice, "wavefront|json|table", "wavefront"},
      {"explain", "--format", Takes::Choice, "text|json", "text"},
      {"diff", "--examples", Takes::Text, "NUMBER", "3"},
      {"top", "--format", Takes::Choice, "table|json", "table"},
      {"top", "--sort", Takes::Choice, "points|series|name", "points"},
      {"top", "--rows", Takes::Text, "NUMBER", "20"},
      {"receive", "--answer", Takes::Text, "CODE", ""},
      {"receive", "--listen", Takes::Text, "ADDR", "127.0.0.1:2878"},
      {"spool drain", "--for", Takes::Text, "DURATION", ""},
  };
  const CommandHelp root = command_line_help();
  for (const Row& row : rows) {
    CAPTURE(row.path);
    CAPTURE(row.option);
    const CommandHelp* command = find_command(all_commands(root), "fedwave " + row.path);
    REQUIRE(command != nullptr);
    const ArgumentHelp* option = find_option(*command, row.option);
    REQUIRE(option != nullptr);
    CHECK(option->takes == row.takes);
    CHECK(option->value_name == row.value_name);
    CHECK(option->default_value == row.default_value);
    CHECK(option->is_required == row.is_required);
    CHECK(option->is_repeatable == row.is_repeatable);
    CHECK(option->choices.empty() == (row.takes != Takes::Choice));
  }
  const CommandHelp* top = find_command(all_commands(root), "fedwave top");
  CHECK(find_option(*top, "--sort")->choices ==
        std::vector<std::string>{"points", "series", "name"});
}

TEST_CASE("What has a place instead of a name is told with what it takes") {
  struct Row {
    std::string path;
    std::vector<std::string> names;
    Takes takes;
    bool is_required, is_repeatable;
  };
  const std::vector<Row> rows = {{"explain", {"SERIES"}, Takes::Text, false, true},
                                 {"diff", {"OLD", "NEW"}, Takes::File, true, false},
                                 {"parse", {"FILE"}, Takes::File, true, false},
                                 {"spool ls", {"DIR"}, Takes::Directory, true, false},
                                 {"completion", {"bash|zsh"}, Takes::Choice, true, false},
                                 {"run", {}, Takes::Nothing, false, false}};
  const CommandHelp root = command_line_help();
  for (const Row& row : rows) {
    CAPTURE(row.path);
    const CommandHelp* command = find_command(all_commands(root), "fedwave " + row.path);
    REQUIRE(command != nullptr);
    std::vector<std::string> names;
    for (const ArgumentHelp& positional : command->positionals) {
      names.push_back(positional.value_name);
      CHECK(positional.takes == row.takes);
      CHECK(positional.is_required == row.is_required);
      CHECK(positional.is_repeatable == row.is_repeatable);
      CHECK(positional.names.empty());
    }
    CHECK(names == row.names);
  }
}

TEST_CASE("Examples have options and choices that there are, and none is missing that must be") {
  std::size_t options_seen = 0;
  const CommandHelp root = command_line_help();
  for (const CommandHelp* command : all_commands(root)) {
    if (!command->subcommands.empty()) continue;
    for (const Example& example : command->examples) {
      CAPTURE(example.line);
      const auto words = arguments_of(example.line, *command);
      if (!words) continue;  // an example of another command, to be run beside
      for (std::size_t i = 0; i < words->size(); ++i) {
        if (!(*words)[i].starts_with("--")) continue;
        ++options_seen;
        CAPTURE((*words)[i]);
        const ArgumentHelp* option = find_option(*command, (*words)[i]);
        REQUIRE(option != nullptr);
        if (option->takes == Takes::Nothing) continue;
        REQUIRE(i + 1 < words->size());
        const std::string& value = (*words)[++i];
        if (option->takes == Takes::Choice)
          CHECK(std::count(option->choices.begin(), option->choices.end(), value) == 1);
        CHECK(!value.starts_with("--"));
      }
      for (const ArgumentHelp& option : command->options)
        if (option.is_required)
          CHECK(std::count(words->begin(), words->end(), option.names.back()) == 1);
    }
  }
  CHECK(options_seen > 20);
}

TEST_CASE("The usage names what must be there, and hints at what may be") {
  const CommandHelp root = small_command_help();
  CHECK(usage_text(root) == "tool COMMAND");
  CHECK(usage_text(root.subcommands[0]) == "tool show --config FILE [OPTIONS] [SERIES...]");
  CHECK(usage_text(root.subcommands[1].subcommands[0]) == "tool disk ls [OPTIONS] DIR bash|zsh");
}

TEST_CASE("The help of a command tells all there is to it") {
  CHECK(help_text(small_command_help().subcommands[0]) ==
        "Show what is there.\n"
        "\n"
        "Usage: tool show --config FILE [OPTIONS] [SERIES...]\n"
        "\n"
        "Arguments:\n"
        "  SERIES...                 A series\n"
        "\n"
        "Options:\n"
        "  --config FILE             The configuration (required)\n"
        "  --input FILE              A page\n"
        "  --format text|json        How: [plain] or 'quoted' or C:\\x (default: text)\n"
        "  --sink NAME               Only this sink\n"
        "  --quiet                   Say nothing\n"
        "  -h, --help                Show this help\n"
        "\n"
        "Examples:\n"
        "  tool show --config a.yaml 'x{a=\"b\\n\"}'   # a note\n"
        "\n"
        "Exit codes: 0 ok; 1 wrong usage.\n");
}

TEST_CASE("The help of a group lists its commands") {
  CHECK(help_text(small_command_help()) ==
        "A tool.\n"
        "It is there to be looked at.\n"
        "\n"
        "Usage: tool COMMAND\n"
        "\n"
        "Commands:\n"
        "  show                      Show what is there\n"
        "  disk                      The disk\n"
        "\n"
        "Options:\n"
        "  --version                 Show the version\n"
        "  -h, --help                Show this help\n"
        "\n"
        "Exit codes: 0 ok; 1 wrong usage.\n");
}

TEST_CASE("Help that is too long for a line goes on below where it began") {
  CommandHelp command;
  std::string help;
  for (int i = 0; i < 30; ++i) help += "word" + std::to_string(i % 10) + " ";
  command.options = {{.names = {"--quite-a-long-name-for-an-option"}, .help = help + "end"}};
  std::istringstream lines(help_text(command));
  const std::string indent(28, ' ');
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    CHECK(line.size() <= 100);
    if (line.starts_with(indent)) all += line.substr(indent.size()) + " ";
  }
  CHECK(all == help + "end ");
}
