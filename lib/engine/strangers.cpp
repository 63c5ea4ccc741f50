#include "engine/strangers.hpp"

#include <algorithm>
#include <utility>

#include "engine/admission.hpp"
#include "engine/egress.hpp"
#include "engine/refusals.hpp"

namespace penstock {

namespace {

// ACKs of one datagram that are tried as a proof: an honest peer has one for each time that it was challenged.
constexpr int proofs_tried_max = 4;
// A challenge is good for so long at the most.
constexpr Duration proof_life = Challenge::epoch * 2;

struct Stranger {
  const net::Packet& packet;
  std::uint32_t conv;
  HalfOpenTable& table;
  HalfOpen* entry;  // or nullptr, when he is not remembered
};

Challenge::Subject subject_of(const Stranger& who) { return {.path = who.packet.path, .conv = who.conv}; }

// True when an ACK of the datagram echoes a challenge that we sent to its address for this conversation. Who has no entry is
// believed only while some are challenged without one: else it is an old proof that the network gives once more.
bool brings_proof(const World& world, const Stranger& who, Instant now) {
  if (who.entry == nullptr && !who.table.was_stateless(proof_life, now)) return false;
  kcp::SegmentReader reader(who.packet.payload.bytes());
  for (int tried = 0; tried < proofs_tried_max && reader.next();) {
    const kcp::Header header = reader.header();
    if (header.command != kcp::Command::ack || !header.sn.before(Seq32(0))) continue;
    ++tried;
    const Challenge::Cookie answer{header.sn, header.stamp};
    if (world.challenge.verify(subject_of(who), Seq32(0), Seq32(0), answer, now)) return true;
  }
  return false;
}

// The numbers of the datagram that lie in the opening window: what the session would store.
OpeningNumbers numbers_of(const World& world, const Listener& listener, std::span<const std::uint8_t> datagram) {
  const std::uint32_t window =
      std::min(opening_window_max, world.environments[listener.index()].options.receive_window());
  OpeningNumbers numbers;
  kcp::SegmentReader reader(datagram);
  while (reader.next()) {
    const kcp::Header header = reader.header();
    if (header.command == kcp::Command::push && header.sn.raw() < window) numbers.set(header.sn.raw());
  }
  return numbers;
}

// True when what the datagram brings is with his entry, by now or before.
bool keep(World& world, const Listener& listener, const Stranger& who) {
  const std::span bytes = who.packet.payload.bytes();
  const OpeningNumbers numbers = numbers_of(world, listener, bytes);
  return numbers.any() && who.table.hold(*who.entry, bytes, numbers, world.small_blocks);
}

// The one answer to a first datagram: an empty PUSH of a number in the past, no longer than the shortest that asks for it.
bool send_challenge(World& world, const Listener& listener, const Stranger& who, Instant now) {
  const Challenge::Cookie cookie = world.challenge.make(subject_of(who), Seq32(0), now);
  kcp::Header header;
  header.conv = who.conv;
  header.window = static_cast<std::uint16_t>(world.environments[listener.index()].options.receive_window());
  header.sn = cookie.sn;
  header.stamp = cookie.stamp;
  return send_header(world, who.packet.path, header, now);
}

// Challenges who begins, and remembers him where there is room. Nothing when the datagram was dealt with, else why not.
std::optional<net::DropReason> challenge(World& world, const Listener& listener, Stranger& who, Instant now) {
  if (who.entry == nullptr && world.overload.sheds_newcomer(now)) return net::DropReason::shed_newcomer;
  if (!send_challenge(world, listener, who, now)) return net::DropReason::challenge_unsent;
  ++world.stats.challenges_sent;
  if (who.entry == nullptr) who.entry = who.table.open(who.packet.path, who.conv, now);
  if (who.entry != nullptr) keep(world, listener, who);
  return std::nullopt;
}

// What the stranger sends before his proof: nothing when it was answered or kept, else why it was dropped.
std::optional<net::DropReason> hear(World& world, const Listener& listener, Stranger& who, Instant now) {
  if (who.entry != nullptr && world.overload.sheds_unproven(who.table.age(*who.entry, now), now)) {
    return net::DropReason::shed_unproven;
  }
  if (may_open(who.packet.payload.bytes(), who.conv)) return challenge(world, listener, who, now);
  if (who.entry != nullptr && keep(world, listener, who)) return std::nullopt;
  return net::DropReason::session_not_opening;
}

// The peer of a session keyed by its address alone has begun another conversation: the old one ends at once.
void replace(World& world, SessionId old, Instant now) {
  world.sessions[old.index()].replaced = true;
  world.sessions.machine(old.index()).close(CloseReason::replaced, now);
  world.mark_dirty(old.index());
}

// Opens the session of a peer that has proven its address, and gives it what it has sent meanwhile.
std::optional<SessionId> open_proven(World& world, Listener& listener, const Stranger& who, SessionId known,
                                     Instant now, net::DropReason& why) {
  // Should there be no room for the new one, the old one is over all the same, and leaves its own.
  if (known.is_valid()) replace(world, known, now);
  const auto id = world.open_session(listener, who.packet.path, who.conv, kcp::Opening::by_us, now, why);
  if (!id) return std::nullopt;
  ++world.stats.challenges_proven;
  if (who.entry == nullptr) return id;
  HeldChain chain = who.table.prove(*who.entry);
  while (true) {
    Segment held = chain.take();
    if (!held.holds()) return id;
    // What it refuses for want of memory comes again, as nothing acknowledges it.
    static_cast<void>(world.sessions.machine(id->index()).on_datagram(std::move(held), now));
    world.sessions[id->index()].readable = true;
  }
}

}  // namespace

std::optional<SessionId> meet(World& world, Listener& listener, const net::Packet& packet, std::uint32_t conv,
                              SessionId known, Instant now) {
  HalfOpenTable& table = *world.half_open[listener.index()];
  Stranger who{.packet = packet, .conv = conv, .table = table, .entry = table.find(packet.path, conv)};
  const auto drop = [&world](net::DropReason why) {
    world.drops.count(why);
    return std::nullopt;
  };
  const bool proves = brings_proof(world, who, now);
  if (!proves && who.entry == nullptr && !may_open(packet.payload.bytes(), conv)) {
    return drop(known.is_valid() ? net::DropReason::kcp_wrong_conv : net::DropReason::session_not_opening);
  }
  kcp::Environment& environment = world.environments[listener.index()];
  const kcp::Refusal refusal = kcp::Session::judge_first(environment, conv, packet.payload.bytes(), now);
  if (refusal != kcp::Refusal::none) return drop(drop_reason_of(refusal));
  if (!proves) {
    if (const auto why = hear(world, listener, who, now)) return drop(*why);
    ++world.stats.delivered;
    world.worked = true;
    return std::nullopt;
  }
  net::DropReason why{};
  if (const auto id = open_proven(world, listener, who, known, now, why)) return id;
  return drop(why);
}

}  // namespace penstock
