// Admission: what becomes of a datagram that no session here knows.
//
// It goes to the worker that owns its flow, or its sender has to prove his address (engine/strangers), or it is dropped. A
// listener with challenge = false opens a session at once, which is unproven: bytes out ≤ bytes in. Drop reasons of this
// stage: handoff_full, session_draining, session_quarantined, session_not_opening, shed_newcomer, listener_full,
// listener_half_open_full, listener_prefix_full, session_table_full, flow_table_full, and those of engine/strangers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/time.hpp"
#include "engine/world.hpp"
#include "net/stack.hpp"

namespace penstock {

// Whether a datagram may begin a conversation: it holds the first data segment of `conv`, and nothing of another before it.
bool may_open(std::span<const std::uint8_t> datagram, std::uint32_t conv);

// The id of a session opened for `packet`, to which it is still to be given; nothing when the packet was handed over, dealt
// with or dropped, each counted. `may_hand_over` is false for what came over a hand-off ring: it is never passed on. `known`:
// as for meet().
std::optional<SessionId> admit(World& world, Listener& listener, net::Packet& packet, std::uint32_t conv,
                               bool may_hand_over, SessionId known, Instant now);

}  // namespace penstock
