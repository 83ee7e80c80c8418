#include "relay/status/query.h"

#include <algorithm>
#include <charconv>

#include "relay/base/text.h"
#include "relay/commands/readable.h"
#include "relay/http_server.h"

namespace fedwave::relay {
namespace {

constexpr std::size_t kShownBytesMax = 200;

base::Error bad_value(std::string_view key, std::string_view text, const std::string& why) {
  return {base::ErrorCode::InvalidArgument, std::string(key) + "=" + shown(text) + why};
}

}  // namespace

base::Expected<std::size_t> query_number(std::string_view query, std::string_view key,
                                         std::size_t otherwise, std::size_t least,
                                         std::size_t most) {
  const auto text = query_value(query, key);
  if (!text) return otherwise;
  std::size_t number = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (error == std::errc() && stop == end && number >= least && number <= most) return number;
  return bad_value(
      key, *text,
      " is not a whole number from " + std::to_string(least) + " to " + std::to_string(most));
}

base::Expected<std::size_t> query_choice(std::string_view query, std::string_view key,
                                         const std::vector<std::string>& names) {
  const auto text = query_value(query, key);
  if (!text) return std::size_t{0};
  const auto found = std::find(names.begin(), names.end(), *text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  return bad_value(key, *text, " is not known; there is " + joined(names));
}

base::Expected<void> check_parameters(std::string_view query,
                                      const std::vector<std::string>& known) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    // Decoded like any value.
    const std::string key =
        query_value("key=" + std::string(pair.substr(0, pair.find('='))), "key").value_or("");
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    return base::Error{base::ErrorCode::InvalidArgument,
                       "there is no parameter " + shown(key) + "; there is " + joined(known)};
  }
  return {};
}

std::string shown(std::string_view text) {
  const std::string whole = base::printable(text.substr(0, kShownBytesMax));
  return '"' + whole + (text.size() > kShownBytesMax ? "…\"" : "\"");
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string many(std::uint64_t count, const std::string& noun) {
  return grouped(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace fedwave::relay
