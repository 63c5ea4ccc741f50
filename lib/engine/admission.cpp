#include "engine/admission.hpp"

#include <algorithm>
#include <utility>

#include "engine/strangers.hpp"

namespace penstock {

namespace {

// What crosses must be held by nobody else, and its pool must bear being given back to from another core. A port may have
// larger buffers than ours.
bool make_unique(World& world, Segment& payload) {
  if (payload.unique()) return true;
  if (payload.length() > world.parts.blocks.block_bytes()) return false;
  Block* block = world.parts.blocks.allocate();
  if (block == nullptr) return false;
  Segment copy = Segment::adopt(block, 0, payload.length());
  std::ranges::copy(payload.bytes(), copy.writable().begin());
  payload = std::move(copy);
  return true;
}

// Gives the datagram to the worker that owns its flow.
bool hand_over(World& world, std::uint32_t owner, net::Packet& packet) {
  if (!make_unique(world, packet.payload)) return false;
  auto& ring = world.parts.handoff->ring(world.index, owner);
  if (ring.write_available() == 0) return false;
  HandoffRecord record;
  record.path = packet.path;
  record.path.next_hop_hint = 0;
  record.offset = packet.payload.offset();
  record.length = packet.payload.length();
  record.block = packet.payload.detach();
  PENSTOCK_ASSERT(record.block->refs == 1);
  const bool pushed = ring.push(record);
  PENSTOCK_ASSERT(pushed);
  return true;
}

}  // namespace

// KCP has no handshake. What begins a conversation is its first data segment, PUSH with sn 0; whatever else a stranger
// sends belongs to a conversation whose beginning we do not have (docs/decisions/0001).
bool may_open(std::span<const std::uint8_t> datagram, std::uint32_t conv) {
  kcp::SegmentReader reader(datagram);
  while (reader.next()) {
    const kcp::Header& header = reader.header();
    if (header.conv != conv) return false;
    if (header.command == kcp::Command::push && header.sn == Seq32(0)) return true;
  }
  return false;
}

std::optional<SessionId> admit(World& world, Listener& listener, net::Packet& packet, std::uint32_t conv,
                               bool may_hand_over, SessionId known, Instant now) {
  const SessionKeyMode mode = listener.config().key_mode;
  if (world.config.workers > 1 && may_hand_over && !known.is_valid()) {
    const FlowOwnership& ownership = world.ownership[world.port_of(packet.path)];
    const bool roams = listener.config().roams();
    const std::uint32_t owner = ownership.owner(packet.path, roams, conv);
    if (owner != world.index) {
      // A conv says nothing to a port, so only flows that the port could have steered count as steered wrong.
      if (!roams) ++world.stats.steered_wrong;
      if (hand_over(world, owner, packet)) ++world.stats.handed_out;
      else world.drops.count(net::DropReason::handoff_full);
      return std::nullopt;
    }
  }
  net::DropReason why = net::DropReason::session_not_opening;
  const FlowKey late = quarantine_key(mode, packet.path, conv);
  if (world.draining) why = net::DropReason::session_draining;
  else if (world.quarantine.contains(hash(late, world.parts.key), now)) why = net::DropReason::session_quarantined;
  else if (listener.config().challenge) return meet(world, listener, packet, conv, known, now);
  else if (may_open(packet.payload.bytes(), conv)) {
    if (world.overload.sheds_newcomer(now)) why = net::DropReason::shed_newcomer;
    else if (const auto id = world.open_session(listener, packet.path, conv, kcp::Opening::by_peer, now, why))
      return id;
  }
  world.drops.count(why);
  return std::nullopt;
}

}  // namespace penstock
