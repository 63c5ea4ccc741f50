// Egress: the sending half of a turn. Dirty sessions are asked for datagrams, then the stack for its own frames, then the
// batches go to the ports.
//
// An unproven session is never asked for more bytes than its credit. When blocks or room run out the session stays on the
// list and is asked again in the next turn. So does one whose service has yet to hear something, since sending and services
// bring about events as well. Sessions that are over are retired here.
#pragma once

#include "base/time.hpp"
#include "engine/world.hpp"

namespace penstock {

// At the beginning of a turn, before anything is sent in it.
void begin_sending(World& world);
// One datagram that is a header alone and belongs to no session; false when no block or room is left for it.
bool send_header(World& world, net::Path path, const kcp::Header& header, Instant now);
// True when everything that was ready could be sent.
bool send_all(World& world, Instant now);

}  // namespace penstock
