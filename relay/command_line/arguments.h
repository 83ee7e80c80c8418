// Options as our commands have them, each kind the same everywhere, on top of CLI11. The word that
// --help shows for a value also tells what it is: FILE and DIR are what they say, a|b is a choice.
// What an option writes to outlives the CLI::App. main's thread.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "relay/base/text.h"

namespace fedwave::relay {

template <class Value>
CLI::Option* add_value(CLI::App& app, const std::string& name, const char* value_name,
                       Value& target, const std::string& help) {
  return app.add_option(name, target, help)->type_name(value_name);
}

// What is wrong with a name that a variable of the shell should have had; empty when it has one.
std::string empty_name(const std::string& text);

template <class Target>
CLI::Option* add_file(CLI::App& app, const std::string& name, Target& target,
                      const std::string& help) {
  return add_value(app, name, "FILE", target, help)->check(empty_name);
}

// An option that takes a duration, as the configuration writes it.
CLI::Option* add_duration(CLI::App& app, const std::string& name, std::int64_t& target_ms,
                          const std::string& help);

// From 0 on: CLI11 would take -1 for the largest number that there is.
template <class Number>
Number whole_number(const std::string& name, const std::string& text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end || number < Number{})
    throw CLI::ValidationError(name, "\"" + base::printable(text) +
                                         "\" is not a whole number from 0 on; write for example 3");
  return number;
}

// A whole number; the one that `target` has is the default.
CLI::Option* add_number(CLI::App& app, const std::string& name, std::uint64_t& target,
                        const std::string& help);

// A whole number that may be left out.
CLI::Option* add_number(CLI::App& app, const std::string& name, const char* value_name,
                        std::optional<std::int64_t>& target, const std::string& help);

// The configuration that a command cannot do without.
void add_config(CLI::App& app, std::string& target, const std::string& help);

// Pages that stand in for a scrape.
CLI::Option* add_inputs(CLI::App& app, std::vector<std::string>& target, const std::string& help);

void add_source(CLI::App& app, std::string& target);

template <class Enum>
using Choices = std::vector<std::pair<std::string, Enum>>;

// One of a few words; the one that `target` has is the default.
template <class Enum>
CLI::Option* add_choice(CLI::App& app, const std::string& name, Enum& target,
                        const Choices<Enum>& choices, const std::string& help) {
  std::string names;
  std::string default_name;
  for (const auto& [choice, value] : choices) {
    names += (names.empty() ? "" : "|") + choice;
    if (value == target) default_name = choice;
  }
  const auto parse = [name, &target, choices, names](const std::string& text) {
    for (const auto& [choice, value] : choices) {
      if (choice != text) continue;
      target = value;
      return;
    }
    throw CLI::ValidationError(name, "\"" + base::printable(text) + "\" is not one of " + names);
  };
  return app.add_option_function<std::string>(name, parse, help)
      ->type_name(names)
      ->default_str(default_name);
}

}  // namespace fedwave::relay
