#include "relay/commands/check.h"

#include <algorithm>

#include "relay/commands/exit_code.h"
#include "relay/commands/readable.h"

namespace fedwave::relay {
namespace {

void print_problems(const std::string& file, const config::LoadResult& loaded, std::ostream& err) {
  for (const config::Problem& problem : loaded.problems) {
    err << config::format_problem(file, problem) << '\n';
  }
}

}  // namespace

std::optional<config::Config> load_or_explain(const std::string& file, std::ostream& err) {
  config::LoadResult loaded = config::load_file(file, config::process_environment());
  print_problems(file, loaded, err);
  return std::move(loaded.config);
}

int check_command(const std::string& file, std::ostream& out, std::ostream& err) {
  const config::LoadResult loaded = config::load_file(file, config::process_environment());
  print_problems(file, loaded, err);
  const auto errors = static_cast<std::size_t>(std::count_if(
      loaded.problems.begin(), loaded.problems.end(),
      [](const config::Problem& p) { return p.severity == config::Severity::Error; }));
  const std::size_t warnings = loaded.problems.size() - errors;
  if (!loaded.config) {
    err << file << ": " << counted(errors, "error") << ", " << counted(warnings, "warning") << '\n';
    return kExitUsage;
  }
  out << file << ": valid: " << counted(loaded.config->sources.size(), "source") << ", "
      << counted(loaded.config->sinks.size(), "sink");
  if (warnings > 0) out << "; " << counted(warnings, "warning");
  out << '\n';
  return kExitOk;
}

}  // namespace fedwave::relay
