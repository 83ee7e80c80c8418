#include "relay/base/duration.h"
#include "relay/base/file.h"
#include "relay/command_line/arguments.h"
#include "relay/command_line/each_command.h"
#include "relay/commands/demo.h"
#include "relay/commands/receive.h"
#include "relay/commands/run.h"

namespace fedwave::relay {
namespace {

void add_config_reload(CLI::App& app, std::int64_t& target_ms) {
  const auto parse = [&target_ms](const std::string& text) {
    const auto duration_ms = base::parse_duration_ms(text);
    if (text == "off") {
      target_ms = 0;
    } else if (duration_ms && *duration_ms > 0) {
      target_ms = *duration_ms;
    } else {
      throw CLI::ValidationError("--config-reload",
                                 "\"" + text + "\" is neither a duration such as 30s nor off");
    }
  };
  app.add_option_function<std::string>(
         "--config-reload", parse,
         "How often the configuration is compared with its file at least, which is watched as "
         "well; off: only on SIGHUP and POST /-/reload")
      ->type_name("DURATION|off")
      ->default_str("30s");
}

void add_replicas(CLI::App& app, ReplicaOptions& options) {
  ElectionOptions& election = options.election;
  CLI::Option* lease = add_value(
      app, "--lease", "NAME", election.lease,
      "Scrape only while holding this Lease of Kubernetes: of several replicas one is at work");
  lease->check(empty_name);
  add_value(app, "--lease-namespace", "NAME", election.lease_namespace,
            "Where the Lease is (default: POD_NAMESPACE, else the service account's)")
      ->needs(lease);
  add_duration(
      app, "--lease-duration", election.lease_duration_ms,
      "After so long without a word of its holder others may take the Lease (default: 15s)")
      ->needs(lease);
  add_duration(app, "--lease-renew-deadline", election.renew_deadline_ms,
               "The holder stops when it could not renew the Lease for so long (default: 10s)")
      ->needs(lease);
  add_duration(app, "--lease-retry", election.retry_ms,
               "Between two attempts to renew or to get the Lease (default: 2s)")
      ->needs(lease);
  add_number(app, "--shards", "N", options.shards,
             "Share the work with N - 1 other relays that have the same configuration");
  add_number(app, "--shard", "I", options.shard,
             "Which of them this one is, from 0 on (default: the number at the end of POD_NAME)");
}

void run_options(CLI::App& app, RunOptions& options) {
  add_config(app, options.config_file, "The configuration, as the collector has it");
  add_value(app, "--listen", "ADDR", options.listen,
            "Where the status page listens, instead of status.listen; port 0 takes a free one, off "
            "is nowhere");
  add_file(app, "--port-file", options.port_file,
           "Write the status page's port here once listening");
  add_config_reload(app, options.config_reload_ms);
  add_replicas(app, options.replicas);
}

// In a file the process list does not show it.
void add_token(CLI::App& app, std::string& token) {
  CLI::Option* written =
      add_value(app, "--token", "TOKEN", token, "Refuse whoever does not show it");
  const auto read_token = [&token](const std::string& path) {
    auto content = base::WatchedFile(path).content();
    if (!content) throw CLI::ValidationError("--token-file", content.error().message);
    if (content->empty()) throw CLI::ValidationError("--token-file", path + " is empty");
    token = std::move(*content);
  };
  app.add_option_function<std::string>("--token-file", read_token,
                                       "The same from a file, out of the process list's sight")
      ->type_name("FILE")
      ->excludes(written);
}

void add_status(CLI::App& app, int& target) {
  const auto parse = [&target](const std::string& text) {
    const auto status = whole_number<int>("--answer", text);
    if (status < 200 || status > 599)
      throw CLI::ValidationError("--answer", text + " is no answer; write a status, 200 to 599");
    target = status;
  };
  app.add_option_function<std::string>("--answer", parse,
                                       "Answer every HTTP request with this status")
      ->type_name("CODE");
}

void receive_options(CLI::App& app, ReceiveOptions& options) {
  using receive::ReceiveMode;
  add_value(app, "--listen", "ADDR", options.listen, "Where to listen; port 0 takes a free one")
      ->capture_default_str();
  add_choice<ReceiveMode>(app, "--mode", options.mode,
                          {{"proxy", ReceiveMode::Proxy}, {"direct", ReceiveMode::Direct}},
                          "What to stand in for");
  add_token(app, options.token);
  app.add_flag("--print", options.print, "Every accepted line on standard output");
  add_file(app, "--record", options.record_file, "Every accepted line to this file");
  add_duration(app, "--for", options.for_ms, "End by itself after this time");
  app.add_flag("--json", options.json, "The summary as JSON");
  app.add_flag("--strict", options.strict,
               "Exit with 3 when a line was not taken (a request answered with 401 is its sender's "
               "to repeat)");
  add_status(app, options.answer);
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
                    {"fedwave run --config collector.yaml --log-level debug --log-format json"},
                    {"fedwave run --config collector.yaml --lease fedwave", "one of two replicas"},
                    {"fedwave run --config collector.yaml --shards 3", "a pod of a StatefulSet"}},
       .exit_codes = {kOkCode, kUsageCode, kInterruptedCode, kTerminatedCode},
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
                      {kExitMalformed, "(--strict) some lines were not taken"},
                      kInterruptedCode,
                      kTerminatedCode}},
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
                      {kExitMalformed, "some points were not taken"},
                      kInterruptedCode,
                      kTerminatedCode}},
      demo_options, demo_command);
}

}  // namespace fedwave::relay
