// Strangers: what becomes of a datagram that no session knows, at a listener that challenges.
//
// Who begins a conversation (PUSH with sn 0) is answered by a challenge: one empty PUSH for one datagram, never longer than
// that, by no timer repeated. Until his ACK echoes it he has an entry in the listener's HalfOpenTable, with what else of his
// opening window comes meanwhile, or not even that, and no service hears of him. With his proof the session opens, and what
// was kept is given to it in the order in which it came. Drop reasons of this stage: session_not_opening, kcp_wrong_conv,
// shed_unproven, shed_newcomer, challenge_unsent, those of World::open_session(), and what a machine that has heard nothing
// yet would refuse.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "engine/world.hpp"
#include "net/stack.hpp"

namespace penstock {

// The session that `packet` opened by its proof, to which it is still to be given; nothing when the packet was answered, kept
// or dropped, each counted. `known` is the session that its address has with another conversation, where the address alone
// is the key: it ends only when the new conversation has proven itself, from the same address.
std::optional<SessionId> meet(World& world, Listener& listener, const net::Packet& packet, std::uint32_t conv,
                              SessionId known, Instant now);

}  // namespace penstock
