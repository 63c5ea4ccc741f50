// PathHint: what the network says of a path, led to the session that uses it.
//
// A hint is a router's word, or anybody's who knows a flow's addresses, ports and conv; it comes in by whichever queue its sender's
// address leads to. So what no session here knows goes to all other workers, and what a session makes of it is a probe at the most.
#pragma once

#include "engine/world.hpp"
#include "net/stack.hpp"

namespace penstock {

// A datagram of ours is said to be too long for its path; `packet` as Stack::Intake::too_big left it, whose payload is let go.
void take_too_big(World& world, net::Packet& packet);
// The same from another worker. True when a session here has it.
bool hear_too_big(World& world, const net::Path& path, std::uint32_t conv);

}  // namespace penstock
