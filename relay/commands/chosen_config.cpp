#include "relay/commands/chosen_config.h"

#include <algorithm>
#include <vector>

#include "config/load.h"
#include "relay/commands/readable.h"

namespace fedwave::relay {
namespace {

// Without a configuration: the one URL (or the input in its place) as it is, unfiltered.
std::optional<config::Config> bare_config(const std::string& url, std::ostream& err) {
  std::string source = "name: input, url: 'http://input/'";
  if (!url.empty()) {
    source = "url: '";
    for (const char c : url) source += c == '\'' ? "\'\'" : std::string(1, c);
    source += "'";
  }
  const std::string yaml =
      "sources: {prometheus_sources: [{" + source + "}]}\nsinks: [{type: stdout}]\n";
  config::LoadResult loaded = config::load_text("--url", yaml, config::process_environment());
  for (const config::Problem& problem : loaded.problems) {
    err << "fedwave: --url: " << problem.what << (problem.advice.empty() ? "" : "; ")
        << problem.advice << '\n';
  }
  return std::move(loaded.config);
}

// People who ask about series have asked `check` about the rest before.
std::optional<config::Config> load_quietly(const std::string& file, std::ostream& err) {
  config::LoadResult loaded = config::load_file(file, config::process_environment());
  std::size_t warnings = 0;
  for (const config::Problem& problem : loaded.problems) {
    if (problem.severity == config::Severity::Error) {
      err << config::format_problem(file, problem) << '\n';
    } else {
      ++warnings;
    }
  }
  if (warnings > 0) {
    err << "fedwave: " << counted(warnings, "warning") << " in " << file
        << "; `fedwave check --config " << file << "` shows " << (warnings == 1 ? "it" : "them")
        << '\n';
  }
  return std::move(loaded.config);
}

template <class Item>
bool keep_named(std::vector<Item>& items, const std::string& name, const char* what,
                std::ostream& err) {
  if (name.empty()) return true;
  std::string names;
  for (const Item& item : items) names += (names.empty() ? "" : ", ") + item.name;
  std::erase_if(items, [&](const Item& item) { return item.name != name; });
  if (items.empty())
    err << "fedwave: there is no " << what << " \"" << name << "\"; there is: " << names << '\n';
  return !items.empty();
}

}  // namespace

std::optional<config::Config> choose_config(const ConfigChoice& choice, std::ostream& err) {
  auto config = choice.config_file.empty() ? bare_config(choice.url, err)
                                           : load_quietly(choice.config_file, err);
  if (!config) return {};
  if (!keep_named(config->sources, choice.source, "source", err)) return {};
  if (!keep_named(config->sinks, choice.sink, "sink", err)) return {};
  return config;
}

void keep_first_sink(config::Config& config, std::ostream& err) {
  if (config.sinks.size() < 2) return;
  err << "fedwave: showing what goes to the sink \"" << config.sinks.front().name
      << "\"; choose another one with --sink\n";
  config.sinks.resize(1);
}

}  // namespace fedwave::relay
