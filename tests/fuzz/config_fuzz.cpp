// Any text is a configuration or a list of problems: never a crash, and every problem is shown at a
// place that the text has. What a configuration comes to can be loaded in its turn.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/effective.h"
#include "config/load.h"
#include "relay/base/check.h"

using fedwave::config::LoadResult;
using fedwave::config::Problem;
using fedwave::config::Severity;

namespace {

constexpr std::string_view kSecret = "secret-of-the-environment";
constexpr std::size_t kFileBytesMax = std::size_t{4} << 20;

std::optional<std::string> environment(std::string_view name) {
  if (name == "TOKEN") return std::string(kSecret);
  return std::nullopt;
}

// `told_secret`: the secret stands in the text itself.
void check_effective(const fedwave::config::Config& config, bool told_secret) {
  const std::string effective = fedwave::config::effective_yaml(config);
  // A directory may hold variables, and is shown.
  const bool in_directory = std::any_of(
      config.sinks.begin(), config.sinks.end(),
      [](const auto& sink) { return sink.spool.directory.find(kSecret) != std::string::npos; });
  FEDWAVE_CHECK(told_secret || in_directory || effective.find(kSecret) == std::string::npos);
  // With aliases written out and every default it may be more than a file may hold.
  if (effective.size() > kFileBytesMax) return;
  const LoadResult again = fedwave::config::load_text(config.file, effective, environment);
  FEDWAVE_CHECK(again.config.has_value());
  FEDWAVE_CHECK(effective_yaml(*again.config) == effective);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const LoadResult result = fedwave::config::load_text("fuzz.yaml", text, environment);
  const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
  const bool told_secret = text.find(kSecret) != std::string::npos;  // by the fuzzer itself
  bool has_errors = false;
  for (const Problem& problem : result.problems) {
    FEDWAVE_CHECK(problem.where.line >= 0 && problem.where.line <= lines);
    FEDWAVE_CHECK((problem.where.column > 0) == (problem.where.line > 0));
    FEDWAVE_CHECK(problem.where.column <= static_cast<int>(size) + 1);
    FEDWAVE_CHECK(!problem.what.empty());
    const std::string line = format_problem("fuzz.yaml", problem);
    FEDWAVE_CHECK(line.find('\n') == std::string::npos);
    FEDWAVE_CHECK(told_secret || line.find(kSecret) == std::string::npos);
    has_errors = has_errors || problem.severity == Severity::Error;
  }
  FEDWAVE_CHECK(result.config.has_value() != has_errors);
  if (result.config) {
    FEDWAVE_CHECK(!result.config->sources.empty() && !result.config->sinks.empty());
    check_effective(*result.config, told_secret);
  }
  return 0;
}
