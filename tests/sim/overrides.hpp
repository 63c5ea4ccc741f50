// Overrides: what is taken away from a world after it was drawn, so that a failing one becomes small enough to read.
//
// The draws stay as they are: a world without loss has the same conversations, at the same times, as the one with it. On
// the command line: --without loss,partition --conversations 3,17 --until 3.2
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "sim/plan.hpp"

namespace penstock::sim {

struct Overrides {
  std::vector<std::string> without = {};          // names of removable(), each once
  std::vector<std::uint32_t> conversations = {};  // the ones that are begun, by their places in the plan; empty: all
  std::optional<Duration> until = {};             // the faults end so long after the world began, if not earlier

  bool any() const { return !without.empty() || !conversations.empty() || until.has_value(); }
  // As options of penstock-sim, with a space in front of each.
  std::string options() const;
};

// What can be taken away, in the order in which shrinking tries it.
std::vector<std::string_view> removable();
// Empty, or a sentence about what `overrides` names and there is not in the plan.
std::string complaint_about(const Overrides& overrides, const Plan& plan);
// The plan with less in it. A world that was made smaller need not come to a number of datagrams.
Plan apply(Plan plan, const Overrides& overrides);

}  // namespace penstock::sim
