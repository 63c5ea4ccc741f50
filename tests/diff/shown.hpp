// Shown: a divergence or an attack, each with its own few datagrams: what ikcp does with them, and what ours does.
#pragma once

#include <string_view>
#include <vector>

#include "diff/levels.hpp"

namespace penstock::diff {

struct Shown {
  std::string_view name;
  std::string (*show)(const Bench& bench);
};

// What a stranger's or a peer's segments do to either.
std::vector<Shown> shown_attacks();
// What the two do differently by themselves.
std::vector<Shown> shown_habits();

}  // namespace penstock::diff
