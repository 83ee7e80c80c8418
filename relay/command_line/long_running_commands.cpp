#include "relay/base/file.h"
#include "relay/command_line/arguments.h"
#include "relay/command_line/each_command.h"
#include "relay/commands/demo.h"
#include "relay/commands/receive.h"
#include "relay/commands/run.h"

namespace fedwave::relay {
namespace {

void run_options(CLI::App& app, RunOptions& options) {
  add_config(app, options.config_file, "The configuration, as the collector has it");
  add_value(app, "--listen", "ADDR", options.listen,
            "Where the status page listens, instead of status.listen; port 0 takes a free one, off "
            "is nowhere");
  add_file(app, "--port-file", options.port_file,
           "Write the status page's port here once listening");
}

// The token is in a file so that the process list does not show it.
void add_token_file(CLI::App& app, std::string& token) {
  const auto read_token = [&token](const std::string& path) {
    auto content = base::WatchedFile(path).content();
    if (!content) throw CLI::ValidationError("--token-file", content.error().message);
    if (content->empty()) throw CLI::ValidationError("--token-file", path + " is empty");
    token = std::move(*content);
  };
  app.add_option_function<std::string>("--token-file", read_token,
                                       "The same from a file, out of the process list's sight")
      ->type_name("FILE");
}

void receive_options(CLI::App& app, ReceiveOptions& options) {
  using receive::ReceiveMode;
  add_value(app, "--listen", "ADDR", options.listen, "Where to listen; port 0 takes a free one")
      ->capture_default_str();
  add_choice<ReceiveMode>(app, "--mode", options.mode,
                          {{"proxy", ReceiveMode::Proxy}, {"direct", ReceiveMode::Direct}},
                          "What to stand in for");
  add_value(app, "--token", "TOKEN", options.token, "Refuse whoever does not show it");
  add_token_file(app, options.token);
  app.add_flag("--print", options.print, "Every accepted line on standard output");
  add_file(app, "--record", options.record_file, "Every accepted line to this file");
  add_duration(app, "--for", options.for_ms, "End by itself after this time");
  app.add_flag("--json", options.json, "The summary as JSON");
  app.add_flag("--strict", options.strict,
               "Exit with 3 when a line was not taken (a request answered with 401 is its sender's "
               "to repeat)");
  add_value(app, "--answer", "CODE", options.answer, "Answer every HTTP request with this status")
      ->check(CLI::Range(200, 599));
  add_file(app, "--port-file", options.port_file, "Write the port here once listening");
}

void demo_options(CLI::App& app, DemoOptions& options) {
  add_duration(app, "--for", options.for_ms, "End by itself after this time");
  add_duration(app, "--interval", options.interval_ms, "Time between scrapes")->default_str("5s");
  add_value(app, "--listen", "ADDR", options.listen, "Where the mesh is served")
      ->capture_default_str();
  add_file(app, "--port-file", options.port_file, "Write the mesh's port here once listening");
  add_number(app, "--seed", options.seed, "Another seed, another mesh");
  add_value(app, "--status-listen", "ADDR", options.status_listen,
            "Where the status page is served, or off (default: 127.0.0.1:9464; a free port where "
            "that is taken)");
  add_file(app, "--status-port-file", options.status_port_file,
           "Write the status page's port here once listening");
}

}  // namespace

void add_run(Commands& commands) {
  commands.add<RunOptions>(
      {.name = "run",
       .summary = "Run the relay until SIGTERM or SIGINT",
       .examples = {{"fedwave run --config collector.yaml"},
                    {"fedwave run --config collector.yaml --listen 127.0.0.1:9464"},
                    {"fedwave run --config collector.yaml --log-level debug --log-format json"}},
       .exit_codes = {kOkCode, kUsageCode},
       .log_level = base::LogLevel::Info},
      run_options, run_command);
}

void add_receive(Commands& commands) {
  commands.add<ReceiveOptions>(
      {.name = "receive",
       .summary =
           "A stand-in Wavefront that checks every line: proxy (TCP and HTTP) and direct ingestion",
       .examples = {{"fedwave receive --listen 127.0.0.1:2878 --print"},
                    {"fedwave receive --listen 127.0.0.1:8080 --mode direct --token secret --for "
                     "1m --strict"},
                    {"fedwave receive --answer 503",
                     "every request fails: what does the sender do?"}},
       .exit_codes = {kOkCode,
                      kUsageCode,
                      {kExitMalformed, "(--strict) some lines were not taken"}}},
      receive_options, receive_command);
}

void add_demo(Commands& commands) {
  commands.add<DemoOptions>(
      {.name = "demo",
       .summary = "A simulated mesh, the relay and a receiver in one process",
       .examples = {{"fedwave demo"},
                    {"fedwave demo --for 30s --interval 2s"},
                    {"fedwave demo --listen 127.0.0.1:9090", "and in another terminal:"},
                    {"fedwave dump --url 'http://127.0.0.1:9090/federate?match[]={job!=\"\"}' "
                     "--format table"}},
       .exit_codes = {kOkCode,
                      kUsageCode,
                      {kExitUnreadable, "no point arrived"},
                      {kExitMalformed, "some points were not taken"}}},
      demo_options, demo_command);
}

}  // namespace fedwave::relay
