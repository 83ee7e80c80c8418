#include "relay/command_line.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "relay/base/duration.h"
#include "relay/base/file.h"
#include "relay/commands/check.h"
#include "relay/commands/demo.h"
#include "relay/commands/dump.h"
#include "relay/commands/exit_code.h"
#include "relay/commands/parse.h"
#include "relay/commands/progress_line.h"
#include "relay/commands/receive.h"
#include "relay/commands/run.h"
#include "relay/commands/spool.h"
#include "relay/commands/spool_drain.h"
#include "relay/logging.h"
#include "relay/version.h"

namespace fedwave::relay {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 ok; 1 wrong usage or configuration; 2 the source could not be read (demo: no\n"
    "point arrived); 3 (with --strict, and from demo) some lines were malformed, or some points\n"
    "not taken.";

constexpr const char* kSpoolExitCodes =
    "Exit codes: 0 ok; 1 wrong usage or configuration; 2 a spool could not be read, or (drain)\n"
    "points are left; 3 (cat, verify) something is damaged.";

constexpr const char* kSpoolExamples =
    "Examples:\n"
    "  fedwave spool ls /var/spool/fedwave\n"
    "  fedwave spool verify /var/spool/fedwave && echo good\n"
    "`fedwave spool COMMAND --help` shows the options and examples of each.\n";

// An option that takes a duration, as the configuration writes it.
CLI::Option* add_duration(CLI::App* app, const std::string& name, std::int64_t& target_ms,
                          const std::string& help) {
  const auto parse = [name, &target_ms](const std::string& text) {
    const auto duration = base::parse_duration_ms(text);
    if (!duration) throw CLI::ValidationError(name, duration.error().message);
    if (*duration <= 0)
      throw CLI::ValidationError(name, "the duration has to be above zero; write for example 30s");
    target_ms = *duration;
  };
  return app->add_option_function<std::string>(name, parse, help)->type_name("DURATION");
}

template <class Enum>
void add_choice(CLI::App* app, const std::string& name, Enum& target,
                const std::map<std::string, Enum>& choices, const std::string& help) {
  std::string names;
  for (const auto& [choice, value] : choices) names += (names.empty() ? "" : "|") + choice;
  const auto parse = [name, &target, choices, names](const std::string& text) {
    const auto found = choices.find(text);
    if (found == choices.end())
      throw CLI::ValidationError(name, "\"" + text + "\" is not one of " + names);
    target = found->second;
  };
  app->add_option_function<std::string>(name, parse, help)->type_name(names);
}

struct LogOptions {
  base::LogLevel level = base::LogLevel::Info;
  LogFormat format = LogFormat::Text;
};

// Every command has the same two options for its log; `run` is the one that logs when all is well.
void add_log_options(CLI::App* app, LogOptions& options, base::LogLevel level) {
  options.level = level;
  add_choice<base::LogLevel>(app, "--log-level", options.level,
                             {{"debug", base::LogLevel::Debug},
                              {"info", base::LogLevel::Info},
                              {"warn", base::LogLevel::Warn},
                              {"error", base::LogLevel::Error}},
                             "What to log on standard error");
  add_choice<LogFormat>(app, "--log-format", options.format,
                        {{"text", LogFormat::Text}, {"json", LogFormat::Json}}, "How to log it");
}

// A subcommand with its examples, run when it is the one that was asked for.
class Commands {
 public:
  // All outlive it.
  Commands(CLI::App& app, int& exit_code, const char* exit_codes = kExitCodes)
      : app_(app), exit_code_(exit_code), exit_codes_(exit_codes) {}

  template <class Run>
  CLI::App* add(const std::string& name, const std::string& what, const std::string& examples,
                base::LogLevel log_level, Run run) {
    CLI::App* command = app_.add_subcommand(name, what);
    command->footer("Examples:\n" + examples + "\n" + exit_codes_);
    auto log_options = std::make_shared<LogOptions>();
    add_log_options(command, *log_options, log_level);
    command->callback([&exit_code = exit_code_, log_options, run] {
      set_up_logging(log_options->level, log_options->format);
      exit_code = run();
    });
    return command;
  }

  // A command that only has commands of its own.
  Commands add_group(const std::string& name, const std::string& what, const std::string& examples,
                     const char* exit_codes) {
    CLI::App* group = app_.add_subcommand(name, what);
    group->require_subcommand(1);
    group->footer(examples + "\n" + exit_codes);
    return {*group, exit_code_, exit_codes};
  }

 private:
  CLI::App& app_;
  int& exit_code_;
  const char* const exit_codes_;
};

void add_run(Commands& commands, RunOptions& options) {
  CLI::App* run =
      commands.add("run", "Run the relay until SIGTERM or SIGINT",
                   "  fedwave run --config collector.yaml\n"
                   "  fedwave run --config collector.yaml --log-level debug --log-format json\n",
                   base::LogLevel::Info, [&options] { return run_command(options); });
  run->add_option("--config", options.config_file, "The configuration, as the collector has it")
      ->required()
      ->type_name("FILE");
}

void add_check(Commands& commands, std::string& file) {
  CLI::App* check = commands.add(
      "check", "Validate a configuration: every problem with its place",
      "  fedwave check --config collector.yaml\n"
      "  kubectl get configmap collector -o yaml | fedwave check --config -\n",
      base::LogLevel::Warn, [&file] { return check_command(file, std::cout, std::cerr); });
  check
      ->add_option("--config", file,
                   "The configuration, or the ConfigMap that holds it; - is standard input")
      ->required()
      ->type_name("FILE");
}

void add_dump(Commands& commands, DumpOptions& options) {
  CLI::App* dump =
      commands.add("dump", "One scrape, filtered and named, to standard output",
                   "  fedwave dump --config collector.yaml\n"
                   "  fedwave dump --config collector.yaml --input page.prom --format table\n"
                   "  fedwave dump --url "
                   "'http://localhost:9090/federate?match[]={job=~\"federate|kubernetes-pods\"}' "
                   "--format json\n",
                   base::LogLevel::Warn, [&options] { return dump_command(options); });
  auto* config =
      dump->add_option("--config", options.config_file, "The configuration")->type_name("FILE");
  auto* url = dump->add_option("--url", options.url, "Scrape this instead, unfiltered")
                  ->type_name("URL")
                  ->excludes(config);
  dump->add_option("--input", options.inputs,
                   "A page from a file (- is standard input, gzip is fine) instead of a scrape; "
                   "repeated: the next scrape of the same page")
      ->type_name("FILE")
      ->excludes(url)
      ->allow_extra_args(false);
  add_duration(dump, "--interval", options.interval_ms,
               "Time between inputs (default: the source's)");
  add_choice<DumpFormat>(dump, "--format", options.format,
                         {{"wavefront", DumpFormat::Wavefront},
                          {"json", DumpFormat::Json},
                          {"table", DumpFormat::Table}},
                         "wavefront: the very bytes a sink would send (default)");
  dump->add_option("--source", options.source, "Only this source")->type_name("NAME");
  dump->add_option("--sink", options.sink, "As this sink would get it (default: the first)")
      ->type_name("NAME");
  dump->add_flag("--strict", options.strict, "Exit with 3 when a line is malformed");
}

void add_parse(Commands& commands, ParseOptions& options) {
  CLI::App* parse = commands.add(
      "parse", "Exposition text in, one JSON object a sample out",
      "  fedwave parse page.prom\n"
      "  curl -s localhost:9090/metrics | fedwave parse --strict - | jq .name | sort | uniq -c\n",
      base::LogLevel::Warn, [&options] { return parse_command(options); });
  parse->add_option("FILE", options.file, "The page; - is standard input")
      ->required()
      ->type_name("");
  parse->add_option("--format", options.format, "text (Prometheus 0.0.4), or auto")
      ->type_name("FORMAT");
  parse->add_flag("--strict", options.strict, "Exit with 3 when a line is malformed");
}

void add_receive(Commands& commands, ReceiveOptions& options) {
  using receive::ReceiveMode;
  CLI::App* receive = commands.add(
      "receive",
      "A stand-in Wavefront that checks every line: proxy (TCP and HTTP) and direct ingestion",
      "  fedwave receive --listen 127.0.0.1:2878 --print\n"
      "  fedwave receive --listen 127.0.0.1:8080 --mode direct --token secret --for 1m --strict\n"
      "  fedwave receive --answer 503        every request fails: what does the sender do?\n",
      base::LogLevel::Warn, [&options] { return receive_command(options); });
  receive->add_option("--listen", options.listen, "Where to listen; port 0 takes a free one")
      ->capture_default_str()
      ->type_name("ADDR");
  add_choice<ReceiveMode>(receive, "--mode", options.mode,
                          {{"proxy", ReceiveMode::Proxy}, {"direct", ReceiveMode::Direct}},
                          "What to stand in for (default proxy)");
  receive->add_option("--token", options.token, "Refuse whoever does not show it")
      ->type_name("TOKEN");
  const auto read_token = [&options](const std::string& path) {
    auto token = base::WatchedFile(path).content();
    if (!token) throw CLI::ValidationError("--token-file", token.error().message);
    if (token->empty()) throw CLI::ValidationError("--token-file", path + " is empty");
    options.token = std::move(*token);
  };
  receive
      ->add_option_function<std::string>("--token-file", read_token,
                                         "The same from a file, out of the process list's sight")
      ->type_name("FILE");
  receive->add_flag("--print", options.print, "Every accepted line on standard output");
  receive->add_option("--record", options.record_file, "Every accepted line to this file")
      ->type_name("FILE");
  add_duration(receive, "--for", options.for_ms, "End by itself after this time");
  receive->add_flag("--json", options.json, "The summary as JSON");
  receive->add_flag("--strict", options.strict,
                    "Exit with 3 when a line was not taken (a request answered with 401 is its "
                    "sender's to repeat)");
  receive->add_option("--answer", options.answer, "Answer every HTTP request with this status")
      ->type_name("CODE")
      ->check(CLI::Range(200, 599));
  receive->add_option("--port-file", options.port_file, "Write the port here once listening")
      ->type_name("FILE");
}

void add_demo(Commands& commands, DemoOptions& options) {
  CLI::App* demo = commands.add(
      "demo", "A simulated mesh, the relay and a receiver in one process",
      "  fedwave demo\n"
      "  fedwave demo --for 30s --interval 2s\n"
      "  fedwave demo --listen 127.0.0.1:9090     and in another terminal:\n"
      "  fedwave dump --url 'http://127.0.0.1:9090/federate?match[]={job!=\"\"}' --format table\n",
      base::LogLevel::Warn, [&options] { return demo_command(options); });
  add_duration(demo, "--for", options.for_ms, "End by itself after this time");
  add_duration(demo, "--interval", options.interval_ms, "Time between scrapes (default 5s)");
  demo->add_option("--listen", options.listen, "Where the mesh is served")
      ->capture_default_str()
      ->type_name("ADDR");
  demo->add_option("--port-file", options.port_file, "Write the mesh's port here once listening")
      ->type_name("FILE");
  demo->add_option("--seed", options.seed, "Another seed, another mesh")->capture_default_str();
}

struct SpoolOptions {
  SpoolListOptions ls;
  SpoolCatOptions cat;
  SpoolVerifyOptions verify;
  SpoolDrainOptions drain;
};

void add_directory(CLI::App* command, std::string& directory) {
  command
      ->add_option("DIR", directory,
                   "spool.directory of the configuration, or the folder of one sink in it")
      ->required()
      ->type_name("");
}

void add_spool_ls(Commands& spool, SpoolListOptions& options) {
  CLI::App* ls = spool.add(
      "ls", "How much waits for each sink, since when, and what is damaged",
      "  fedwave spool ls /var/spool/fedwave\n"
      "  fedwave spool ls --json /var/spool/fedwave | jq '.sink, .points_waiting'\n",
      base::LogLevel::Warn,
      [&options] { return spool_ls_command(options, base::system_clock(), std::cout, std::cerr); });
  add_directory(ls, options.directory);
  ls->add_flag("--segments", options.segments, "And each segment file");
  ls->add_flag("--json", options.json, "One JSON object for each sink");
}

void add_spool_cat(Commands& spool, SpoolCatOptions& options) {
  CLI::App* cat = spool.add(
      "cat", "The lines that wait, oldest first, as a sink would send them",
      "  fedwave spool cat /var/spool/fedwave | head\n"
      "  fedwave spool cat --blocks /var/spool/fedwave\n"
      "  fedwave spool cat --all /var/spool/fedwave/proxy-10.0.0.7-2878-5f0c6a1e > points.txt\n",
      base::LogLevel::Warn,
      [&options] { return spool_cat_command(options, std::cout, std::cerr); });
  add_directory(cat, options.directory);
  cat->add_flag("--all", options.all, "Also what is settled but still in the files");
  cat->add_flag("--blocks", options.blocks, "A row for each block instead of its lines");
}

void add_spool_verify(Commands& spool, SpoolVerifyOptions& options) {
  CLI::App* verify = spool.add(
      "verify", "Read every byte and check it: what is damaged, and what is lost",
      "  fedwave spool verify /var/spool/fedwave && echo good\n", base::LogLevel::Warn, [&options] {
        options.shows_progress = is_terminal_stderr();
        return spool_verify_command(options, base::system_clock(), std::cout, std::cerr);
      });
  add_directory(verify, options.directory);
}

void add_spool_drain(Commands& spool, SpoolDrainOptions& options) {
  CLI::App* drain = spool.add(
      "drain", "Deliver what waits, while no relay has the spool",
      "  fedwave spool drain /var/spool/fedwave --config collector.yaml\n"
      "  fedwave spool drain /mnt/old-pod --config collector.yaml --for 10m\n"
      "  fedwave spool drain /var/spool/fedwave/old-name-5f0c6a1e --config collector.yaml --sink "
      "new-name\n",
      base::LogLevel::Warn, [&options] {
        options.shows_progress = is_terminal_stderr();
        return spool_drain_command(options, std::cout, std::cerr);
      });
  add_directory(drain, options.directory);
  drain->add_option("--config", options.config_file, "Where the sinks are described")
      ->required()
      ->type_name("FILE");
  drain->add_option("--sink", options.sink, "Deliver to this sink (default: the spool's own)")
      ->type_name("NAME");
  add_duration(drain, "--for", options.for_ms, "End after this time (default: when it is empty)");
}

void add_spool(Commands& commands, SpoolOptions& options) {
  Commands spool =
      commands.add_group("spool", "What waits on disk: look at it, check it, deliver it",
                         kSpoolExamples, kSpoolExitCodes);
  add_spool_ls(spool, options.ls);
  add_spool_cat(spool, options.cat);
  add_spool_verify(spool, options.verify);
  add_spool_drain(spool, options.drain);
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

int run_command_line(int argc, char** argv) {
  CLI::App app(
      "fedwave relays /federate of Istio's Prometheus to Wavefront.\n"
      "`fedwave COMMAND --help` shows a command's options and examples.",
      "fedwave");
  app.set_version_flag("--version", std::string("fedwave ") + kVersion);
  app.require_subcommand(1);
  app.footer(kExitCodes);
  RunOptions run;
  std::string check_file;
  DumpOptions dump;
  ParseOptions parse;
  ReceiveOptions receive;
  DemoOptions demo;
  SpoolOptions spool;
  int exit_code = kExitOk;
  Commands commands(app, exit_code);
  add_run(commands, run);
  add_dump(commands, dump);
  add_check(commands, check_file);
  add_parse(commands, parse);
  add_receive(commands, receive);
  add_demo(commands, demo);
  add_spool(commands, spool);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return "fedwave: " + std::string(error.what()) +
           "\nfedwave COMMAND --help shows what there is.\n";
  });
  if (const std::string wrong = unknown_word(app, "fedwave", argc, argv); !wrong.empty()) {
    std::cerr << "fedwave: " << wrong << ".\n";
    return kExitUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return exit_code;
}

}  // namespace fedwave::relay
