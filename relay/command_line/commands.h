// The commands of the program as they are put together: each is what is said of it, its options,
// and a function to run with them. One object for the whole command line, made and used on main's
// thread; the CLI::App owns the options and keeps them for as long as it lives.
#pragma once

#include <CLI/CLI.hpp>
#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "relay/base/log.h"
#include "relay/command_help.h"
#include "relay/commands/exit_code.h"

namespace fedwave::relay {

// What CLI11 has no place for is kept beside it, to come together again in help().
struct CommandText {
  std::string name;
  std::string summary;
  std::string description = {};
  std::vector<Example> examples = {};
  std::vector<ExitCodeHelp> exit_codes = {};
  base::LogLevel log_level = base::LogLevel::Warn;  // `run` is the one that logs when all is well
};

// What every command can end with.
inline const ExitCodeHelp kOkCode{kExitOk, "ok"};
inline const ExitCodeHelp kUsageCode{kExitUsage, "wrong usage or configuration"};
inline const ExitCodeHelp kSourceCode{kExitUnreadable,
                                      "a source could not be read, or the output not be written"};

// What runs until it is told to stop is ended by the second word (relay/stop_signal.h).
inline const ExitCodeHelp kInterruptedCode{128 + SIGINT, "ended at once by a second SIGINT"};
inline const ExitCodeHelp kTerminatedCode{128 + SIGTERM, "ended at once by a second SIGTERM"};

class Commands {
 public:
  // The command that all others belong to.
  explicit Commands(const CommandText& text);

  // A command that is run with its options, when it is the one that was asked for.
  template <class Options>
  void add(const CommandText& text, void (*add_options)(CLI::App&, Options&),
           std::function<int(const Options&)> run) {
    auto options = std::make_shared<Options>();
    CLI::App& command = add_app(text);
    add_options(command, *options);
    set_callback(command, text.log_level,
                 [options, run = std::move(run)] { return run(*options); });
  }

  // A command that only has commands of its own.
  Commands add_group(const CommandText& text);

  void set_version(const std::string& version);

  // Runs the command that the arguments ask for; the result is the exit code.
  int run(int argc, char** argv);

  // The whole command line, whichever of the commands is asked.
  [[nodiscard]] CommandHelp help() const;

 private:
  struct Shared {
    CLI::App root;
    std::map<const CLI::App*, CommandText> texts;
    int exit_code = kExitOk;
  };

  Commands(std::shared_ptr<Shared> shared, CLI::App& app) : shared_(std::move(shared)), app_(app) {}

  CLI::App& add_app(const CommandText& text);
  void set_callback(CLI::App& command, base::LogLevel log_level, std::function<int()> run);

  std::shared_ptr<Shared> shared_;
  CLI::App& app_;
};

}  // namespace fedwave::relay
