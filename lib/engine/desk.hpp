// Desk: the worker's answers to control: mail is served, snapshots are made.
#pragma once

#include "base/time.hpp"
#include "engine/mailbox.hpp"
#include "engine/stats.hpp"
#include "engine/world.hpp"

namespace penstock {

// Carries out at most one command of the mailbox, so that a turn stays short.
void serve_mail(World& world, Instant now);
// Fills in the worker's counters as they are now.
void fill_snapshot(const World& world, StatsSnapshot& into, Instant now);
// Publishes a snapshot when the interval has passed.
void publish_when_due(World& world, Instant now);

}  // namespace penstock
