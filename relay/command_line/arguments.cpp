#include "relay/command_line/arguments.h"

#include "relay/base/duration.h"

namespace fedwave::relay {

std::string empty_name(const std::string& text) {
  return text.empty() ? "the name is empty; is a variable not set?" : "";
}

CLI::Option* add_duration(CLI::App& app, const std::string& name, std::int64_t& target_ms,
                          const std::string& help) {
  const auto parse = [name, &target_ms](const std::string& text) {
    const auto duration = base::parse_duration_ms(text);
    if (!duration) throw CLI::ValidationError(name, duration.error().message);
    if (*duration <= 0)
      throw CLI::ValidationError(name, "the duration has to be above zero; write for example 30s");
    target_ms = *duration;
  };
  return app.add_option_function<std::string>(name, parse, help)->type_name("DURATION");
}

CLI::Option* add_number(CLI::App& app, const std::string& name, std::uint64_t& target,
                        const std::string& help) {
  const auto parse = [name, &target](const std::string& text) {
    target = whole_number<std::uint64_t>(name, text);
  };
  return app.add_option_function<std::string>(name, parse, help)
      ->type_name("NUMBER")
      ->default_str(std::to_string(target));
}

CLI::Option* add_number(CLI::App& app, const std::string& name, const char* value_name,
                        std::optional<std::int64_t>& target, const std::string& help) {
  const auto parse = [name, &target](const std::string& text) {
    target = whole_number<std::int64_t>(name, text);
  };
  return app.add_option_function<std::string>(name, parse, help)->type_name(value_name);
}

void add_config(CLI::App& app, std::string& target, const std::string& help) {
  add_file(app, "--config", target, help)->required();
}

CLI::Option* add_inputs(CLI::App& app, std::vector<std::string>& target, const std::string& help) {
  return add_file(app, "--input", target, help)->allow_extra_args(false);
}

void add_source(CLI::App& app, std::string& target) {
  add_value(app, "--source", "NAME", target, "Only this source");
}

}  // namespace fedwave::relay
