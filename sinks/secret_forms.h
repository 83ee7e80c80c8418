// The shapes in which a secret travels, so that an answer which repeats one of them is never shown.
// Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fedwave::sinks {

// Percent-encoded, as a form's values are.
std::string form_encoded(std::string_view text);

// The secret as it is, form-encoded and in base64, alone and (where there is a user) as Basic
// authentication shows it. None for an empty secret.
std::vector<std::string> secret_forms(const std::string& secret, const std::string& user = "");

}  // namespace fedwave::sinks
