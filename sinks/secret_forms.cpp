#include "sinks/secret_forms.h"

#include "relay/base/text.h"

namespace fedwave::sinks {

std::string form_encoded(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::vector<std::string> secret_forms(const std::string& secret, const std::string& user) {
  if (secret.empty()) return {};
  std::vector<std::string> forms{secret, form_encoded(secret), base::base64(secret)};
  if (!user.empty()) forms.push_back(base::base64(user + ":" + secret));
  return forms;
}

}  // namespace fedwave::sinks
