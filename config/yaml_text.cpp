#include "config/yaml_text.h"

#include <algorithm>
#include <array>
#include <utility>

#include "relay/base/duration.h"
#include "relay/base/text.h"

namespace fedwave::config {
namespace {

// YAML wants the colon of a short key within 1024 characters.
constexpr std::size_t kShortKeyMax = 1000;

bool is_special(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F || c == '"' || c == '\\';
}

void append_escaped(std::string& quoted, char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  quoted += '\\';
  if (c == '"' || c == '\\') {
    quoted += c;
  } else {
    quoted += 'x';
    quoted += kDigits[byte >> 4U];
    quoted += kDigits[byte & 0xFU];
  }
}

std::string bytes_text(std::int64_t value) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 3> kUnits = {
      {{"GiB", std::int64_t{1} << 30}, {"MiB", std::int64_t{1} << 20}, {"KiB", 1024}}};
  for (const auto& [name, unit] : kUnits) {
    if (value > 0 && value % unit == 0) return std::to_string(value / unit) + std::string(name);
  }
  return std::to_string(value);
}

}  // namespace

std::string yaml_quoted(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const auto special = std::find_if(text.begin(), text.end(), is_special);
    const auto length = static_cast<std::size_t>(special - text.begin());
    quoted += base::printable(text.substr(0, length));
    if (special != text.end()) append_escaped(quoted, *special);
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return quoted + '"';
}

void YamlText::comment(std::string_view text) {
  line("# " + std::string(text));
}

void YamlText::text(std::string_view key, std::string_view value) {
  line(std::string(key) + ": " + yaml_quoted(value));
}

void YamlText::text_if_any(std::string_view key, std::string_view value) {
  if (value.empty()) {
    null(key);
  } else {
    text(key, value);
  }
}

void YamlText::null(std::string_view key) {
  line(std::string(key) + ": null");
}

void YamlText::boolean(std::string_view key, bool value) {
  line(std::string(key) + (value ? ": true" : ": false"));
}

void YamlText::integer(std::string_view key, std::int64_t value) {
  line(std::string(key) + ": " + std::to_string(value));
}

void YamlText::bytes(std::string_view key, std::int64_t value) {
  line(std::string(key) + ": " + bytes_text(value));
}

void YamlText::duration(std::string_view key, std::int64_t duration_ms) {
  line(std::string(key) + ": " + base::format_duration_ms(duration_ms));
}

void YamlText::texts(std::string_view key, const std::vector<std::string>& values) {
  list(std::string(key), values);
}

void YamlText::named_text(std::string_view name, std::string_view value) {
  const std::string key = yaml_quoted(name);
  if (key.size() <= kShortKeyMax) {
    line(key + ": " + yaml_quoted(value));
  } else {
    line("? " + key);
    line(": " + yaml_quoted(value));
  }
}

void YamlText::named_texts(std::string_view name, const std::vector<std::string>& values) {
  const std::string key = yaml_quoted(name);
  if (key.size() <= kShortKeyMax) {
    list(key, values);
  } else {
    line("? " + key);
    list("", values);
  }
}

void YamlText::empty_map(std::string_view key) {
  line(std::string(key) + ": {}");
}

void YamlText::begin_map(std::string_view key) {
  line(std::string(key) + ":");
  indents_.push_back(indents_.back() + 2);
}

void YamlText::begin_list(std::string_view key) {
  line(std::string(key) + ":");
  indents_.push_back(indents_.back());
}

void YamlText::begin_item() {
  indents_.push_back(indents_.back() + 2);
  is_new_item_ = true;
}

void YamlText::end() {
  indents_.pop_back();
}

std::string YamlText::take() {
  return std::move(text_);
}

void YamlText::line(std::string_view content) {
  const std::size_t indent = indents_.back();
  text_ += is_new_item_ ? std::string(indent - 2, ' ') + "- " : std::string(indent, ' ');
  text_.append(content);
  text_ += '\n';
  is_new_item_ = false;
}

void YamlText::list(const std::string& key, const std::vector<std::string>& values) {
  line(key + (values.empty() ? ": []" : ":"));
  for (const std::string& value : values) line("- " + yaml_quoted(value));
}

}  // namespace fedwave::config
