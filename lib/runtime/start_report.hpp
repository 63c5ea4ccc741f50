// start_report: what a node prints once it stands: its ports, what they do and do not do, its addresses, cores and memory.
//
// A sentence a line, the warnings last, each with what mends it. Main thread, before the workers start.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control/config.hpp"
#include "nic/dpdk_port.hpp"
#include "runtime/plan.hpp"
#include "runtime/seat.hpp"

namespace penstock::runtime {

std::vector<std::string> start_report(const control::Config& config, const Plan& plan,
                                      std::span<const std::unique_ptr<nic::DpdkPort>> ports,
                                      std::span<const std::unique_ptr<Seat>> seats);

// The warning for a port whose frames some workers fetch from another NUMA node; empty when all are near, or it is not known
// where the port is. `lcores` are the workers'.
std::string numa_warning(const nic::PortReport& port, std::span<const nic::Lcore> lcores);

// The warning for a listener that believes whom it does not know; empty when it challenges strangers.
std::string challenge_warning(const ListenerConfig& listener);

}  // namespace penstock::runtime
