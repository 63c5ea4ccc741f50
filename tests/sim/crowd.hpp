// Crowd: a world of very many conversations at one server, in which everybody stays connected until all have come.
//
// Links, faults and hosts are those of a gentle world drawn as any other; tables and pools are made as large as the crowd
// needs. Every conversation has to complete.
#pragma once

#include <cstdint>

#include "sim/plan.hpp"

namespace penstock::sim {

// The world of the first seed from `seed` on that has one server and three hosts of clients. At most 60,000 sessions.
Plan draw_crowd(std::uint64_t seed, std::uint32_t sessions);

}  // namespace penstock::sim
