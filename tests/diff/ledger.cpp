#include "diff/ledger.hpp"

#include <fmt/core.h>

namespace penstock::diff {

std::string Ledger::report() const {
  std::string text;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    text += fmt::format("  {:<22}{:>12}  {}\n", divergence_names[i], counts_[i], divergence_texts[i]);
  }
  return text;
}

std::vector<std::string_view> Ledger::missing() const {
  std::vector<std::string_view> absent;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) absent.push_back(divergence_names[i]);
  }
  return absent;
}

}  // namespace penstock::diff
