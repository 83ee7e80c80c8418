// Reads a configuration file: YAML -> raw values -> validated Config. All problems of a file are
// found in one run. yaml.cpp is the only user of yaml-cpp. Apart from reading the file, and
// looking whether the files that it names are there, these are pure functions; any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace fedwave::config {

// A larger file is no configuration.
inline constexpr std::size_t kFileBytesMax = std::size_t{4} << 20;

enum class Severity { Error, Warning };

// Shown as `file:line:column: what is wrong; what to write instead`.
struct Problem {
  Severity severity = Severity::Error;
  Position where;
  std::string what;
  std::string advice;  // may be empty
};

struct LoadResult {
  std::optional<Config> config;   // absent when there is any error
  std::vector<Problem> problems;  // in the order of the file
};

using Environment = std::function<std::optional<std::string>(std::string_view name)>;

// The process's environment.
Environment process_environment();

LoadResult load_file(const std::string& path, const Environment& environment);

// As load_file, for text that is already there; `file` is the name shown in problems.
LoadResult load_text(const std::string& file, std::string_view yaml,
                     const Environment& environment);

// One line without a newline: "file:12:7: error: …; …".
std::string format_problem(const std::string& file, const Problem& problem);

}  // namespace fedwave::config
