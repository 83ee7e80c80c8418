#include <iostream>

#include "relay/command_line/arguments.h"
#include "relay/command_line/each_command.h"
#include "relay/commands/check.h"
#include "relay/commands/diff.h"
#include "relay/commands/dump.h"
#include "relay/commands/explain.h"
#include "relay/commands/parse.h"
#include "relay/commands/top.h"

namespace fedwave::relay {
namespace {

const ExitCodeHelp kStrictCode{kExitMalformed, "(--strict) some lines were malformed"};

void add_format(CLI::App& app, ReportFormat& target, const char* for_people) {
  add_choice<ReportFormat>(app, "--format", target,
                           {{for_people, ReportFormat::Text}, {"json", ReportFormat::Json}},
                           "For people, or for programs");
}

// A configuration, or a URL alone; pages from files stand in for the sources of the one, and leave
// nothing to the other.
void add_page(CLI::App& app, std::string& config_file, std::string& url,
              std::vector<std::string>& inputs, const std::string& input_help) {
  CLI::Option* config = add_file(app, "--config", config_file, "The configuration");
  CLI::Option* url_option =
      add_value(app, "--url", "URL", url, "Scrape this instead, unfiltered")->excludes(config);
  add_inputs(app, inputs, input_help)->excludes(url_option);
}

void dump_options(CLI::App& app, DumpOptions& options) {
  add_page(app, options.config_file, options.url, options.inputs,
           "A page from a file (- is standard input, gzip is fine) instead of a scrape; repeated: "
           "the next scrape of the same page");
  add_duration(app, "--interval", options.interval_ms,
               "Time between inputs (default: the source's)");
  add_choice<DumpFormat>(app, "--format", options.format,
                         {{"wavefront", DumpFormat::Wavefront},
                          {"json", DumpFormat::Json},
                          {"table", DumpFormat::Table}},
                         "wavefront: the very bytes a sink would send");
  add_source(app, options.source);
  add_value(app, "--sink", "NAME", options.sink, "As this sink would get it (default: the first)");
  app.add_flag("--strict", options.strict, "Exit with 3 when a line is malformed");
}

void check_options(CLI::App& app, std::string& file) {
  add_config(app, file, "The configuration, or the ConfigMap that holds it; - is standard input");
}

void explain_options(CLI::App& app, ExplainOptions& options) {
  add_config(app, options.config_file, "The configuration that decides");
  add_value(app, "SERIES", "TEXT", options.series,
            "A series as name{labels}, a line of a page, or the name of a metric on either side");
  add_inputs(app, options.inputs,
             "A page to look the names up in (- is standard input, gzip is fine)");
  app.add_flag("--live", options.live, "Scrape the sources for that");
  app.add_flag("--dropped", options.dropped, "Of the page's series those that are not sent");
  add_source(app, options.source);
  add_value(app, "--sink", "NAME", options.sink, "Only for this sink");
  add_format(app, options.format, "text");
}

void diff_options(CLI::App& app, DiffOptions& options) {
  add_file(app, "OLD", options.old_file, "The configuration as it is")->required();
  add_file(app, "NEW", options.new_file, "The configuration as it is to be")->required();
  add_inputs(app, options.inputs,
             "A page from a file (- is standard input, gzip is fine) that stands in for every "
             "source (default: each is scraped)");
  add_source(app, options.source);
  add_value(app, "--sink", "NAME", options.sink, "Only for this sink");
  add_number(app, "--examples", options.examples, "Series to show for each metric that differs");
  app.add_flag("--all", options.all_series, "Show every series that differs");
  add_format(app, options.format, "text");
}

void top_options(CLI::App& app, TopOptions& options) {
  using Sort = TopOptions::Sort;
  add_page(
      app, options.config_file, options.url, options.inputs,
      "A page from a file (- is standard input, gzip is fine) that stands in for every source; "
      "repeated: the next scrape of the same page");
  add_source(app, options.source);
  add_value(app, "--sink", "NAME", options.sink, "As this sink gets it (default: the first)");
  add_number(app, "--rows", options.rows, "Of metrics, and of tags; 0 is all");
  add_choice<Sort>(app, "--sort", options.sort,
                   {{"points", Sort::Points}, {"series", Sort::Series}, {"name", Sort::Name}},
                   "What comes first: most points per second, most series, or by name");
  app.add_flag("--watch", options.watch, "Again and again, on a terminal");
  add_duration(app, "--interval", options.interval_ms,
               "Time between scrapes or inputs (default: the source's); what it costs is told of a "
               "relay that keeps to the source's");
  add_format(app, options.format, "table");
}

void parse_options(CLI::App& app, ParseOptions& options) {
  add_file(app, "FILE", options.file, "The page; - is standard input")->required();
  add_value(app, "--format", "auto|text", options.format, "text is Prometheus 0.0.4")
      ->capture_default_str();
  app.add_flag("--strict", options.strict, "Exit with 3 when a line is malformed");
}

}  // namespace

void add_dump(Commands& commands) {
  commands.add<DumpOptions>(
      {.name = "dump",
       .summary = "One scrape, filtered and named, to standard output",
       .examples = {{"fedwave dump --config collector.yaml"},
                    {"fedwave dump --config collector.yaml --input page.prom --format table"},
                    {"fedwave dump --url 'http://localhost:9090/federate?match[]={job=~\"federate|"
                     "kubernetes-pods\"}' --format json"}},
       .exit_codes = {kOkCode, kUsageCode, kSourceCode, kStrictCode}},
      dump_options, dump_command);
}

void add_check(Commands& commands) {
  commands.add<std::string>(
      {.name = "check",
       .summary = "Validate a configuration: every problem with its place",
       .examples = {{"fedwave check --config collector.yaml"},
                    {"kubectl get configmap collector -o yaml | fedwave check --config -"}},
       .exit_codes = {kOkCode, kUsageCode}},
      check_options,
      [](const std::string& file) { return check_command(file, std::cout, std::cerr); });
}

void add_explain(Commands& commands) {
  commands.add<ExplainOptions>(
      {.name = "explain",
       .summary = "What becomes of a series, stage by stage, and which rule decides",
       .examples = {{"fedwave explain --config collector.yaml 'istio_requests_total{"
                     "response_code=\"200\"}'"},
                    {"fedwave explain --config collector.yaml --live istio_requests_total"},
                    {"fedwave explain --config collector.yaml --input page.prom "
                     "istio.requests.total.value"},
                    {"fedwave explain --config collector.yaml --input page.prom --dropped"}},
       .exit_codes = {kOkCode, kUsageCode, kSourceCode}},
      explain_options, explain_command);
}

void add_diff(Commands& commands) {
  commands.add<DiffOptions>(
      {.name = "diff",
       .summary = "What a change of the configuration adds, drops, renames and retags",
       .examples = {{"fedwave diff collector.yaml new.yaml"},
                    {"fedwave diff collector.yaml new.yaml --input page.prom && echo same"},
                    {"fedwave diff collector.yaml new.yaml --input page.prom --all --format json"}},
       .exit_codes = {{kExitOk, "nothing differs"},
                      kUsageCode,
                      kSourceCode,
                      {kExitDifferent,
                       "they differ, in what becomes of the page or in their settings"}}},
      diff_options, diff_command);
}

void add_top(Commands& commands) {
  commands.add<TopOptions>(
      {.name = "top",
       .summary = "Which metrics and tags cost the most, kept and dropped",
       .examples =
           {{"fedwave top --config collector.yaml"},
            {"fedwave top --config collector.yaml --watch"},
            {"fedwave top --config collector.yaml --input page.prom --input next.prom"},
            {"fedwave top --config collector.yaml --input page.prom --sort series --rows 5"},
            {"fedwave top --url http://localhost:15090/stats/prometheus --format json"}},
       .exit_codes = {kOkCode, kUsageCode, kSourceCode}},
      top_options, top_command);
}

void add_parse(Commands& commands) {
  commands.add<ParseOptions>(
      {.name = "parse",
       .summary = "Exposition text in, one JSON object a sample out",
       .examples = {{"fedwave parse page.prom"},
                    {"curl -s localhost:9090/metrics | fedwave parse --strict - | jq .name | sort "
                     "| uniq -c"}},
       .exit_codes = {kOkCode,
                      kUsageCode,
                      {kExitUnreadable, "the file could not be read, or the output not be written"},
                      kStrictCode}},
      parse_options, [](const ParseOptions& options) { return parse_command(options); });
}

}  // namespace fedwave::relay
