// Levels: what penstock-diff runs, each a function that tells a line of figures or throws Broken.
//
// The levels share the memory of our sessions and the ledger; sizes and the seed come from the command line.
#pragma once

#include <cstdint>
#include <string>

#include "diff/ledger.hpp"
#include "diff/ours.hpp"

namespace penstock::diff {

struct Order {
  std::uint64_t seed = 1;             // of the first run of each level
  std::uint64_t steps = 1'000'000;    // of D2, over all runs
  std::uint64_t schedules = 3200;     // of D3
  std::uint64_t conversations = 300;  // of D4
};

struct Bench {
  Memory& memory;
  Ledger& ledger;
  const Order& order;
};

// D1: headers byte for byte, both directions, and the constants that both begin with.
std::string compare_headers(const Bench& bench);
std::string compare_defaults(const Bench& bench);
// D2: in lock-step, without and with ikcp's congestion window.
std::string run_lockstep(const Bench& bench, bool congestion_window);
// D3: the same schedule of losses for both.
std::string compare_schedules(const Bench& bench);
// D4: ours and ikcp talk over the links of lib/impair.
std::string talk_across(const Bench& bench);

}  // namespace penstock::diff
