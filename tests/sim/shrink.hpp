// Shrinking: makes a world that breaks as small as it gets while it goes on breaking in the same way.
//
// Faults are taken away first, then conversations, then time; each step is kept when the same invariant still does not
// hold. Greedy and bounded: at most so many worlds are lived through. A host without conversations stays, in silence.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sim/overrides.hpp"

namespace penstock::sim {

// What breaks in a world, empty when nothing does.
using Verdict = std::function<std::string(const Plan& plan)>;

struct Shrunk {
  std::string sentence;  // what breaks, empty when the whole world does not break
  Overrides overrides;
  std::uint32_t worlds = 0;  // lived through on the way
};

Shrunk shrink(const Plan& plan, const Verdict& verdict, std::uint32_t worlds_max = 400);
// The sentence without its numbers: what two worlds that break in the same way have in common.
std::string invariant_of(const std::string& sentence);
// What breaks in a world that is lived through in a child process, where an assertion ends that process only.
std::string verdict_of_child(const Plan& plan);

}  // namespace penstock::sim
