// suggest: the known word that is nearest to a mistyped one, for "did you mean …".
//
// Used for keys of the configuration and options of the command line, off the data path.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace penstock::control {

// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (Damerau's distance, optimal string
// alignment). Words longer than 64 bytes are at a distance of 64 from everything.
std::size_t edit_distance(std::string_view a, std::string_view b);

// ", did you mean snd_wnd?" for the nearest of `known` within a third of the word's length (at least one edit), the first
// of equals; empty when none is near.
std::string suggest(std::string_view word, std::span<const std::string> known);

}  // namespace penstock::control
