#include "engine/intake.hpp"

#include "engine/admission.hpp"
#include "engine/path_hint.hpp"
#include "engine/refusals.hpp"
#include "engine/roaming.hpp"

namespace penstock {

namespace {

// Bursts that a draining receive takes of one queue at the most: a queue's whole ring, so that a flood cannot hold it.
constexpr std::uint32_t drain_bursts_max = 64;

// What a refusal of data alone leaves applied: the peer was heard.
bool was_heard(kcp::Refusal refusal) {
  return refusal == kcp::Refusal::none || refusal == kcp::Refusal::beyond_window ||
         refusal == kcp::Refusal::no_memory || refusal == kcp::Refusal::closed;
}

// When receive buffers run low, what a machine may keep moves to a block of our own at once: the NIC's ring must refill.
constexpr std::uint32_t scarce_share = 4;   // blocks are scarce when less than a quarter is left …
constexpr std::uint32_t reserve_share = 8;  // … and an eighth is never stored in, but only passed through

// Listener and key of the burst's next packet, which stays and counts if it has both. The look-up's line is on its way while
// the packets behind it are taken in.
void add_packet(World& world, Burst& burst, Instant now) {
  const std::uint32_t place = burst.count;
  net::Packet& packet = burst.packets[place];
  Listener* listener = world.listeners.find(packet.path.local);
  if (listener == nullptr) {
    world.stack.refuse(packet, now);
    packet.payload.reset();
    return;
  }
  if (packet.payload.length() < kcp::header_bytes) {
    world.drops.count(net::DropReason::kcp_too_short);
    packet.payload.reset();
    return;
  }
  const std::uint32_t conv = kcp::conv_of(packet.payload.bytes());
  const FlowHash hash = flow_hash(listener->config().key_mode, packet.path, conv, world.parts.key);
  world.flows.prefetch(hash);
  burst.listeners[place] = listener;
  burst.convs[place] = conv;
  burst.hashes[place] = hash;
  ++burst.count;
}

// After most ACKs that come alone nobody has anything to hear or to send, and the timer stands early enough: then the turn
// need not come by again.
bool is_settled(Session& session, const kcp::Session& machine, Instant now) {
  if (session.readable || !session.announced || machine.has_event() || machine.wants_transmit(now)) return false;
  const Instant deadline = machine.next_deadline();
  if (deadline < session.deadline) return false;
  session.deadline = deadline;
  return true;
}

// An unproven peer's datagram that cannot be its proof, in a burst that has no room for such.
bool is_shed(World& world, const Session& session, const net::Packet& packet, Instant now) {
  if (world.overload.level() == Overload::Level::calm) return false;
  kcp::SegmentReader reader(packet.payload.bytes());
  while (reader.next()) {
    if (reader.header().command == kcp::Command::ack) return false;
  }
  return world.overload.sheds_unproven(now - session.last_heard, now);
}

// Where the address alone is the session, its peer may have begun another conversation from there.
bool begins_anew(const World& world, const Listener& listener, SessionId id, std::uint32_t conv) {
  return world.sessions[id.index()].conv != conv && listener.config().challenge;
}

// How many blocks are left for what comes and goes.
enum class Supply : std::uint8_t { plenty, scarce, short_of };

Supply supply_of(const World& world) {
  const std::uint32_t available = world.parts.blocks.available();
  const std::uint32_t capacity = world.parts.blocks.capacity();
  if (available >= capacity / scarce_share) return Supply::plenty;
  return available >= capacity / reserve_share ? Supply::scarce : Supply::short_of;
}

// Gives a datagram to its machine while blocks are low. What it stores moves into small blocks; what finds none there may
// take a block of the port's only to get on in order, and none of the reserve, without which the ACKs that free blocks
// could not come in: sessions that hold every block would make the worker deaf.
[[gnu::cold]] kcp::Refusal take_in_need(World& world, kcp::Session& machine, Segment&& payload, Supply supply,
                                        Instant now) {
  Segment compact = world.small_blocks.compact(std::move(payload), true);
  if (world.small_blocks.compacted(compact)) return machine.on_datagram(std::move(compact), now);
  using Storage = kcp::Session::Storage;
  const Storage storage = supply == Supply::scarce ? Storage::next_in_order : Storage::nothing;
  return machine.on_datagram_in_need(std::move(compact), storage, now);
}

// Gives one datagram to its session's machine. `fresh` when the session was opened by it, and by no proof.
void deliver(World& world, SessionId id, net::Packet& packet, bool fresh, Supply supply, Instant now) {
  Session& session = world.sessions[id.index()];
  if (session.roams && !(session.path == packet.path) && !follow(world, id, packet, now)) {
    packet.payload.reset();
    return;
  }
  session.path.next_hop_hint = packet.path.next_hop_hint != 0 ? packet.path.next_hop_hint : session.path.next_hop_hint;
  if (session.state == SessionState::proven) {
    world.overload.on_proven();
  } else {
    if (!fresh && is_shed(world, session, packet, now)) {
      world.drops.count(net::DropReason::shed_unproven);
      packet.payload.reset();
      return;
    }
    session.add_credit(packet.payload.length());
  }
  kcp::Session& machine = world.sessions.machine(id.index());
  const std::uint64_t stored_before = world.machine_counters.segments_received;
  const kcp::Refusal refusal = supply == Supply::plenty
                                   ? machine.on_datagram(std::move(packet.payload), now)
                                   : take_in_need(world, machine, std::move(packet.payload), supply, now);
  packet.payload.reset();
  if (refusal == kcp::Refusal::none) ++world.stats.delivered;
  else world.drops.count(drop_reason_of(refusal));
  if (fresh && refusal != kcp::Refusal::none) {
    world.abandon_session(id);
    return;
  }
  if (!was_heard(refusal)) return;
  session.last_heard = now;
  if (session.life_probes != 0) session.life_probes = 0;
  if (world.machine_counters.segments_received != stored_before) session.readable = true;
  if (!is_settled(session, machine, now)) world.mark_dirty(id.index());
}

// Stages behind the keys: look-up, prefetch, machine.
void take_burst(World& world, Burst& burst, Instant now) {
  const std::span hashes = std::span{burst.hashes}.first(burst.count);
  const std::span candidates = std::span{burst.candidates}.first(burst.count);
  world.flows.find_bulk(hashes, candidates);
  for (const SessionId id : candidates) {
    if (id.is_valid()) world.sessions.prefetch(id, machine_lines);
  }
  // What an ACK leads to lies two steps behind the session: the slot of what was sent, and its block.
  const auto for_machines = [&](auto&& visit) {
    for (const SessionId id : candidates) {
      if (id.is_valid() && world.sessions.is_open(id.index())) visit(world.sessions.machine(id.index()));
    }
  };
  for_machines([](const kcp::Session& machine) { machine.prefetch_sent(); });
  for_machines([](const kcp::Session& machine) { machine.prefetch_sent_block(); });
  const Supply supply = supply_of(world);
  for (std::uint32_t i = 0; i < burst.count; ++i) {
    net::Packet& packet = burst.packets[i];
    const auto matches = [&](SessionId id) {
      const Session* session = world.sessions.find(id);
      return session != nullptr && session->is_of(packet.path, burst.convs[i]);
    };
    SessionId id = world.flows.confirm(hashes[i], candidates[i], matches);
    if (!id.is_valid()) id = find_elsewhere(world, *burst.listeners[i], packet, burst.convs[i]);
    bool fresh = false;
    if (!id.is_valid() || begins_anew(world, *burst.listeners[i], id, burst.convs[i])) {
      const auto opened = admit(world, *burst.listeners[i], packet, burst.convs[i], !burst.handed_over, id, now);
      if (!opened) {
        packet.payload.reset();
        continue;
      }
      id = *opened;
      fresh = world.sessions[id.index()].state == SessionState::unproven;
    }
    deliver(world, id, packet, fresh, supply, now);
  }
  burst.count = 0;
}

// One burst of one queue through the stack. Returns how many frames the port gave.
std::uint32_t take_from_port(World& world, std::uint16_t number, Instant now) {
  Burst& burst = world.burst;
  burst.handed_over = false;
  Port& port = *world.parts.ports[number];
  const auto queue = static_cast<std::uint16_t>(world.index);
  const std::uint64_t dropped_before = world.drops.received_total();
  // 64 bits, since what is held may shrink and the counters wrap back together.
  const std::uint64_t held_before = port.held_frames(queue);
  const std::uint32_t count = port.receive(queue, std::span{burst.frames}.first(world.config.burst), world.drops, now);
  const std::uint64_t dropped = world.drops.received_total() - dropped_before;
  world.stats.held_now += port.held_frames(queue) - held_before;
  world.stats.rx_packets += count + dropped + port.held_frames(queue) - held_before;
  for (std::uint32_t i = 0; i < count; ++i) {
    world.stats.rx_bytes += burst.frames[i].bytes.length();
    switch (world.stack.take_in(number, burst.frames[i], burst.packets[burst.count], now)) {
      case net::Stack::Intake::udp: add_packet(world, burst, now); break;
      case net::Stack::Intake::too_big: take_too_big(world, burst.packets[burst.count]); break;
      case net::Stack::Intake::handled: ++world.stats.delivered; break;
      case net::Stack::Intake::dropped: break;
    }
  }
  // What was dropped was work as well, and more may wait behind it.
  if (count + dropped > 0) world.worked = true;
  if (count > 0) {
    world.overload.on_burst(count == world.config.burst);
    world.histograms[static_cast<std::size_t>(HistogramId::burst_packets)].record(count);
  }
  if (burst.count > 0) take_burst(world, burst, now);
  return count;
}

}  // namespace

void take_from_ports(World& world, bool drain, Instant now) {
  const std::uint32_t bursts = drain ? drain_bursts_max : 1;
  for (std::uint16_t number = 0; number < world.parts.ports.size(); ++number) {
    for (std::uint32_t i = 0; i < bursts; ++i) {
      if (take_from_port(world, number, now) < world.config.burst) break;
    }
  }
}

void take_from_workers(World& world, Instant now) {
  if (world.config.workers == 1) return;
  Burst& burst = world.burst;
  burst.handed_over = true;
  const std::uint32_t workers = world.config.workers;
  for (std::uint32_t i = 0; i < workers; ++i) {
    const std::uint32_t from = (world.news_worker + i) % workers;
    if (from == world.index) continue;
    auto& ring = world.parts.handoff->ring(from, world.index);
    HandoffRecord record;
    for (std::uint32_t taken = 0; taken < world.config.burst && ring.pop(record);) {
      world.worked = true;
      if (record.kind == HandoffRecord::Kind::neighbor) {
        world.stack.apply(record.news, now);
        continue;
      }
      if (record.kind == HandoffRecord::Kind::too_big) {
        hear_too_big(world, record.path, record.conv);
        continue;
      }
      ++taken;
      ++world.stats.handed_in;
      net::Packet& packet = burst.packets[burst.count];
      packet.path = record.path;
      packet.payload = Segment::adopt(record.block, record.offset, record.length);
      packet.has_rss_hash = false;
      add_packet(world, burst, now);
    }
    if (burst.count == 0) continue;
    world.overload.on_burst(burst.count == world.config.burst);
    take_burst(world, burst, now);
  }
  world.news_worker = (world.news_worker + 1) % workers;
}

void spread_news(World& world) {
  if (world.config.workers == 1) return;
  while (const auto news = world.stack.poll_news()) {
    HandoffRecord record;
    record.kind = HandoffRecord::Kind::neighbor;
    record.news = *news;
    for (std::uint32_t to = 0; to < world.config.workers; ++to) {
      // A full ring loses the news; the other worker then asks the neighbour itself again.
      if (to != world.index) static_cast<void>(world.parts.handoff->ring(world.index, to).push(record));
    }
  }
}

}  // namespace penstock
