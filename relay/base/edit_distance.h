// How far apart two words are, and which one was meant, for "did you mean". Pure functions, any
// thread.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace fedwave::base {

// How many letters have to be changed, added or left out to make one of the other; beyond `most`
// just `most` + 1.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most);

// The candidate that is the same but for case, '_' and '-', or at most two edits away. Empty when
// none is.
std::string_view nearest_word(std::string_view word,
                              const std::vector<std::string_view>& candidates);

}  // namespace fedwave::base
