// Writes block-style YAML line by line. All text is between double quotes, so that nothing in it is
// special. One writer makes one text; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fedwave::config {

class YamlText {
 public:
  void comment(std::string_view text);

  void text(std::string_view key, std::string_view value);
  // null where it is empty.
  void text_if_any(std::string_view key, std::string_view value);
  void null(std::string_view key);
  void boolean(std::string_view key, bool value);
  void integer(std::string_view key, std::int64_t value);
  void bytes(std::string_view key, std::int64_t value);
  void duration(std::string_view key, std::int64_t duration_ms);
  void texts(std::string_view key, const std::vector<std::string>& values);
  // A key from outside, between quotes like a text.
  void named_text(std::string_view name, std::string_view value);
  void named_texts(std::string_view name, const std::vector<std::string>& values);
  void empty_map(std::string_view key);

  // What follows, up to end(), stands below the key; there has to be something.
  void begin_map(std::string_view key);
  void begin_list(std::string_view key);
  // What follows, up to end(), is a map that is one element of a list.
  void begin_item();
  void end();

  std::string take();

 private:
  void line(std::string_view content);
  void list(const std::string& key, const std::vector<std::string>& values);

  std::string text_;
  std::vector<std::size_t> indents_ = {0};
  bool is_new_item_ = false;
};

// Between double quotes; bytes that are not UTF-8 become question marks.
std::string yaml_quoted(std::string_view text);

}  // namespace fedwave::config
