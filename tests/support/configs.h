// Short ways to a configuration in tests.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "config/load.h"

namespace fedwave::support {

// Fails the test, with the problems, when the text is no valid configuration.
inline config::Config config_of(const std::string& yaml) {
  const config::LoadResult loaded = config::load_text(
      "test.yaml", yaml, [](std::string_view) -> std::optional<std::string> { return {}; });
  std::string problems;
  for (const auto& problem : loaded.problems)
    problems += config::format_problem("test.yaml", problem) + "\n";
  CAPTURE(problems);
  REQUIRE(loaded.config.has_value());
  return *loaded.config;
}

}  // namespace fedwave::support
