// Short ways to write JSON with RapidJSON: a key and its value in one call. Text from outside is
// made printable on the way, so that what is written is always UTF-8. Pure functions, any thread.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/text.h"

namespace fedwave::relay {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

inline void put(JsonWriter& json, std::string_view text) {
  const std::string shown = base::printable(text);
  json.String(shown.data(), static_cast<rapidjson::SizeType>(shown.size()));
}
inline void put(JsonWriter& json, const std::string& text) {
  put(json, std::string_view(text));
}
inline void put(JsonWriter& json, const char* text) {
  put(json, std::string_view(text));
}
inline void put(JsonWriter& json, bool is_so) {
  json.Bool(is_so);
}
inline void put(JsonWriter& json, double number) {
  json.Double(number);
}
inline void put(JsonWriter& json, std::optional<double> number) {
  if (number) {
    json.Double(*number);
  } else {
    json.Null();
  }
}
template <std::signed_integral T>
void put(JsonWriter& json, T number) {
  json.Int64(number);
}
template <std::unsigned_integral T>
void put(JsonWriter& json, T number) {
  json.Uint64(number);
}
inline void put(JsonWriter& json, const std::map<std::string, std::uint64_t>& counts) {
  json.StartObject();
  for (const auto& [name, count] : counts) {
    json.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    json.Uint64(count);
  }
  json.EndObject();
}

inline void put(JsonWriter& json, const std::vector<std::string>& texts) {
  json.StartArray();
  for (const std::string& text : texts) put(json, text);
  json.EndArray();
}

template <class T>
void add(JsonWriter& json, const char* key, const T& value) {
  json.Key(key);
  put(json, value);
}

// The members between the braces come from `write`.
template <class Write>
void add_object(JsonWriter& json, const char* key, const Write& write) {
  json.Key(key);
  json.StartObject();
  write();
  json.EndObject();
}

// One element for each item, written by `write(item)`.
template <class Items, class Write>
void add_array(JsonWriter& json, const char* key, const Items& items, const Write& write) {
  json.Key(key);
  json.StartArray();
  for (const auto& item : items) write(item);
  json.EndArray();
}

// A whole text whose one object has the members that `write(json)` adds.
template <class Write>
std::string json_object(const Write& write) {
  constexpr int kDecimals = 3;
  rapidjson::StringBuffer buffer;
  JsonWriter json(buffer);
  json.SetMaxDecimalPlaces(kDecimals);
  json.StartObject();
  write(json);
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace fedwave::relay
