#include "engine/roaming.hpp"

#include "engine/admission.hpp"
#include "engine/egress.hpp"

namespace penstock {

namespace {

// By how much una may have moved since a path was asked: two of the largest windows.
constexpr std::uint32_t una_moved_max = 2 * kcp::Options::window_max;

// The session and its generation stand in the salt, so that an answer is none for a later session of the same conv.
Challenge::Subject subject_of(const Session& session, SessionId id, const net::Path& path) {
  return {.path = path, .conv = session.conv, .salt = id.raw()};
}

bool holds_proof(std::span<const std::uint8_t> datagram, const Challenge::Expected& expected, Seq32 una) {
  kcp::SegmentReader reader(datagram);
  while (reader.next()) {
    const kcp::Header header = reader.header();
    if (header.command != kcp::Command::ack) continue;
    if (expected.meets(una - una_moved_max, una, {header.sn, header.stamp})) return true;
  }
  return false;
}

void ask(World& world, SessionId id, const net::Path& path, Instant now) {
  Session& session = world.sessions[id.index()];
  if (!session.may_ask_path(now)) return;
  const kcp::Session& machine = world.sessions.machine(id.index());
  const auto cookie = world.challenge.make(subject_of(session, id, path), machine.send_una(), now);
  if (send_header(world, path, machine.question(cookie.sn, cookie.stamp), now)) ++world.stats.path_challenges_sent;
}

}  // namespace

SessionId find_elsewhere(World& world, const Listener& listener, const net::Packet& packet, std::uint32_t conv) {
  if (!listener.config().roaming) return {};
  const auto bytes = packet.payload.bytes();
  const bool has_heard = kcp::decode(bytes.data()).una != Seq32(0);
  if (!has_heard && may_open(bytes, conv)) return {};
  return world.find_conv(packet.path, conv);
}

bool follow(World& world, SessionId id, const net::Packet& packet, Instant now) {
  const Session& session = world.sessions[id.index()];
  kcp::Session& machine = world.sessions.machine(id.index());
  const auto bytes = packet.payload.bytes();
  net::DropReason why = net::DropReason::path_unproven;
  const bool may_move = session.state == SessionState::proven && !session.over && !session.conv_shared;
  if (may_move && machine.may_be_from_peer(bytes)) {
    const auto expected = world.challenge.expect(subject_of(session, id, packet.path), now);
    if (holds_proof(bytes, expected, machine.send_una())) {
      const auto refused = world.move_session(id, packet.path);
      if (!refused) {
        machine.on_path_changed(path_base(packet.path), now);
        return true;
      }
      why = *refused;
    } else {
      ask(world, id, packet.path, now);
    }
  }
  world.drops.count(why);
  return false;
}

}  // namespace penstock
