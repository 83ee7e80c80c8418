// How far apart two words are, for "did you mean". Pure function, any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace fedwave::base {

// How many letters have to be changed, added or left out to make one of the other; beyond `most`
// just `most` + 1.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most);

}  // namespace fedwave::base
