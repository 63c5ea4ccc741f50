#include "control/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace penstock::control {

namespace {
constexpr std::size_t word_bytes_max = 64;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  if (a.size() > word_bytes_max || b.size() > word_bytes_max) return word_bytes_max;
  // Rows of the table of distances between prefixes: of a[0, i − 1), a[0, i) and a[0, i + 1).
  using Row = std::array<std::size_t, word_bytes_max + 1>;
  Row before_last{};
  Row last{};
  Row row{};
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = last[j] + (a[i] == b[j] ? 0 : 1);
      row[j + 1] = std::min({replaced, last[j + 1] + 1, row[j] + 1});
      const bool swapped = i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j];
      if (swapped) row[j + 1] = std::min(row[j + 1], before_last[j - 1] + 1);
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

std::string suggest(std::string_view word, std::span<const std::string> known) {
  if (word.size() > word_bytes_max) return {};
  const std::size_t edits_max = std::max<std::size_t>(1, word.size() / 3);
  const auto distance = [word](const std::string& candidate) { return edit_distance(word, candidate); };
  const auto nearest = std::ranges::min_element(known, {}, distance);
  if (nearest == known.end() || distance(*nearest) > edits_max) return {};
  return fmt::format(", did you mean {}?", *nearest);
}

}  // namespace penstock::control
