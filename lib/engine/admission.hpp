// Admission: what becomes of a datagram that no session here knows.
//
// It goes to the worker that owns its flow, or opens a session, or is dropped. Drop reasons of this stage: handoff_full,
// session_draining, session_quarantined, session_not_opening, shed_newcomer, listener_full, listener_half_open_full,
// listener_prefix_full, session_table_full, flow_table_full.
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

// The id of a session opened for `packet`; nothing when the packet was handed over or dropped, both counted. `may_hand_over`
// is false for what came over a hand-off ring: it is never passed on.
std::optional<SessionId> admit(World& world, Listener& listener, net::Packet& packet, std::uint32_t conv,
                               bool may_hand_over, Instant now);

}  // namespace penstock
