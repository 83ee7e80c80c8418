#include "relay/command_line/commands.h"

#include <algorithm>
#include <cstddef>
#include <iostream>

#include "relay/command_line/arguments.h"
#include "relay/command_line/usage_problem.h"
#include "relay/logging.h"

namespace fedwave::relay {
namespace {

struct LogOptions {
  base::LogLevel level = base::LogLevel::Warn;
  LogFormat format = LogFormat::Text;
};

// Every command has the same two options for its log.
void add_log_options(CLI::App& app, LogOptions& options) {
  add_choice<base::LogLevel>(app, "--log-level", options.level,
                             {{"debug", base::LogLevel::Debug},
                              {"info", base::LogLevel::Info},
                              {"warn", base::LogLevel::Warn},
                              {"error", base::LogLevel::Error}},
                             "What to log on standard error (default: warn; of run, info)")
      ->default_str("");
  add_choice<LogFormat>(app, "--log-format", options.format,
                        {{"text", LogFormat::Text}, {"json", LogFormat::Json}}, "How to log it");
}

std::vector<std::string> split_choices(const std::string& names) {
  std::vector<std::string> choices;
  std::size_t begin = 0;
  while (begin <= names.size()) {
    const std::size_t end = std::min(names.find('|', begin), names.size());
    choices.push_back(names.substr(begin, end - begin));
    begin = end + 1;
  }
  return choices;
}

void take(ArgumentHelp& argument, const std::string& type) {
  using Takes = ArgumentHelp::Takes;
  if (type == "FILE") {
    argument.takes = Takes::File;
  } else if (type == "DIR") {
    argument.takes = Takes::Directory;
  } else if (type.find('|') != std::string::npos) {
    argument.takes = Takes::Choice;
    argument.choices = split_choices(type);
  } else {
    argument.takes = Takes::Text;
  }
}

ArgumentHelp help_of(const CLI::Option& option) {
  ArgumentHelp argument;
  for (const std::string& name : option.get_snames()) argument.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) argument.names.push_back("--" + name);
  argument.help = option.get_description();
  argument.is_required = option.get_required();
  if (option.get_items_expected_max() == 0) return argument;
  const std::string type = option.get_type_name();
  take(argument, type);
  const bool has_place = option.get_positional();
  const bool is_choice = argument.takes == ArgumentHelp::Takes::Choice;
  argument.value_name = has_place && !is_choice ? option.get_name(true) : type;
  argument.default_value = option.get_default_str();
  argument.is_repeatable = option.get_items_expected_max() > 1;
  return argument;
}

CommandHelp help_of(const CLI::App& app, const std::map<const CLI::App*, CommandText>& texts) {
  const CommandText& text = texts.at(&app);
  CommandHelp help{.name = text.name,
                   .path = text.name,
                   .summary = text.summary,
                   .description = text.description,
                   .examples = text.examples,
                   .exit_codes = text.exit_codes};
  for (const CLI::App* parent = app.get_parent(); parent != nullptr; parent = parent->get_parent())
    help.path = parent->get_name() + " " + help.path;
  // The help itself is what CLI11 makes first, and people look for last.
  const CLI::Option* help_option = app.get_help_ptr();
  for (const CLI::Option* option : app.get_options())
    if (option != help_option)
      (option->get_positional() ? help.positionals : help.options).push_back(help_of(*option));
  help.options.push_back(help_of(*help_option));
  for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; }))
    help.subcommands.push_back(help_of(*subcommand, texts));
  return help;
}

bool is_group(const CLI::App& app) {
  return app.get_require_subcommand_min() > 0;
}

// What people write for --help: `help` in a command's place, before the command that it is about.
std::vector<std::string> with_help_option(std::vector<std::string> words, const CLI::App& root) {
  const CLI::App* group = &root;
  std::size_t at = 0;
  while (at < words.size() && is_group(*group)) {
    if (words[at] == "help") {
      words.erase(words.begin() + static_cast<std::ptrdiff_t>(at));
      words.emplace_back("--help");
      continue;
    }
    const auto named = group->get_subcommands(
        [&](const CLI::App* command) { return command->get_name() == words[at]; });
    if (named.empty()) return words;
    group = named.front();
    ++at;
  }
  return words;
}

}  // namespace

Commands::Commands(const CommandText& text)
    : shared_(std::make_shared<Shared>()), app_(shared_->root) {
  app_.name(text.name);
  app_.set_help_flag("-h,--help", "Show this help");
  app_.require_subcommand(1);
  const auto& texts = shared_->texts;
  app_.formatter_fn([&texts](const CLI::App* app, const std::string&, CLI::AppFormatMode) {
    return help_text(help_of(*app, texts));
  });
  shared_->texts.emplace(&app_, text);
}

CLI::App& Commands::add_app(const CommandText& text) {
  CLI::App* app = app_.add_subcommand(text.name, text.summary);
  shared_->texts.emplace(app, text);
  return *app;
}

Commands Commands::add_group(const CommandText& text) {
  CLI::App& group = add_app(text);
  group.require_subcommand(1);
  return {shared_, group};
}

void Commands::set_callback(CLI::App& command, base::LogLevel log_level, std::function<int()> run) {
  auto log_options = std::make_shared<LogOptions>();
  log_options->level = log_level;
  add_log_options(command, *log_options);
  command.callback([&exit_code = shared_->exit_code, log_options, run = std::move(run)] {
    set_up_logging(log_options->level, log_options->format);
    exit_code = run();
  });
}

void Commands::set_version(const std::string& version) {
  app_.set_version_flag("--version", version, "Show the version");
}

int Commands::run(int argc, char** argv) {
  std::vector<std::string> words = with_help_option({argv + 1, argv + argc}, app_);
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    app_.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    const std::string problem = usage_problem(app_, error, help());
    if (problem.empty()) return app_.exit(error);
    std::cerr << problem;
    return kExitUsage;
  }
  return shared_->exit_code;
}

CommandHelp Commands::help() const {
  return help_of(shared_->root, shared_->texts);
}

}  // namespace fedwave::relay
