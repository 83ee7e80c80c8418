#include "relay/command_line/usage_problem.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "relay/base/edit_distance.h"
#include "relay/base/text.h"

namespace fedwave::relay {
namespace {

// A command that the arguments name, with what there is to say of it.
struct Asked {
  const CLI::App* app;
  const CommandHelp* help;
};

std::string in_quotes(std::string_view word) {
  return "\"" + base::printable(word) + "\"";
}

// From the program down to the command that is meant, as far as it was understood.
std::vector<Asked> asked_commands(const CLI::App& root, const CommandHelp& help) {
  std::vector<Asked> asked{{&root, &help}};
  for (;;) {
    const auto named = asked.back().app->get_subcommands();
    if (named.empty()) return asked;
    const auto& commands = asked.back().help->subcommands;
    const auto command = std::find_if(
        commands.begin(), commands.end(),
        [&](const CommandHelp& each) { return each.name == named.back()->get_name(); });
    if (command == commands.end()) return asked;
    asked.push_back({named.back(), &*command});
  }
}

bool looks_like_option(const std::string& word) {
  return word.size() > 1 && word[0] == '-' && word != "--" && (word[1] < '0' || word[1] > '9');
}

// "confg" of "--confg=x".
std::string_view bare_name(std::string_view word) {
  word = word.substr(0, word.find('='));
  return word.substr(std::min(word.find_first_not_of('-'), word.size()));
}

const ArgumentHelp* find_option(const CommandHelp& command, std::string_view bare) {
  for (const ArgumentHelp& option : command.options)
    for (const std::string& name : option.names)
      if (bare_name(name) == bare) return &option;
  return nullptr;
}

// "--config FILE". What has a place instead of a name is told from its like by the place.
std::string text_of(const Asked& asked, const CLI::Option& option) {
  std::size_t place = 0;
  for (const CLI::Option* each : asked.app->get_options()) {
    if (each == &option) break;
    if (each->get_positional()) ++place;
  }
  if (option.get_positional()) return argument_text(asked.help->positionals.at(place));
  return argument_text(*find_option(*asked.help, bare_name(option.get_name())));
}

// `meant`: the command that the option may have been meant for, which stands behind it.
std::string unknown_option(const std::string& word, const CommandHelp& command,
                           const CommandHelp& meant) {
  const std::string written = base::printable(word.substr(0, word.find('=')));
  if (&command != &meant) {
    if (const ArgumentHelp* option = find_option(meant, bare_name(word)))
      return written + " stands before its command; write " + meant.path + " " +
             argument_text(*option);
  }
  std::vector<std::string_view> candidates;
  for (const ArgumentHelp& option : command.options)
    for (const std::string& name : option.names) candidates.push_back(bare_name(name));
  const std::string_view near = base::nearest_word(bare_name(word), candidates);
  const std::string what = "there is no option " + written;
  if (!near.empty())
    return what + "; did you mean " + find_option(command, near)->names.back() + "?";
  return what + (command.subcommands.empty() ? "" : " before a command");
}

std::string unknown_command(const std::string& word, const CommandHelp& group) {
  std::vector<std::string_view> candidates;
  for (const CommandHelp& command : group.subcommands) candidates.push_back(command.name);
  const std::string_view near = base::nearest_word(word, candidates);
  return "there is no command " + in_quotes(word) +
         (near.empty() ? "" : "; did you mean " + group.path + " " + std::string(near) + "?");
}

const CLI::Option* missing_option(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options())
    if (option->get_required() && option->count() == 0) return option;
  return nullptr;
}

// `words` have no option to belong to, nor another place.
std::string surplus_words(const std::vector<std::string>& words, const Asked& asked) {
  const CLI::Option* missing = missing_option(*asked.app);
  if (missing != nullptr && words.size() == 1 && !missing->get_positional())
    return "no option stands before " + in_quotes(words.front()) + "; write " +
           missing->get_name() + " " + base::printable(words.front());
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + in_quotes(word);
  return "there is no place for " + all + "; write " + usage_text(*asked.help);
}

// Empty where every word was understood.
std::string unknown_words(const std::vector<Asked>& asked) {
  for (const Asked& each : asked) {
    std::vector<std::string> words = each.app->remaining();
    std::erase(words, "--");
    // A word behind an option that there is not would have been its value.
    const auto option = std::find_if(words.begin(), words.end(), looks_like_option);
    if (option != words.end()) return unknown_option(*option, *each.help, *asked.back().help);
    if (words.empty()) continue;
    const bool is_group = !each.help->subcommands.empty();
    return is_group ? unknown_command(words.front(), *each.help) : surplus_words(words, each);
  }
  return {};
}

// What two options have to do with one another.
std::string needed_or_excluded(const Asked& asked) {
  for (const CLI::Option* option : asked.app->get_options()) {
    if (option->count() == 0) continue;
    for (const CLI::Option* needed : option->get_needs())
      if (needed->count() == 0)
        return option->get_name() + " needs another option; write " + text_of(asked, *needed) +
               " as well";
    for (const CLI::Option* other : option->get_excludes())
      if (other->count() > 0)
        return option->get_name() + " and " + other->get_name() +
               " exclude each other; write one of them";
  }
  return {};
}

// An option with a value too few or too many.
std::string wrong_count(const Asked& asked, const std::string& what) {
  for (const CLI::Option* option : asked.app->get_options()) {
    const int most = option->get_items_expected_max();
    if (most > 0 && option->count() > static_cast<std::size_t>(most))
      return option->get_name() + " is there " + std::to_string(option->count()) +
             " times; write it once";
  }
  // "--url: 1 required URL missing"
  const CLI::Option* option = asked.app->get_option_no_throw(what.substr(0, what.find(':')));
  return option == nullptr ? "" : "a value is missing: " + text_of(asked, *option);
}

std::string flag_with_value(const Asked& asked) {
  for (const CLI::Option* option : asked.app->get_options()) {
    if (option->get_items_expected_max() > 0 || option->count() == 0) continue;
    const std::string& value = option->results().back();
    if (value != "true" && value != "false")
      return option->get_name() + " takes no value such as " + in_quotes(value) + "; write " +
             option->get_name() + " alone";
  }
  return {};
}

// The words of CLI11, `what`, remain for what an option says of its own value, which are ours.
std::string what_is_wrong(const Asked& asked, const std::string& kind, const std::string& what) {
  std::string ours;
  if (kind == "RequiredError") {
    const CLI::Option* missing = missing_option(*asked.app);
    if (missing != nullptr) ours = asked.help->name + " needs " + text_of(asked, *missing);
  } else if (kind == "RequiresError" || kind == "ExcludesError") {
    ours = needed_or_excluded(asked);
  } else if (kind == "ArgumentMismatch") {
    ours = wrong_count(asked, what);
  } else if (kind == "ConversionError") {
    ours = flag_with_value(asked);
  }
  return ours.empty() ? what : ours;
}

}  // namespace

std::string usage_problem(const CLI::App& root, const CLI::ParseError& error,
                          const CommandHelp& help) {
  const std::vector<Asked> asked = asked_commands(root, help);
  const Asked& command = asked.back();
  const bool is_group = !command.help->subcommands.empty();
  std::string wrong = unknown_words(asked);
  const bool is_answered = error.get_exit_code() == 0;  // --help or --version
  if (is_answered && (!is_group || wrong.empty())) return {};
  if (wrong.empty() && is_group) return help_text(*command.help);
  if (wrong.empty()) wrong = what_is_wrong(command, error.get_name(), error.what());
  return help.name + ": " + wrong + "\n" + command.help->path + " --help shows what there is.\n";
}

}  // namespace fedwave::relay
