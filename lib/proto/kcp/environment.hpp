// Environment: what all KCP sessions of one worker and listener share.
//
// A session keeps one pointer to it. Everything it refers to belongs to the worker's core and outlives the sessions.
#pragma once

#include "base/buddy.hpp"
#include "base/rng.hpp"
#include "buf/small_blocks.hpp"
#include "proto/kcp/counters.hpp"
#include "proto/kcp/options.hpp"

namespace penstock::kcp {

struct Environment {
  Options options;      // validated
  BuddyMemory& memory;  // rings of slots and lists of ACKs, taken on first use and returned when drained
  SmallBlocks& blocks;  // where payload that is kept goes
  Rng& rng;             // secret stamp origins and the stamps of proof pings
  Counters& counters;
};

}  // namespace penstock::kcp
