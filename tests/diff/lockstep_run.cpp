// D2 as a level: many runs of Lockstep, one seed after the other.
#include <memory>

#include "diff/levels.hpp"
#include "diff/lockstep.hpp"

namespace penstock::diff {

namespace {

constexpr std::uint64_t steps_of_a_run = 4000;

}  // namespace

std::string run_lockstep(const Bench& bench, bool congestion_window) {
  std::uint64_t segments = 0, steps = 0, runs = 0;
  for (std::uint64_t seed = bench.order.seed; steps < bench.order.steps; ++seed, ++runs) {
    Lockstep lockstep(seed, congestion_window, bench.memory, bench.ledger);
    lockstep.run(steps_of_a_run);
    steps += steps_of_a_run;
    segments += lockstep.segments_compared();
  }
  require(bench.memory.whole(), "a session did not give all memory back");
  return fmt::format("{} steps in {} runs, {} segments compared", steps, runs, segments);
}

}  // namespace penstock::diff
