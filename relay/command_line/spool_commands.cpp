#include <iostream>

#include "relay/base/clock.h"
#include "relay/command_line/arguments.h"
#include "relay/command_line/each_command.h"
#include "relay/commands/progress_line.h"
#include "relay/commands/spool.h"
#include "relay/commands/spool_drain.h"

namespace fedwave::relay {
namespace {

const ExitCodeHelp kSpoolCode{kExitUnreadable,
                              "a spool could not be read, or the output not be written"};
const ExitCodeHelp kDamageCode{kExitMalformed, "something is damaged"};

void add_directory(CLI::App& app, std::string& directory) {
  add_value(app, "DIR", "DIR", directory,
            "spool.directory of the configuration, or the folder of one sink in it")
      ->required()
      ->check(empty_name);
}

void ls_options(CLI::App& app, SpoolListOptions& options) {
  add_directory(app, options.directory);
  app.add_flag("--segments", options.segments, "And each segment file");
  app.add_flag("--json", options.json, "One JSON object for each sink");
}

void cat_options(CLI::App& app, SpoolCatOptions& options) {
  add_directory(app, options.directory);
  app.add_flag("--all", options.all, "Also what is settled but still in the files");
  app.add_flag("--blocks", options.blocks, "A row for each block instead of its lines");
}

void verify_options(CLI::App& app, SpoolVerifyOptions& options) {
  add_directory(app, options.directory);
  options.shows_progress = is_terminal_stderr();
}

void drain_options(CLI::App& app, SpoolDrainOptions& options) {
  add_directory(app, options.directory);
  add_config(app, options.config_file, "Where the sinks are described");
  add_value(app, "--sink", "NAME", options.sink, "Deliver to this sink (default: the spool's own)");
  add_duration(app, "--for", options.for_ms, "End after this time (default: when it is empty)");
  options.shows_progress = is_terminal_stderr();
}

void add_ls(Commands& spool) {
  spool.add<SpoolListOptions>(
      {.name = "ls",
       .summary = "How much waits for each sink, since when, and what is damaged",
       .examples = {{"fedwave spool ls /var/spool/fedwave"},
                    {"fedwave spool ls --json /var/spool/fedwave | jq '.sink, .points_waiting'"}},
       .exit_codes = {kOkCode, kUsageCode, kSpoolCode}},
      ls_options, [](const SpoolListOptions& options) {
        return spool_ls_command(options, base::system_clock(), std::cout, std::cerr);
      });
}

void add_cat(Commands& spool) {
  spool.add<SpoolCatOptions>(
      {.name = "cat",
       .summary = "The lines that wait, oldest first, as a sink would send them",
       .examples = {{"fedwave spool cat /var/spool/fedwave | head"},
                    {"fedwave spool cat --blocks /var/spool/fedwave"},
                    {"fedwave spool cat --all /var/spool/fedwave/proxy-10.0.0.7-2878-5f0c6a1e > "
                     "points.txt"}},
       .exit_codes = {kOkCode, kUsageCode, kSpoolCode, kDamageCode}},
      cat_options, [](const SpoolCatOptions& options) {
        return spool_cat_command(options, std::cout, std::cerr);
      });
}

void add_verify(Commands& spool) {
  spool.add<SpoolVerifyOptions>(
      {.name = "verify",
       .summary = "Read every byte and check it: what is damaged, and what is lost",
       .examples = {{"fedwave spool verify /var/spool/fedwave && echo good"}},
       .exit_codes = {kOkCode, kUsageCode, kSpoolCode, kDamageCode}},
      verify_options, [](const SpoolVerifyOptions& options) {
        return spool_verify_command(options, base::system_clock(), std::cout, std::cerr);
      });
}

void add_drain(Commands& spool) {
  spool.add<SpoolDrainOptions>(
      {.name = "drain",
       .summary = "Deliver what waits, while no relay has the spool",
       .examples = {{"fedwave spool drain /var/spool/fedwave --config collector.yaml"},
                    {"fedwave spool drain /mnt/old-pod --config collector.yaml --for 10m"},
                    {"fedwave spool drain /var/spool/fedwave/old-name-5f0c6a1e --config "
                     "collector.yaml --sink new-name"}},
       .exit_codes =
           {kOkCode,
            kUsageCode,
            {kExitUnreadable,
             "a spool could not be read or the output not be written, or points are left"},
            kInterruptedCode,
            kTerminatedCode}},
      drain_options, [](const SpoolDrainOptions& options) {
        return spool_drain_command(options, std::cout, std::cerr);
      });
}

}  // namespace

void add_spool(Commands& commands) {
  Commands spool = commands.add_group(
      {.name = "spool",
       .summary = "What waits on disk: look at it, check it, deliver it",
       .description = "`fedwave spool COMMAND --help` shows the options and examples of each.",
       .examples = {{"fedwave spool ls /var/spool/fedwave"},
                    {"fedwave spool verify /var/spool/fedwave && echo good"}},
       .exit_codes = {
           kOkCode,
           kUsageCode,
           {kExitUnreadable,
            "a spool could not be read or the output not be written, or (drain) points are left"},
           {kExitMalformed, "(cat, verify) something is damaged"}}});
  add_ls(spool);
  add_cat(spool);
  add_verify(spool);
  add_drain(spool);
}

}  // namespace fedwave::relay
