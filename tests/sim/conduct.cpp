#include "sim/conduct.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/seq.hpp"
#include "sim/book.hpp"
#include "sim/broken.hpp"
#include "sim/plan.hpp"

namespace penstock::sim {

namespace {

// Frames that one forged frame may make two hosts say to each other, copies on bad links aside.
constexpr std::uint32_t said_per_forged = 32;
// Segments that a port on purpose may have lost, more than any window.
constexpr std::uint32_t lost_before_wire_max = 1024;
// What is said so much later is no quarrel any more: two that have proven themselves to each other ask for signs of life.
constexpr Duration quarrel = Duration::seconds(3);
// Claims of addresses, questions for neighbours and the like, which a host says at its start or repeats now and then.
constexpr std::uint64_t greetings_max = 200;
// Each question is worth an answer, and a window that opens again is told besides.
constexpr std::uint64_t answers_per_question = 2;
constexpr std::uint64_t windows_unasked_max = 8;

bool is_silent_v4(std::span<const std::uint8_t> address) {
  const auto first = address_of(silent_first, false).v4_bytes();
  const bool prefix = std::ranges::equal(address.first(3), std::span(first).first(3));
  return prefix && address[3] >= first[3] && address[3] < first[3] + silent_count;
}

bool is_silent_v6(std::span<const std::uint8_t> address) {
  const auto first = address_of(silent_first, true);
  const bool prefix = std::ranges::equal(address.first(15), std::span(first.bytes()).first(15));
  return prefix && address[15] >= first.bytes()[15] && address[15] < first.bytes()[15] + silent_count;
}

bool has_data(std::span<const SegmentView> segments) {
  return std::ranges::any_of(segments, [](const SegmentView& s) { return s.command == command_push && s.length > 0; });
}

// Whether a datagram is worth an answer: data, a ping, a question for the window, or something other than KCP. What merely
// answers – an ACK, a window – is worth none, or two hosts would never end.
bool asks(std::span<const SegmentView> segments) {
  return segments.empty() || std::ranges::any_of(segments, [](const SegmentView& s) {
           return s.command != command_ack && s.command != command_wins;
         });
}

}  // namespace

bool is_for_silent(std::span<const std::uint8_t> f) {
  if (f.size() < 14) return false;
  for (std::uint32_t i = 0; i < silent_count; ++i) {
    if (std::ranges::equal(f.first(6), mac_of(silent_first + i).bytes)) return true;
  }
  std::size_t at = 12;
  const auto type = [&] { return static_cast<unsigned>(f[at] << 8 | f[at + 1]); };
  while (f.size() >= at + 6 && (type() == 0x8100 || type() == 0x88a8)) at += 4;
  const auto p = f.subspan(at + 2);
  if (type() == 0x0806) return p.size() >= 28 && is_silent_v4(p.subspan(24, 4));
  if (type() == 0x0800) return p.size() >= 20 && is_silent_v4(p.subspan(16, 4));
  if (type() != 0x86dd || p.size() < 40) return false;
  const bool solicits = p[6] == 58 && p.size() >= 64 && p[40] == 135;
  return is_silent_v6(p.subspan(24, 16)) || (solicits && is_silent_v6(p.subspan(48, 16)));
}

Conduct::Conduct(std::uint32_t hosts, Stored stored) : stored_(std::move(stored)), counts_(hosts) {}

// Behind the last segment such that it and all before it were acknowledged, by una or by ACKs. Where these two disagree, the
// peer is another than it was and has nothing to do with the ACKs of the one before; who sends cannot know that.
Seq32 Conduct::Peer::acknowledged_by(const SegmentView& s) {
  if (Seq32(s.una).after(acknowledged)) acknowledged = Seq32(s.una);
  if (s.command == command_ack && Seq32(s.sn).before(Seq32(sent_end))) acked.insert(s.sn);
  while (acked.erase(acknowledged.raw()) > 0) ++acknowledged;
  return acknowledged;
}

void Conduct::on_arrival(std::uint32_t host, std::span<const std::uint8_t> frame) {
  const auto datagram = peek(frame);
  const auto segments = datagram ? segments_of(datagram->payload) : std::vector<SegmentView>{};
  if (asks(segments)) ++counts_[host].asked;
  for (const SegmentView& s : segments) {
    Peer& peer = peers_[{host, s.conv}];
    if (s.command != command_ack && s.command != command_wins) ++peer.asked;
    // What was sent may have been lost before it came to the wire.
    if (Seq32(s.una).after(Seq32(peer.sent_end + lost_before_wire_max))) continue;
    const std::uint32_t end = peer.acknowledged_by(s).raw() + s.window;
    if (Seq32(end).after(Seq32(peer.room_end))) peer.room_end = end;
  }
}

void Conduct::on_departure(std::uint32_t host, std::span<const std::uint8_t> frame, Instant now) {
  if (is_for_silent(frame)) throw Broken(fmt::format("host {} answers what is invalid: {}", host, describe(frame)));
  const auto datagram = peek(frame);
  const auto segments = datagram ? segments_of(datagram->payload) : std::vector<SegmentView>{};
  if (!has_data(segments)) ++counts_[host].without_data;
  if (segments.empty()) return;
  for (const SegmentView& s : segments) judge(host, datagram->destination, s, now);
  if (!is_stranger(segments.front().conv)) return;
  const auto loop = loops_.find(segments.front().conv);
  if (loop == loops_.end() || now - loop->second.at > quarrel) return;
  require(++loop->second.said <= said_per_forged * loop->second.forged,
          "hosts go on about conversation {:x}, which somebody forged", segments.front().conv);
}

void Conduct::judge(std::uint32_t host, const net::Endpoint& peer_at, const SegmentView& s, Instant now) {
  if (s.command == command_ack) {
    require(stored_(host, peer_at, s.conv, s.sn, now),
            "host {} acknowledges segment {} of conversation {:x} to {}, which it does not hold", host, s.sn, s.conv,
            net::to_string(peer_at));
  }
  if (s.una > 0) {
    require(stored_(host, peer_at, s.conv, s.una - 1, now),
            "host {} tells una {} of conversation {:x} to {} without holding what is before", host, s.una, s.conv,
            net::to_string(peer_at));
  }
  Peer& peer = peers_[{host, s.conv}];
  if (s.command == command_wins) {
    require(++peer.told <= answers_per_question * peer.asked + windows_unasked_max,
            "host {} goes on telling its window to conversation {:x}, which asks for nothing", host, s.conv);
  }
  if (s.command != command_push || s.length == 0) return;
  if (Seq32(s.sn).at_or_after(Seq32(peer.sent_end))) peer.sent_end = s.sn + 1;
  require(Seq32(s.sn).before(Seq32(peer.room_end)),
          "host {} sends segment {} of conversation {:x}, for which the peer never had room", host, s.sn, s.conv);
}

void Conduct::check_answers(std::uint32_t host, std::uint64_t unasked) const {
  const Count& count = counts_[host];
  require(count.without_data <= answers_per_question * count.asked + unasked + greetings_max,
          "host {} sent {} frames without data, though it was asked by {} and {} timers fired", host,
          count.without_data, count.asked, unasked);
}

}  // namespace penstock::sim
