#include "relay/commands/completion.h"

#include <string_view>
#include <utility>
#include <vector>

namespace fedwave::relay {
namespace {

using Takes = ArgumentHelp::Takes;

constexpr std::string_view kBashIntroduction =
    R"(# The completion of {}'s command line for bash, written by `{} completion bash`.
# In this shell:   source <({} completion bash)
# In every shell:  {} completion bash > ~/.local/share/bash-completion/completions/{}
# The latter needs the package bash-completion, and the folder.
)";

// COMP_WORDS has the three words `--format`, `=` and `json` for `--format=json`.
constexpr std::string_view kBashFunction = R"(
_{}() {
    local current=${COMP_WORDS[COMP_CWORD]} command={} option='' place=1 index word=''
    local options commands values
    COMPREPLY=()
    _{}_words "$command"
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        if [[ -n $option ]]; then
            [[ $word == '=' ]] || option=
        elif [[ $word == -?* ]]; then
            if _{}_option "$command" "$word"; then option=$word; fi
        elif [[ " $commands " == *" $word "* ]]; then
            command+=" $word"
            _{}_words "$command"
        else
            place=$((place + 1))
        fi
    done
    if [[ -n $option ]]; then
        if [[ $current == '=' ]]; then current=; fi
        _{}_option "$command" "$option"
    elif [[ $word == '=' || $current == '=' ]]; then
        return 0  # the value of an option that is not there
    elif [[ $current == -* ]]; then
        values=(-W "$options")
    elif [[ -n $commands ]]; then
        values=(-W "$commands")
    else
        _{}_argument "$command" "$place"
        if [[ ${#values[@]} == 0 && -z $current ]]; then values=(-W "$options"); fi
    fi
    if [[ ${#values[@]} == 0 ]]; then return 0; fi
    # It fails when the function is called by hand.
    if [[ ${values[0]} != -W ]]; then compopt -o filenames 2>/dev/null || true; fi
    mapfile -t COMPREPLY < <(compgen "${values[@]}" -- "$current")
}
complete -F _{} {}
)";

constexpr std::string_view kZshIntroduction = R"(#compdef {}
# The completion of {}'s command line for zsh, written by `{} completion zsh`.
# In this shell:   source <({} completion zsh)     (after compinit)
# In every shell:  {} completion zsh > DIR/_{}, DIR being one of $fpath
)";

constexpr std::string_view kZshEnd = R"(
# Completion loads this file as the body of the function; anything else sources it.
if [[ ${funcstack[1]} == _{} ]]; then
  _{} "$@"
else
  compdef _{} {}
fi
)";

// `text` with `by` wherever it has `what`.
std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string result;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find(what, begin);
    result += text.substr(begin, end - begin);
    if (end == std::string_view::npos) break;
    result += by;
    begin = end + what.size();
  }
  return result;
}

// `{}` stands for the program's name.
std::string named(std::string_view text, const std::string& name) {
  return replaced(text, "{}", name);
}

std::string quoted(std::string_view text) {
  return "'" + replaced(text, "'", "'\\''") + "'";
}

void add_word(std::string& words, const std::string& word) {
  words += (words.empty() ? "" : " ") + word;
}

bool is_long(const std::string& name) {
  return name.starts_with("--");
}

// The branches of a bash `case`: what is to be done, for the words that ask for it.
class Cases {
 public:
  void add(const std::string& pattern, const std::string& action) {
    for (auto& [patterns, known] : cases_) {
      if (known != action) continue;
      patterns += " | \\\n            " + pattern;
      return;
    }
    cases_.emplace_back(pattern, action);
  }

  [[nodiscard]] std::string text() const {
    std::string text;
    for (const auto& [patterns, action] : cases_)
      text += "        " + patterns + ")\n            " + action + " ;;\n";
    return text;
  }

 private:
  std::vector<std::pair<std::string, std::string>> cases_;
};

std::string bash_values(const ArgumentHelp& argument) {
  if (argument.takes == Takes::File) return "values=(-f)";
  if (argument.takes == Takes::Directory) return "values=(-d)";
  if (argument.takes != Takes::Choice) return "values=()";
  std::string words;
  for (const std::string& choice : argument.choices) add_word(words, choice);
  return "values=(-W " + quoted(words) + ")";
}

std::string bash_words(const CommandHelp& root) {
  Cases cases;
  for (const CommandHelp* command : all_commands(root)) {
    std::string options;
    for (const ArgumentHelp& option : command->options)
      for (const std::string& name : option.names)
        if (is_long(name)) add_word(options, name);
    std::string commands;
    for (const CommandHelp& subcommand : command->subcommands) add_word(commands, subcommand.name);
    cases.add(quoted(command->path),
              "options=" + quoted(options) + " commands=" + quoted(commands));
  }
  return "\n# The options and the commands of command $1.\n_" + root.name +
         "_words() {\n    case $1 in\n" + cases.text() + "    esac\n}\n";
}

std::string bash_options(const CommandHelp& root) {
  Cases cases;
  for (const CommandHelp* command : all_commands(root))
    for (const ArgumentHelp& option : command->options)
      for (const std::string& name : option.names)
        if (option.takes != Takes::Nothing)
          cases.add(quoted(command->path + " " + name), bash_values(option));
  return "\n# What may follow option $2 of command $1, as arguments of compgen; fails where "
         "nothing "
         "has to.\n_" +
         root.name + "_option() {\n    case \"$1 $2\" in\n" + cases.text() +
         "        *)\n            return 1 ;;\n    esac\n}\n";
}

std::string bash_arguments(const CommandHelp& root) {
  Cases cases;
  for (const CommandHelp* command : all_commands(root)) {
    std::size_t place = 0;
    for (const ArgumentHelp& positional : command->positionals) {
      const std::string here = command->path + " " + std::to_string(++place);
      const std::string here_and_on = quoted(command->path + " ") + "*";
      cases.add(positional.is_repeatable ? here_and_on : quoted(here), bash_values(positional));
    }
  }
  return "\n# What may stand at place $2, from 1, among the arguments of command $1, likewise.\n_" +
         root.name + "_argument() {\n    case \"$1 $2\" in\n" + cases.text() +
         "        *)\n            values=() ;;\n    esac\n}\n";
}

std::string bash_completion(const CommandHelp& root) {
  return named(kBashIntroduction, root.name) + bash_words(root) + bash_options(root) +
         bash_arguments(root) + named(kBashFunction, root.name);
}

// What _arguments and _describe would take for their own.
std::string zsh_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '[' || c == ']' || c == ':') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

// ":what it is:how it is completed", of _arguments.
std::string zsh_value(const ArgumentHelp& argument) {
  if (argument.takes == Takes::Nothing) return {};
  const std::string begin = ":" + zsh_escaped(argument.value_name) + ":";
  if (argument.takes == Takes::File) return begin + "_files";
  if (argument.takes == Takes::Directory) return begin + "_files -/";
  if (argument.takes != Takes::Choice) return begin + " ";
  std::string words;
  for (const std::string& choice : argument.choices) add_word(words, choice);
  return begin + "(" + words + ")";
}

std::string zsh_option(const ArgumentHelp& option) {
  std::string all_names;
  for (const std::string& name : option.names) add_word(all_names, name);
  std::string lines;
  for (const std::string& name : option.names) {
    const std::string others = option.is_repeatable ? "*" : "(" + all_names + ")";
    const std::string equals = option.takes != Takes::Nothing && is_long(name) ? "=" : "";
    lines += " \\\n    " + quoted(others + name + equals + "[" + zsh_escaped(option.help) + "]" +
                                  zsh_value(option));
  }
  return lines;
}

std::string zsh_positional(const ArgumentHelp& positional, std::size_t place) {
  const std::string where = positional.is_repeatable ? "*" : std::to_string(place);
  return " \\\n    " + quoted(where + zsh_value(positional));
}

std::string zsh_function_name(const CommandHelp& command) {
  return "_" + replaced(command.path, " ", "_");
}

// A command that runs: options and arguments.
std::string zsh_leaf(const CommandHelp& command) {
  std::string text = "\n" + zsh_function_name(command) + "() {\n  _arguments";
  for (const ArgumentHelp& option : command.options) text += zsh_option(option);
  std::size_t place = 0;
  for (const ArgumentHelp& positional : command.positionals)
    text += zsh_positional(positional, ++place);
  return text + "\n}\n";
}

// A command that has commands: the first word names one, which completes the rest.
std::string zsh_group(const CommandHelp& command) {
  std::string text = "\n" + zsh_function_name(command) +
                     "() {\n  local context curcontext=$curcontext state state_descr line\n"
                     "  local -i ret=1\n  local -A opt_args\n  local -a commands\n  _arguments -C";
  for (const ArgumentHelp& option : command.options) text += zsh_option(option);
  text +=
      " \\\n    '1: :->command' \\\n    '*:: :->rest' && ret=0\n  case $state in\n"
      "    command)\n      commands=(\n";
  for (const CommandHelp& subcommand : command.subcommands)
    text += "        " +
            quoted(zsh_escaped(subcommand.name) + ":" + zsh_escaped(subcommand.summary)) + "\n";
  text +=
      "      )\n      _describe command commands && ret=0 ;;\n"
      "    rest)\n      case $words[1] in\n";
  for (const CommandHelp& subcommand : command.subcommands)
    text += "        " + subcommand.name + ") " + zsh_function_name(subcommand) + " && ret=0 ;;\n";
  return text + "      esac ;;\n  esac\n  return ret\n}\n";
}

std::string zsh_completion(const CommandHelp& root) {
  std::string text = named(kZshIntroduction, root.name);
  for (const CommandHelp* command : all_commands(root))
    text += command->subcommands.empty() ? zsh_leaf(*command) : zsh_group(*command);
  return text + named(kZshEnd, root.name);
}

}  // namespace

std::string completion_script(Shell shell, const CommandHelp& root) {
  return shell == Shell::Bash ? bash_completion(root) : zsh_completion(root);
}

}  // namespace fedwave::relay
