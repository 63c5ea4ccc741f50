// Telling: the services hear what happened to their sessions this turn, and the timers that led there.
#pragma once

#include "base/time.hpp"
#include "engine/world.hpp"

namespace penstock {

// Fires the sessions whose deadline has come, as many as a turn's budget allows. False when some are left over.
bool fire_timers(World& world, Instant now);
// Gives each service the events of its dirty sessions, in bursts, and its own timeout when due.
void tell_services(World& world, Connections& connections, Instant now);

}  // namespace penstock
