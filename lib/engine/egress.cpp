#include "engine/egress.hpp"

#include <algorithm>

namespace penstock {

namespace {

// Datagrams of one session in one turn; a session with more to send goes on in the next, so that none starves the others.
constexpr std::uint32_t datagrams_per_turn = 64;
// How soon a session that could not send what was due is looked at again when nothing else wakes it.
constexpr Duration retry_after = Duration::ms(1);

// From so many sessions on the list does not stay in the first caches between telling and sending.
constexpr std::uint32_t cold_list = 128;

enum class Sent : std::uint8_t { nothing_left, more, no_block, no_room };

Block* take_head(World& world) {
  if (world.spare_head != nullptr) return std::exchange(world.spare_head, nullptr);
  return world.parts.blocks.allocate();
}

// One datagram of a session, from its machine to its port's batch.
Sent send_one(World& world, Session& session, kcp::Session& machine, Instant now) {
  TxBatch& batch = world.batches[world.port_of(session.path)];
  if (batch.full()) batch.flush(world.stats, world.drops, now);
  if (batch.full()) return Sent::no_room;
  Block* head = take_head(world);
  if (head == nullptr) {
    ++world.stats.tx_no_block;
    return Sent::no_block;
  }
  std::uint32_t room = std::min<std::uint32_t>(world.stack.payload_max(session.path), head->size - net::headroom_bytes);
  if (session.state == SessionState::unproven) room = std::min(room, session.credit_bytes);
  OutDatagram out(head, net::headroom_bytes, room, world.config.copy_break);
  if (world.sums_copies) out.sum_copies();
  if (!machine.poll_transmit(out, now)) {
    world.spare_head = out.take_head().detach();
    // It wanted to send, so what it lacks is credit.
    if (session.state == SessionState::unproven) ++world.stats.credit_waits;
    return Sent::nothing_left;
  }
  const bool paid = session.spend_credit(out.size());
  PENSTOCK_ASSERT(paid);
  std::uint16_t port = 0;
  // Straight into the batch; what is not ready leaves the place as it was, empty.
  const auto verdict = world.stack.send_udp(session.path, std::move(out), batch.next(), port, now);
  if (verdict == net::Stack::SendVerdict::ready) batch.commit();
  world.worked = true;
  return Sent::more;
}

Sent send_session(World& world, Session& session, kcp::Session& machine, Instant now) {
  for (std::uint32_t i = 0; i < datagrams_per_turn; ++i) {
    if (!machine.wants_transmit(now)) return Sent::nothing_left;
    const Sent sent = send_one(world, session, machine, now);
    if (sent != Sent::more) return sent;
  }
  return Sent::more;
}

// Arms the machine's timer. An unproven session that lacks credit waits for its peer, or for its half-open time to end.
void settle(World& world, Session& session, kcp::Session& machine, std::uint32_t place, Instant now) {
  if (machine.holds_undelivered()) {
    machine.keep(world.parts.blocks.available() < world.parts.blocks.capacity() / 4);
  }
  Instant deadline = machine.next_deadline();
  if (deadline <= now) deadline = session.state == SessionState::unproven ? Instant::never() : now + retry_after;
  session.deadline = deadline;
  world.wheel.arm(place, TimerKind::machine, deadline);
}

// What a service has to hear, but could not in this turn: it came about behind the telling, by sending or by a service.
bool is_untold(const Session& session, const kcp::Session& machine) {
  return !session.announced || session.readable || machine.has_event();
}

// Sends what a session has and arms its timer. True when nothing is left to send or to tell.
bool visit(World& world, Session& session, std::uint32_t place, Instant now) {
  kcp::Session& machine = world.sessions.machine(place);
  // Its deadline passed and the wheel's tick has not come: who is here anyhow need not wait for it.
  if (session.deadline <= now) machine.on_timeout(now);
  const Sent sent = send_session(world, session, machine, now);
  settle(world, session, machine, place, now);
  return sent == Sent::nothing_left && !is_untold(session, machine);
}

// Where there is but one way out, and that is shut, nobody need be asked any more in this turn.
bool is_shut(const World& world) { return world.batches.size() == 1 && world.batches.front().blocked(); }

// Those whose turn did not come: who is over goes, who has nothing to hear waits.
void pass_over_rest(World& world, Instant now) {
  for (std::uint32_t place = world.dirty.settled(); place < world.dirty.count();) {
    if (world.dirty.waits(place)) {
      ++place;
      continue;
    }
    const std::uint32_t index = world.dirty[place];
    const Session& session = world.sessions[index];
    if (session.over) {
      world.dirty.remove(place);
      world.retire_session(world.sessions.id_of(index), now);
      continue;
    }
    if (!is_untold(session, world.sessions.machine(index))) world.dirty.let_wait(place);
    ++place;
  }
}

// Asks for what the next visits need. The front of a long list was told long ago and is in no cache: there each step asks for
// what the one before led to, down to the bytes to be sent.
void prefetch_visits(World& world) {
  world.prefetch_dirty(dirty_ahead);
  if (world.dirty.count() <= cold_list) return;
  const auto machine = [&](std::uint32_t place) -> const kcp::Session& {
    return world.sessions.machine(world.dirty[place]);
  };
  machine(dirty_ahead - 2).prefetch_unsent();
  machine(dirty_ahead - 4).prefetch_unsent_block();
  machine(dirty_ahead - 5).prefetch_unsent_bytes();
}

// Visits each dirty session once and puts those with work left at the end of the list.
bool send_sessions(World& world, Instant now) {
  // Retiring and sending mark nobody, so this is what there is to do.
  const std::uint32_t count = world.dirty.count();
  for (std::uint32_t visited = 0; visited < count; ++visited) {
    if (is_shut(world)) {
      pass_over_rest(world, now);
      break;
    }
    prefetch_visits(world);
    const std::uint32_t index = world.dirty.pop_front();
    Session& session = world.sessions[index];
    if (session.over) world.retire_session(world.sessions.id_of(index), now);
    else if (!visit(world, session, index, now)) world.dirty.mark(index);
  }
  return world.dirty.count() == 0;
}

// ARP, ND, ICMP, and datagrams whose next hop became known.
bool send_control(World& world, Instant now) {
  while (world.stack.wants_transmit()) {
    if (std::ranges::any_of(world.batches, [](const TxBatch& batch) { return batch.full(); })) {
      bool room = true;
      for (TxBatch& batch : world.batches) {
        batch.flush(world.stats, world.drops, now);
        room = room && !batch.full();
      }
      if (!room) return false;
    }
    std::uint16_t port = 0;
    net::TxFrame frame;
    if (!world.stack.poll_transmit(frame, port, now)) return true;
    world.batches[port].next() = std::move(frame);
    world.batches[port].commit();
    world.worked = true;
  }
  return true;
}

}  // namespace

void begin_sending(World& world) {
  for (TxBatch& batch : world.batches) batch.begin_turn();
}

bool send_header(World& world, net::Path path, const kcp::Header& header, Instant now) {
  TxBatch& batch = world.batches[world.port_of(path)];
  if (batch.full()) batch.flush(world.stats, world.drops, now);
  if (batch.full()) return false;
  Block* head = take_head(world);
  if (head == nullptr) {
    ++world.stats.tx_no_block;
    return false;
  }
  OutDatagram out(head, net::headroom_bytes, kcp::header_bytes, world.config.copy_break);
  kcp::encode(header, out.header(kcp::header_bytes));
  std::uint16_t port = 0;
  if (world.stack.send_udp(path, std::move(out), batch.next(), port, now) == net::Stack::SendVerdict::ready) {
    batch.commit();
  }
  return true;
}

bool send_all(World& world, Instant now) {
  bool all = send_sessions(world, now);
  all = send_control(world, now) && all;
  for (TxBatch& batch : world.batches) all = batch.flush(world.stats, world.drops, now) && all;
  return all;
}

}  // namespace penstock
