#include "relay/command_help.h"

#include <algorithm>

namespace fedwave::relay {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kHelpColumn = 28;

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

// `text` after a line that has `column` characters already; where it is too long it goes on below,
// at `indent`.
std::string wrapped(const std::string& text, std::size_t column, std::size_t indent) {
  std::string lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const bool is_first = begin == 0;
    if (!is_first && column + 1 + end - begin > kWidth) {
      lines += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!is_first) {
      lines += ' ';
      ++column;
    }
    lines.append(text, begin, end - begin);
    column += end - begin;
    begin = end + 1;
  }
  return lines;
}

// What is told of, two spaces in, and what is told of it, in a column of its own.
std::string row(const std::string& left, const std::string& right) {
  const std::string begin = "  " + left;
  const bool fits = begin.size() + 2 <= kHelpColumn;
  const std::string gap =
      fits ? std::string(kHelpColumn - begin.size(), ' ') : "\n" + std::string(kHelpColumn, ' ');
  return begin + gap + wrapped(right, kHelpColumn, kHelpColumn) + "\n";
}

std::string rows(const std::string& title, const std::vector<ArgumentHelp>& arguments) {
  if (arguments.empty()) return {};
  std::string text = "\n" + title + ":\n";
  for (const ArgumentHelp& argument : arguments) {
    const std::string remark = argument_remark(argument);
    text += row(argument_text(argument), argument.help + (remark.empty() ? "" : " ") + remark);
  }
  return text;
}

std::string command_rows(const std::vector<CommandHelp>& commands) {
  if (commands.empty()) return {};
  std::string text = "\nCommands:\n";
  for (const CommandHelp& command : commands) text += row(command.name, command.summary);
  return text;
}

std::string example_lines(const std::vector<Example>& examples) {
  if (examples.empty()) return {};
  std::string text = "\nExamples:\n";
  for (const Example& example : examples)
    text += "  " + example.line + (example.note.empty() ? "" : "   # " + example.note) + "\n";
  return text;
}

void collect(const CommandHelp& command, std::vector<const CommandHelp*>& commands) {
  commands.push_back(&command);
  for (const CommandHelp& subcommand : command.subcommands) collect(subcommand, commands);
}

}  // namespace

std::vector<const CommandHelp*> all_commands(const CommandHelp& root) {
  std::vector<const CommandHelp*> commands;
  collect(root, commands);
  return commands;
}

std::string argument_text(const ArgumentHelp& argument) {
  const std::string names = joined(argument.names, ", ");
  if (argument.takes == ArgumentHelp::Takes::Nothing) return names;
  if (!names.empty()) return names + " " + argument.value_name;
  return argument.value_name + (argument.is_repeatable ? "..." : "");
}

std::string argument_remark(const ArgumentHelp& argument) {
  if (argument.is_required && !argument.names.empty()) return "(required)";
  return argument.default_value.empty() ? "" : "(default: " + argument.default_value + ")";
}

std::string usage_text(const CommandHelp& command) {
  std::string text = command.path;
  for (const ArgumentHelp& option : command.options)
    if (option.is_required) text += " " + option.names.back() + " " + option.value_name;
  if (command.subcommands.empty()) text += " [OPTIONS]";
  for (const ArgumentHelp& positional : command.positionals) {
    const std::string name = argument_text(positional);
    text += positional.is_required ? " " + name : " [" + name + "]";
  }
  if (!command.subcommands.empty()) text += " COMMAND";
  return text;
}

std::string exit_codes_text(const std::vector<ExitCodeHelp>& codes) {
  std::string text = "Exit codes:";
  for (const ExitCodeHelp& code : codes) {
    text += text.ends_with(':') ? " " : "; ";
    text += std::to_string(code.code) + " " + code.meaning;
  }
  return text + ".";
}

std::string help_text(const CommandHelp& command) {
  std::string text = wrapped(command.summary, 0, 0) + ".\n";
  if (!command.description.empty()) text += wrapped(command.description, 0, 0) + "\n";
  text += "\nUsage: " + usage_text(command) + "\n";
  text += command_rows(command.subcommands);
  text += rows("Arguments", command.positionals);
  text += rows("Options", command.options);
  text += example_lines(command.examples);
  text += "\n" + wrapped(exit_codes_text(command.exit_codes), 0, 0) + "\n";
  return text;
}

}  // namespace fedwave::relay
