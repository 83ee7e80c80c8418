// Short ways to a configuration in tests.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "config/load.h"
#include "tests/support/environment.h"
#include "tests/support/patience.h"

namespace fedwave::support {

// Fails the test, with the problems, when the text is no valid configuration.
inline config::Config config_of(const std::string& yaml) {
  const config::LoadResult loaded = config::load_text("test.yaml", yaml, environment_of({}));
  std::string problems;
  for (const auto& problem : loaded.problems)
    problems += config::format_problem("test.yaml", problem) + "\n";
  CAPTURE(problems);
  REQUIRE(loaded.config.has_value());
  return *loaded.config;
}

// With patience for every answer, which no file can ask for: there the timeout is never above the
// interval.
inline config::Config patient(config::Config config) {
  for (config::Source& source : config.sources) {
    source.timeout_ms = std::max(source.timeout_ms, kPatienceMs);
  }
  for (config::Sink& sink : config.sinks) {
    sink.connect_timeout_ms = sink.request_timeout_ms = kPatienceMs;
  }
  return config;
}

}  // namespace fedwave::support
