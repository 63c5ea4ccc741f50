// Work: what one turn of a worker may do at the most, whatever its peers wish and however many sessions there are.
//
// Counted where the worker meets the world: frames that it takes and timers that it fires between two snapshots, and how often
// it asks a port that has just taken less than it was offered. What a turn leaves is done in the next one.
#pragma once

#include <fmt/core.h>

#include "engine/stats.hpp"
#include "sim/broken.hpp"

namespace penstock::sim {

struct WorkLimits {
  std::uint32_t burst = 64;   // frames of one queue in a turn, and records of one other worker
  std::uint32_t workers = 1;  // of the host
  bool port_holds = false;    // an impairment gives and takes on its own
};

// After a gap a worker takes a ring's worth of bursts, so that its own absence does not look like loss.
inline constexpr std::uint64_t drain_bursts = 64;
// Entries of the wheel that are looked at in a turn.
inline constexpr std::uint64_t timers_max = 128;
// A port that is full is asked when the turn begins, for what the last one left, and once for what this one makes.
inline constexpr std::uint32_t refusals_max = 2;

// `refusals`: times in this turn that the port took less than it was offered.
inline void check_work(const WorkLimits& limits, const WorkerStats& before, const WorkerStats& after,
                       std::uint32_t refusals) {
  const std::uint64_t bursts = after.stalls > before.stalls ? drain_bursts : 1;
  const std::uint64_t received = after.rx_packets - before.rx_packets;
  require(limits.port_holds || received <= bursts * limits.burst,
          "a turn took {} frames of one queue, though a burst is {}", received, limits.burst);
  const std::uint64_t handed = after.handed_in - before.handed_in;
  require(handed <= std::uint64_t{limits.burst} * (limits.workers - 1), "a turn took {} records of other workers",
          handed);
  const std::uint64_t fired = after.timers_fired - before.timers_fired;
  require(fired <= timers_max, "a turn fired {} timers", fired);
  require(limits.port_holds || refusals <= refusals_max, "a port that was full was asked {} times in a turn", refusals);
}

}  // namespace penstock::sim
