// Runner: many worlds one after the other, on one core or shared out over child processes.
#pragma once

#include <cstdint>

#include "sim/coverage.hpp"
#include "sim/overrides.hpp"

namespace penstock::sim {

struct Task {
  std::uint64_t seed = 1;   // the first one
  std::uint64_t seeds = 1;  // how many
  std::uint64_t jobs = 1;   // processes
  bool trace = false;       // print everything that happens
  bool shrink = false;      // make the world that breaks small
  Overrides overrides;      // what is taken away from each world
};

// Lives through the worlds and adds up what occurred; a line every 30 s tells how far it is. Prints one line naming the seed of
// the first world that broke and one that replays it, and answers false. An assertion that fails inside a world prints such a
// line too, and ends the process.
bool run_worlds(const Task& task, Coverage& total);

}  // namespace penstock::sim
