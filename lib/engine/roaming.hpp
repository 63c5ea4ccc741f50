// Roaming: a datagram of a known conversation that came by another path than its session's.
//
// A NAT gave the client another address or port, or the client went to another network; or somebody else has seen, or guessed,
// the conversation. So nothing of the datagram is applied, not even its una, and the session stays where it is. The new path
// is asked by one challenge of 24 bytes, for at least as many that came, not twice in 20 ms, and by no timer again. An ACK
// that answers it from that very path moves the session, and its datagram is the first to count. Nothing is kept for a path
// that was asked. Drop reasons of this stage: path_unproven, listener_prefix_full, flow_table_full.
#pragma once

#include "base/time.hpp"
#include "engine/world.hpp"
#include "net/stack.hpp"

namespace penstock {

// The session elsewhere to which a packet may belong that none knows by its path: of a listener with `roaming`, by its conv.
// What may begin a conversation, from somebody who has received nothing yet, is taken for that: another client may well have
// chosen the same conv.
SessionId find_elsewhere(World& world, const Listener& listener, const net::Packet& packet, std::uint32_t conv);

// True when the packet proves its path, which is the session's now: the packet is still to be delivered. Otherwise it was
// counted and is done with.
bool follow(World& world, SessionId id, const net::Packet& packet, Instant now);

}  // namespace penstock
