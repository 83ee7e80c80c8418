#include "sinks/csp_answer.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <algorithm>

#include "sinks/token_source.h"

namespace fedwave::sinks {
namespace {

using base::Error;
using base::ErrorCode;

// Longer than any token lives, and short enough for every sum of times.
constexpr double kExpiresInSecondsMax = 366.0 * 86'400.0;

Error unusable(const std::string& what) {
  return {ErrorCode::BadEncoding, "the answer is not a token: " + what};
}

}  // namespace

base::Expected<CspAnswer> parse_csp_answer(std::string_view json) {
  // Iterative, so that nested brackets cannot exhaust the stack.
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  rapidjson::Document document;
  document.Parse<kFlags>(json.data(), json.size());
  if (document.HasParseError()) {
    return unusable(std::string("no JSON, at byte ") + std::to_string(document.GetErrorOffset()) +
                    ": " + rapidjson::GetParseError_En(document.GetParseError()));
  }
  if (!document.IsObject()) return unusable("JSON, but not an object");
  if (!document.HasMember("access_token")) return unusable("it has no \"access_token\"");
  const rapidjson::Value& token = document["access_token"];
  if (!token.IsString()) return unusable("its \"access_token\" is not a text");
  if (!document.HasMember("expires_in")) return unusable("it has no \"expires_in\"");
  const rapidjson::Value& lifetime = document["expires_in"];
  if (!lifetime.IsNumber()) return unusable("its \"expires_in\" is not a number");
  CspAnswer answer;
  answer.access_token.assign(token.GetString(), token.GetStringLength());
  if (answer.access_token.empty()) return unusable("its \"access_token\" is empty");
  if (!fits_in_header(answer.access_token)) {
    return unusable("its \"access_token\" holds control characters");
  }
  const double seconds = std::min(lifetime.GetDouble(), kExpiresInSecondsMax);
  if (seconds < 1.0) return unusable("its \"expires_in\" is below one second");
  answer.expires_in_ms = static_cast<std::int64_t>(seconds * 1'000.0);
  return answer;
}

}  // namespace fedwave::sinks
