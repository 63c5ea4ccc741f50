// Plan: what the operator's configuration means for this node: the engine's NodeConfig, buffers, ports, impairments.
//
// Pure: no DPDK, no I/O. --check-config and --capacity make a plan before any port is known; the node fills in what only
// the opened ports tell (MAC addresses, offloads) and starts from it. Main thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/config.hpp"
#include "engine/capacity.hpp"
#include "engine/impairment.hpp"
#include "engine/node_config.hpp"

namespace penstock::runtime {

struct Plan {
  NodeConfig node;
  BufferPlan buffers;
  std::vector<std::optional<impair::Impairment>> impairments;  // by port
  std::vector<bool> stream;                                    // by listener: stream mode
};

// Limits of the whole node are shared out: a worker gets its part and a quarter more, as flows do not spread evenly.
Plan plan_node(const control::Config& config, std::uint32_t workers);
// A sentence that names the limit which is too small; nothing when the plan holds.
std::optional<std::string> shortfall(const Plan& plan);

}  // namespace penstock::runtime
