// What the configuration tests share: loading a text with a known environment, and its problems as
// the lines that people see, in a file called "f".
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/load.h"
#include "tests/support/environment.h"

namespace loading {

inline fedwave::config::Environment environment(std::map<std::string, std::string> variables = {
                                                    {"TOKEN", "s3cret"}}) {
  return fedwave::support::environment_of(std::move(variables));
}

inline fedwave::config::LoadResult load(const std::string& yaml) {
  return fedwave::config::load_text("f", yaml, environment());
}

inline std::vector<std::string> lines(const fedwave::config::LoadResult& result) {
  std::vector<std::string> shown;
  for (const auto& problem : result.problems) shown.push_back(format_problem("f", problem));
  return shown;
}

// Of a text that has nothing wrong.
inline fedwave::config::Config loaded(const std::string& yaml) {
  CAPTURE(yaml);
  fedwave::config::LoadResult result = load(yaml);
  CHECK(lines(result) == std::vector<std::string>{});
  REQUIRE(result.config.has_value());
  return *std::move(result.config);
}

// A file that is right, to which one thing is added: at the top level (line 3), within the source
// (line 5, indented by 4) or within the sink (line 4, indented by 2).
inline std::string in_file(const std::string& yaml) {
  return "sinks: [{proxyAddress: 'p:1'}]\n"
         "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n" +
         yaml;
}

inline std::string in_source(const std::string& yaml) {
  return "sinks: [{proxyAddress: 'p:1'}]\n"
         "sources:\n"
         "  prometheus_sources:\n"
         "  - url: http://h/m\n" +
         yaml;
}

inline std::string in_sink(const std::string& yaml) {
  return "sources: {prometheus_sources: [{url: 'http://h/m'}]}\n"
         "sinks:\n"
         "- proxyAddress: p:1\n" +
         yaml;
}

}  // namespace loading
