// What the tables of mistakes share: a file that is wrong, and the exact lines that it gives.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "tests/unit/config/loading.h"

namespace mistakes {

struct Mistake {
  std::string name;
  std::string yaml;
  std::vector<std::string> problems;
};

// Also that no line shows one of the secrets, which the rows call "secret" and "s3cret".
inline void check(const std::vector<Mistake>& mistakes) {
  using fedwave::config::Severity;
  for (const Mistake& mistake : mistakes) {
    CAPTURE(mistake.name);
    CAPTURE(mistake.yaml);
    const auto result = loading::load(mistake.yaml);
    const std::vector<std::string> problems = loading::lines(result);
    std::string told;
    for (const std::string& problem : problems) told += problem + "\n";
    CAPTURE(told);
    REQUIRE(problems.size() == mistake.problems.size());
    for (std::size_t i = 0; i < problems.size(); ++i) {
      CHECK(problems[i] == mistake.problems[i]);
      CHECK(problems[i].find(":secret") == std::string::npos);
      CHECK(problems[i].find("s3cret") == std::string::npos);
    }
    const bool has_errors =
        std::any_of(result.problems.begin(), result.problems.end(),
                    [](const auto& problem) { return problem.severity == Severity::Error; });
    CHECK(result.config.has_value() != has_errors);
  }
}

}  // namespace mistakes
