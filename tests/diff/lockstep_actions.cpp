// Lockstep, the other half: what applications and strangers do in a run of D2.
#include <algorithm>

#include "diff/lockstep.hpp"

namespace penstock::diff {

using kcp::Command;
using kcp::Header;
using kcp::Refusal;

namespace {

// The longest write that ours appends to the last segment of a stream.
constexpr std::size_t append_bytes_max = 512;
// What is let into queues that ikcp does not bound.
constexpr std::uint32_t peer_unsent_max = 400;

}  // namespace

Bytes Lockstep::draw_message(std::size_t bytes) {
  Bytes message(bytes);
  for (std::uint8_t& byte : message) byte = static_cast<std::uint8_t>(rng_.next());
  return message;
}

// ikcp fills the last segment of a stream and goes on in the next; ours appends a small write whole or not at all. Writes are
// drawn so that it is the same.
std::size_t Lockstep::draw_size(std::uint32_t mss, const IkcpLook& look) {
  const auto fragments = static_cast<std::size_t>(1 + rng_.below(plan_.message_fragments_max));
  const std::size_t bytes = rng_.below(4) == 0 ? fragments * mss : rng_.below(fragments * mss + 1);
  if (!plan_.options.stream) return bytes;
  if (look.unsent == 0 || look.last_unsent == mss) return std::max<std::size_t>(bytes, 1);
  const std::size_t fits = std::min<std::size_t>(mss - look.last_unsent, append_bytes_max);
  if (bytes > fits) ledger_.count(Divergence::stream_packing);
  return std::clamp<std::size_t>(bytes, 1, fits);
}

void Lockstep::send() {
  const std::uint32_t mss = plan_.options.mss();
  const Bytes message = draw_message(draw_size(mss, twin_.look()));
  const SendResult result = ours_.send_cut(message, mss, now());
  if (result == SendResult::full) {
    ledger_.count(Divergence::queue_bounded);
  } else if (result == SendResult::too_large) {
    ledger_.count(Divergence::message_length);
  } else {
    require(twin_.send(message) >= 0, fmt::format("ikcp refuses a message of {} bytes", message.size()));
  }
  const IkcpLook look = twin_.look();
  question_.note(look.rmt_wnd == 0 && look.unsent > 0, now_us_, plan_.options);
  compare_state("a send");
}

void Lockstep::send_by_peer() {
  if (peer_.look().unsent > peer_unsent_max) return;
  const std::uint32_t mss = plan_.peer.mss();
  const Bytes message = draw_message(rng_.below((1 + rng_.below(plan_.message_fragments_max)) * mss + 1));
  require(peer_.send(message) >= 0, "the peer refuses a message");
}

// Both hand out the same messages, or the same segments of a stream.
void Lockstep::receive() {
  if (now_us_ < we_read_at_us_) return;
  if (rng_.below(200) == 0) we_read_at_us_ = now_us_ + rng_.between(0, 200'000);
  for (auto count = rng_.below(40); count > 0; --count) {
    const auto theirs = twin_.receive();
    const auto mine = ours_.receive();
    require(mine == theirs, "another message was handed out");
    if (!mine) break;
  }
  compare_state("a receive");
}

void Lockstep::receive_by_peer() {
  if (now_us_ < peer_reads_at_us_) return;
  if (rng_.below(200) == 0) peer_reads_at_us_ = now_us_ + rng_.between(0, 200'000);
  while (peer_.receive()) {}
}

// A datagram that no honest peer sends. All but the forged ACK must be refused whole and leave nothing behind.
void Lockstep::attack() {
  const auto kind = rng_.below(7);
  if (kind == 6) return forge_ack();
  const IkcpLook look = twin_.look();
  Header plain;
  plain.conv = conv;
  plain.command = Command::wins;
  plain.una = translation_.peer_una() - 1;
  plain.window = 77;
  Header bad = plain;
  Refusal expected = Refusal::bad_command;
  if (kind == 0) {
    bad.una = Seq32(look.snd_nxt) + 1 + static_cast<std::uint32_t>(rng_.below(1u << 30));
    expected = Refusal::una_ahead;
    ledger_.count(Divergence::una_ahead);
  } else if (kind == 1) {
    bad.conv ^= 1u << rng_.below(32);
    expected = Refusal::wrong_conv;
  } else if (kind == 2) {
    bad.command = static_cast<Command>(rng_.below(2) == 0 ? rng_.below(81) : 85 + rng_.below(171));
  } else if (kind == 3) {
    expected = Refusal::bad_length;
  } else {
    // No sn but the next expected is surely not held.
    if (plan_.options.stream || look.rcv_queue >= look.rcv_wnd) return;
    bad.command = Command::push;
    bad.sn = Seq32(look.rcv_nxt);
    bad.fragment = 255;
    expected = Refusal::bad_fragment;
    ledger_.count(Divergence::fragment_checked);
  }
  Bytes datagram;
  const bool second = rng_.below(2) == 0;
  // Were it applied, this would take the window and free what is in flight.
  if (second) put(datagram, plain);
  put(datagram, bad);
  if (kind == 3) datagram[datagram.size() - 4] = static_cast<std::uint8_t>(rng_.between(1, 255));
  if (second) ledger_.count(Divergence::whole_datagram);
  send_hostile(std::move(datagram), expected);
}

void Lockstep::send_hostile(Bytes datagram, Refusal expected) {
  const Refusal refusal = ours_.take(datagram, now());
  require(refusal == expected,
          fmt::format("a hostile datagram was refused as {}, not as {}", name_of(refusal), name_of(expected)));
  compare_state("a hostile datagram");
}

// An ACK of something that may be in flight, with a stamp drawn by chance.
void Lockstep::forge_ack() {
  Header header;
  header.conv = conv;
  header.command = Command::ack;
  header.una = translation_.peer_una();
  header.window = translation_.peer_window();
  const IkcpLook look = twin_.look();
  header.sn = Seq32(look.snd_una) + static_cast<std::uint32_t>(rng_.below(look.snd_nxt - look.snd_una + 3));
  header.stamp = Stamp32(rng_.next32());
  Bytes datagram;
  put(datagram, header);
  hear(datagram);
}

}  // namespace penstock::diff
