#include "relay/command_line/commands.h"

#include <algorithm>
#include <iostream>

#include "relay/command_line/arguments.h"
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
  take(argument, type.substr(0, type.find(':')));  // behind the colon: what a check of CLI11 says
  const bool has_place = option.get_positional();
  const bool is_choice = argument.takes == ArgumentHelp::Takes::Choice;
  argument.value_name =
      has_place && !is_choice ? option.get_name(true) : type.substr(0, type.find(':'));
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

// The command that the arguments ask for, as far as they were understood.
const CLI::App& asked_command(const CLI::App& root) {
  const auto asked = root.get_subcommands();
  return asked.empty() ? root : asked_command(*asked.back());
}

// CLI11 tells an option without its value as "--url: 1 required URL missing", and of what stands
// without an option only its name.
std::string usage_problem(const CLI::App& command, const CLI::Error& error) {
  const std::string what = error.what();
  if (error.get_name() == "ArgumentMismatch" && what.ends_with(" missing")) {
    const CLI::Option* option = command.get_option_no_throw(what.substr(0, what.find(':')));
    if (option != nullptr) return "a value is missing: " + argument_text(help_of(*option));
  }
  if (error.get_name() == "RequiredError") {
    for (const CLI::Option* option : command.get_options()) {
      if (option->get_required() && option->count() == 0)
        return command.get_name() + " needs " + argument_text(help_of(*option));
    }
  }
  return what;
}

std::string failure_text(const CLI::App& root, const CLI::Error& error,
                         const std::map<const CLI::App*, CommandText>& texts) {
  const CLI::App& command = asked_command(root);
  const bool is_group = command.get_require_subcommand_min() > 0;
  if (is_group && error.get_name() == "RequiredError") return help_text(help_of(command, texts));
  return "fedwave: " + usage_problem(command, error) + "\n" + help_of(command, texts).path +
         " --help shows what there is.\n";
}

// CLI11 would only say that a subcommand is missing. `name` is what `app` is called by.
std::string unknown_word(const CLI::App& app, const std::string& name, int argc, char** argv) {
  if (argc < 2) return {};
  const std::string first = argv[1];
  const bool is_option = first.starts_with('-');
  const auto is_first = [&first](const CLI::App* command) { return command->get_name() == first; };
  const std::string advice = "; " + name + " --help shows what there is";
  if (is_option && app.get_option_no_throw(first) == nullptr)
    return "there is no option " + first + " here" + advice;
  if (is_option) return {};
  const auto named = app.get_subcommands(is_first);
  if (named.empty()) return "there is no command \"" + first + "\"" + advice;
  const bool is_group = named.front()->get_require_subcommand_min() > 0;
  return is_group ? unknown_word(*named.front(), name + " " + first, argc - 1, argv + 1) : "";
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
  app_.failure_message([&texts](const CLI::App* app, const CLI::Error& error) {
    return failure_text(*app, error, texts);
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
  const std::string& name = shared_->texts.at(&app_).name;
  if (const std::string wrong = unknown_word(app_, name, argc, argv); !wrong.empty()) {
    std::cerr << name << ": " << wrong << ".\n";
    return kExitUsage;
  }
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return shared_->exit_code;
}

CommandHelp Commands::help() const {
  return help_of(shared_->root, shared_->texts);
}

}  // namespace fedwave::relay
