// Intake: the receive half of a turn, from the ports' queues and the hand-off rings into the machines.
//
// A burst visits one stage at a time: stack, listener and key, flow look-up, machine. Drop reasons of this stage:
// udp_no_listener (through the stack), kcp_too_short, path_unproven, shed_unproven, the machine's refusals, and those of admission.
#pragma once

#include <span>

#include "base/time.hpp"
#include "engine/world.hpp"

namespace penstock {

// One burst of every port's queue; until the queues are dry (within bounds) when `drain` is set.
void take_from_ports(World& world, bool drain, Instant now);
// What other workers gave: datagrams of flows that are ours, and news of neighbours.
void take_from_workers(World& world, Instant now);
// News that this worker's stack has for the others.
void spread_news(World& world);

}  // namespace penstock
