#include "relay/commands/man_page.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace fedwave::relay {
namespace {

constexpr std::string_view kEnvironment = R"(.SH ENVIRONMENT
.TP
.B NO_COLOR
When it is set, nothing is coloured. Colours only ever show on a terminal.
)";

constexpr std::string_view kFiles = R"(.SH FILES
.TP
.I /usr/share/doc/fedwave/configuration.md
Every key of the configuration.
.TP
.I /usr/share/doc/fedwave/istio-sample.yaml
A commented configuration for Istio.
.TP
.I /usr/share/doc/fedwave/spool.md
The files of a spool, and what to do with them.
.SH SEE ALSO
.BR prometheus (1),
.BR promtool (1)
)";

// roff gives a meaning to these, and to a dot at the beginning of a line.
std::string escaped(std::string_view text) {
  std::string result = text.starts_with('.') ? "\\&" : "";
  for (const char c : text) {
    switch (c) {
      case '\\':
        result += "\\e";
        break;
      case '-':
        result += "\\-";
        break;
      case '\'':
        result += "\\(aq";
        break;
      case '`':
        result += "\\(ga";
        break;
      case '^':
        result += "\\(ha";
        break;
      case '~':
        result += "\\(ti";
        break;
      default:
        result += c;
    }
  }
  return result;
}

// A sentence as the line of help is none yet.
std::string sentence(const std::string& text) {
  return escaped(text) + (text.ends_with('.') || text.ends_with('?') ? "" : ".");
}

// "\fB--config\fR \fIFILE\fR": what is typed as it is bold, what stands for something else italic.
std::string argument_markup(const ArgumentHelp& argument) {
  std::string text;
  for (const std::string& name : argument.names)
    text += (text.empty() ? "\\fB" : ", \\fB") + escaped(name) + "\\fR";
  if (argument.takes == ArgumentHelp::Takes::Nothing) return text;
  const char* font = argument.takes == ArgumentHelp::Takes::Choice ? "\\fB" : "\\fI";
  text += (text.empty() ? "" : " ") + (font + escaped(argument.value_name)) + "\\fR";
  return text + (argument.is_repeatable && argument.names.empty() ? "..." : "");
}

std::string argument_item(const ArgumentHelp& argument) {
  const std::string remark = argument_remark(argument);
  const std::string help = argument.help + (remark.empty() ? "" : " " + remark);
  return ".TP\n" + argument_markup(argument) + "\n" + sentence(help) + "\n";
}

std::string usage_markup(const CommandHelp& command) {
  std::string text = "\\fB" + escaped(command.path) + "\\fR";
  for (const ArgumentHelp& option : command.options)
    if (option.is_required) text += " " + argument_markup(option);
  if (command.subcommands.empty()) text += " [\\fIOPTIONS\\fR]";
  for (const ArgumentHelp& positional : command.positionals) {
    const std::string name = argument_markup(positional);
    text += positional.is_required ? " " + name : " [" + name + "]";
  }
  return text + (command.subcommands.empty() ? "" : " \\fICOMMAND\\fR") + "\n";
}

bool is_same(const ArgumentHelp& a, const ArgumentHelp& b) {
  return a.names == b.names && a.value_name == b.value_name && a.help == b.help;
}

bool has_option(const std::vector<ArgumentHelp>& options, const ArgumentHelp& option) {
  return std::any_of(options.begin(), options.end(),
                     [&option](const ArgumentHelp& other) { return is_same(other, option); });
}

// The options of the program itself, and those that every command that runs has: told of once.
std::vector<ArgumentHelp> common_options(const CommandHelp& root) {
  std::vector<const CommandHelp*> leaves = all_commands(root);
  std::erase_if(leaves, [](const CommandHelp* command) { return !command->subcommands.empty(); });
  std::vector<ArgumentHelp> common = root.options;
  if (leaves.empty()) return common;
  for (const ArgumentHelp& option : leaves.front()->options) {
    const bool is_everywhere = std::all_of(
        leaves.begin(), leaves.end(),
        [&option](const CommandHelp* command) { return has_option(command->options, option); });
    if (is_everywhere && !has_option(common, option)) common.push_back(option);
  }
  return common;
}

std::string command_section(const CommandHelp& command, const std::vector<ArgumentHelp>& common) {
  std::string text = ".SS " + escaped(command.path) + "\n" + sentence(command.summary) + "\n";
  if (!command.description.empty()) text += ".PP\n" + sentence(command.description) + "\n";
  text += ".PP\n" + usage_markup(command);
  for (const ArgumentHelp& positional : command.positionals) text += argument_item(positional);
  for (const ArgumentHelp& option : command.options)
    if (!has_option(common, option)) text += argument_item(option);
  return text + ".PP\n" + escaped(exit_codes_text(command.exit_codes)) + "\n";
}

// A group's are among those of its commands.
std::string examples(const CommandHelp& command) {
  if (command.examples.empty() || !command.subcommands.empty()) return {};
  std::string text = ".PP\n" + sentence(command.summary) + "\n.PP\n.RS\n.nf\n";
  for (const Example& example : command.examples)
    text += escaped(example.line) + (example.note.empty() ? "" : "   # " + escaped(example.note)) +
            "\n";
  return text + ".fi\n.RE\n";
}

std::string exit_status(const std::vector<ExitCodeHelp>& codes) {
  std::string text = ".SH EXIT STATUS\n";
  for (const ExitCodeHelp& code : codes)
    text += ".TP\n.B " + std::to_string(code.code) + "\n" + sentence(code.meaning) + "\n";
  return text;
}

std::string head(const CommandHelp& root, const std::string& version) {
  std::string title = root.name;
  std::transform(title.begin(), title.end(), title.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  // Without a date: the same program makes the same page.
  return ".TH " + title + " 1 \"\" \"" + escaped(root.name + " " + version) +
         "\" \"User Commands\"\n.SH NAME\n" + escaped(root.name) + " \\- " + escaped(root.summary) +
         "\n";
}

}  // namespace

std::string man_page(const CommandHelp& root, const std::string& version) {
  const std::vector<ArgumentHelp> common = common_options(root);
  std::vector<const CommandHelp*> commands = all_commands(root);
  commands.erase(commands.begin());
  std::string text = head(root, version);
  text += ".SH SYNOPSIS\n.nf\n";
  for (const CommandHelp* command : commands)
    if (command->subcommands.empty()) text += usage_markup(*command);
  text += ".fi\n.SH DESCRIPTION\n" + sentence(root.description) + "\n";
  text += ".SH OPTIONS\nThose of the program itself, and those that every command has:\n";
  for (const ArgumentHelp& option : common) text += argument_item(option);
  text += ".SH COMMANDS\n";
  for (const CommandHelp* command : commands) text += command_section(*command, common);
  text += ".SH EXAMPLES\n";
  for (const CommandHelp* command : commands) text += examples(*command);
  text += exit_status(root.exit_codes);
  text += kEnvironment;
  text += kFiles;
  return text;
}

}  // namespace fedwave::relay
