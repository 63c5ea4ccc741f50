#include "engine/path_hint.hpp"

namespace penstock {

namespace {

void tell_others(World& world, const net::Path& path, std::uint32_t conv) {
  HandoffRecord record;
  record.kind = HandoffRecord::Kind::too_big;
  record.path = path;
  record.conv = conv;
  for (std::uint32_t to = 0; to < world.config.workers; ++to) {
    // A full ring loses a hint, which the next datagram that is too long brings about again.
    if (to != world.index) static_cast<void>(world.parts.handoff->ring(world.index, to).push(record));
  }
}

}  // namespace

bool hear_too_big(World& world, const net::Path& path, std::uint32_t conv) {
  const Listener* listener = world.listeners.find(path.local);
  if (listener == nullptr) return false;
  const FlowHash hash = flow_hash(listener->config().key_mode, path, conv, world.parts.key);
  SessionId candidate;
  world.flows.find_bulk({&hash, 1}, {&candidate, 1});
  const SessionId id = world.flows.confirm(hash, candidate, [&](SessionId one) {
    const Session* session = world.sessions.find(one);
    return session != nullptr && session->path == path && session->is_of(path, conv);
  });
  if (!id.is_valid()) return false;
  world.sessions.machine(id.index()).on_too_big();
  return true;
}

void take_too_big(World& world, net::Packet& packet) {
  const Segment payload = std::move(packet.payload);
  // Some routers quote no more than the UDP header: then nobody can tell whose datagram it was.
  const std::uint32_t conv = payload.length() >= kcp::header_bytes ? kcp::conv_of(payload.bytes()) : 0;
  if (payload.length() < kcp::header_bytes || world.listeners.find(packet.path.local) == nullptr) {
    world.drops.count(net::DropReason::icmp_unhandled);
    return;
  }
  if (hear_too_big(world, packet.path, conv)) {
    ++world.stats.delivered;
  } else if (world.config.workers > 1) {
    tell_others(world, packet.path, conv);
    ++world.stats.delivered;
  } else {
    world.drops.count(net::DropReason::icmp_unhandled);
  }
}

}  // namespace penstock
