#include "relay/command_line.h"

#include "relay/command_line/each_command.h"
#include "relay/version.h"

namespace fedwave::relay {
namespace {

Commands root_command() {
  Commands commands(
      {.name = "fedwave",
       .summary = "Relay /federate of Istio's Prometheus, or any page of metrics, to Wavefront",
       .description =
           "fedwave scrapes, filters and renames as the Wavefront Collector for Kubernetes does, "
           "with the collector's own configuration, and delivers the points to a Wavefront proxy "
           "or "
           "by direct ingestion. `fedwave COMMAND --help` shows a command's options and examples.",
       .exit_codes = {
           kOkCode,
           kUsageCode,
           {kExitUnreadable,
            "a source or a spool could not be read, the output not be written, or nothing arrived"},
           {kExitMalformed,
            "(with --strict, from demo and spool) some lines or points were malformed or not "
            "taken"},
           {kExitDifferent, "(diff) the two differ"},
           kInterruptedCode,
           kTerminatedCode}});
  commands.set_version(std::string("fedwave ") + kVersion);
  return commands;
}

// In the order in which one gets to know them.
void add_all(Commands& commands) {
  add_run(commands);
  add_dump(commands);
  add_check(commands);
  add_explain(commands);
  add_diff(commands);
  add_top(commands);
  add_spool(commands);
  add_parse(commands);
  add_receive(commands);
  add_demo(commands);
  add_completion(commands);
  add_man(commands);
}

}  // namespace

int run_command_line(int argc, char** argv) {
  Commands commands = root_command();
  add_all(commands);
  return commands.run(argc, argv);
}

CommandHelp command_line_help() {
  Commands commands = root_command();
  add_all(commands);
  return commands.help();
}

}  // namespace fedwave::relay
