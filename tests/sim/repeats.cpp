#include "sim/repeats.hpp"

#include <algorithm>

namespace penstock::sim {

namespace {

// What comes is acted on at the next turn, perhaps by another worker of the host.
constexpr Duration turn_max = Duration::ms(2);
constexpr std::size_t stamps_max = 4;

}  // namespace

void RepeatCounts::add(const RepeatCounts& other) {
  repeats += other.repeats;
  unanswered += other.unanswered;
  under_way += other.under_way;
  answered += other.answered;
}

bool RepeatWatch::Segment::names(std::uint32_t stamp) const { return std::ranges::find(stamps, stamp) != stamps.end(); }

// Of what the peer holds.
void RepeatWatch::count(RepeatCounts& counts, const Side& side, std::uint32_t sn, Instant now) {
  const auto found = side.segments.find(sn);
  // Una has passed it, or an ACK named it.
  const Instant heard = found == side.segments.end() ? side.una_heard_at : found->second.answer_heard;
  if (!heard.is_never() && now - heard > turn_max) {
    ++counts.answered;
  } else if (!heard.is_never() || found->second.answer_left || Seq32(sn).before(side.una_left)) {
    ++counts.under_way;
  } else {
    ++counts.unanswered;
  }
}

// A frame may have waited for its way out since its stamp was read.
Instant RepeatWatch::written_at(Side& side, std::uint32_t stamp, Instant now) {
  const auto lag_ms = static_cast<std::uint32_t>(now.count_us() / 1000) - stamp;
  if (!side.lag_ms || static_cast<std::int32_t>(lag_ms - *side.lag_ms) < 0) side.lag_ms = lag_ms;
  return now - Duration::ms(lag_ms - *side.lag_ms);
}

bool RepeatWatch::held(const Sides& sides, std::uint32_t host, const net::Endpoint& source, const SegmentView& segment,
                       Instant now) const {
  return std::ranges::any_of(sides, [&](const auto& one) {
    return one.first != host && holds_(one.first, source, segment.conv, segment.sn, now);
  });
}

// The peer of `side` answers, or its host hears it at `heard_at`.
void RepeatWatch::note_answer(Side& side, const SegmentView& answer, Instant heard_at) {
  const bool heard = !heard_at.is_never();
  const auto found = answer.command == command_ack ? side.segments.find(answer.sn) : side.segments.end();
  if (found != side.segments.end()) {
    Segment& segment = found->second;
    segment.answer_left |= !heard;
    if (segment.answer_left && segment.names(answer.stamp))
      segment.answer_heard = earlier(segment.answer_heard, heard_at);
  }
  const Seq32 told(answer.una);
  if (!heard) {
    if (told.after(side.una_left)) side.una_left = told;
    return;
  }
  // Somebody else may claim more in the peer's name.
  if (!told.after(side.una_heard) || told.after(side.una_left)) return;
  side.una_heard = told;
  side.una_heard_at = heard_at;
  std::erase_if(side.segments, [told](const auto& one) { return Seq32(one.first).before(told); });
}

void RepeatWatch::on_departure(std::uint32_t host, std::span<const std::uint8_t> frame, Instant now) {
  const auto datagram = peek(frame);
  if (!datagram) return;
  for (const SegmentView& s : segments_of(datagram->payload)) {
    Sides& sides = conversations_[s.conv];
    for (auto& [other, side] : sides) {
      if (other != host) note_answer(side, s, Instant::never());
    }
    if (s.command != command_push || s.length == 0) continue;
    Side& side = sides[host];
    const Instant written = written_at(side, s.stamp, now);
    const Seq32 sn(s.sn);
    const bool again = side.segments.contains(s.sn) || sn.before(side.una_heard);
    if (again) {
      ++counts_[host].repeats;
      if (held(sides, host, datagram->source, s, now)) count(counts_[host], side, s.sn, written);
    }
    if (sn.before(side.una_heard)) continue;
    std::vector<std::uint32_t>& stamps = side.segments[s.sn].stamps;
    if (stamps.size() == stamps_max) stamps.erase(stamps.begin() + 1);
    stamps.push_back(s.stamp);
  }
}

void RepeatWatch::on_arrival(std::uint32_t host, std::span<const std::uint8_t> frame, Instant now) {
  const auto datagram = peek(frame);
  if (!datagram) return;
  for (const SegmentView& s : segments_of(datagram->payload)) {
    const auto conversation = conversations_.find(s.conv);
    if (conversation == conversations_.end()) continue;
    const auto side = conversation->second.try_emplace(host).first;
    note_answer(side->second, s, now);
  }
}

void RepeatWatch::forget(std::uint32_t host) {
  std::erase_if(conversations_, [host](const auto& one) { return one.second.contains(host); });
}

}  // namespace penstock::sim
