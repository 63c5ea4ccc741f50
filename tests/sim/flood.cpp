#include "sim/flood.hpp"

#include <limits>

namespace penstock::sim {

namespace {

constexpr std::uint8_t push = command_push;
constexpr std::size_t victims_max = 4096;
// Flows of the kinds that do not need a fresh one for each frame.
constexpr std::uint32_t flows = 64;
// Segments that an unproven peer sends of each conversation before it begins to repeat them.
constexpr std::uint32_t segments = 64;
constexpr std::size_t payload_bytes = 64;
constexpr std::size_t udp_checksum_at = 14 + 20 + 6;

// One PUSH of the flow with this number; kinds do not share flows.
Bytes frame(const Flood::Way& way, FloodKind kind, std::uint32_t flow, std::uint32_t sn) {
  const auto source = net::IpAddress::v4(10, static_cast<std::uint8_t>(64 + static_cast<int>(kind)),
                                         static_cast<std::uint8_t>(flow >> 8), static_cast<std::uint8_t>(flow));
  const Bytes data(payload_bytes, 0x5a);
  const net::Endpoint from{source, 5000};
  const Bytes datagram = udp(from, way.server, kcp(flow + 1, push, 0, sn, 0, data));
  return ethernet(way.destination_mac, way.source_mac, {}, 0x0800, ip(source, way.server.address, 17, datagram));
}

}  // namespace

std::string_view name_of(FloodKind kind) {
  constexpr std::array<std::string_view, 7> names = {"none",      "invalid", "unknown", "unproven",
                                                     "newcomers", "mixed",   "spoofed"};
  return names[static_cast<std::size_t>(kind)];
}

Flood::Flood(FloodKind kind, std::uint64_t per_second, const Way& way, Instant begin)
    : kind_(kind),
      way_(way),
      interval_ns_(per_second == 0 ? 0 : 1'000'000'000 / per_second),
      next_ns_(static_cast<std::uint64_t>(begin.count_us()) * 1'000) {
  if (kind == FloodKind::none || per_second == 0) {
    next_ns_ = std::numeric_limits<std::uint64_t>::max();
    return;
  }
  if (kind == FloodKind::spoofed) return;
  if (kind != FloodKind::mixed) {
    prepare(kind, way);
    return;
  }
  std::vector<std::vector<std::uint32_t>> lists;
  for (const FloodKind one : {FloodKind::invalid, FloodKind::unknown, FloodKind::unproven, FloodKind::newcomers}) {
    order_.clear();
    prepare(one, way);
    lists.push_back(order_);
  }
  order_.clear();
  for (std::uint32_t i = 0; i < newcomers_max; ++i) {
    for (const auto& list : lists) order_.push_back(list[i % list.size()]);
  }
}

// Appends the kind's frames, and their order.
void Flood::prepare(FloodKind kind, const Way& way) {
  const auto add = [&](Bytes made) {
    order_.push_back(static_cast<std::uint32_t>(frames_.size()));
    frames_.push_back(std::move(made));
  };
  if (kind == FloodKind::unproven) {
    for (std::uint32_t sn = 0; sn < segments; ++sn) {
      for (std::uint32_t flow = 0; flow < flows; ++flow) add(frame(way, kind, flow, sn));
    }
    return;
  }
  const std::uint32_t count = kind == FloodKind::newcomers ? newcomers_max : flows;
  for (std::uint32_t flow = 0; flow < count; ++flow) {
    add(frame(way, kind, flow, kind == FloodKind::unknown ? 7 : 0));
    if (kind == FloodKind::invalid) frames_.back()[udp_checksum_at] ^= 0x5a;
  }
}

void Flood::learn(std::span<const std::uint8_t> bytes) {
  if (kind_ != FloodKind::spoofed || victims_.size() >= victims_max) return;
  const auto view = peek(bytes);
  const auto segments = view ? peek_kcp(view->payload) : std::nullopt;
  if (segments && known_.insert(segments->conv).second) victims_.push_back({view->source, segments->conv});
}

Bytes Flood::in_the_name_of(const net::Endpoint& source, const Bytes& payload) const {
  return ethernet(way_.destination_mac, way_.source_mac, {}, 0x0800,
                  ip(source.address, way_.server.address, 17, udp(source, way_.server, payload)));
}

// Eight sorts of frames in turn, each in the name of the next victim.
Bytes Flood::spoof(std::uint64_t number) const {
  const auto turn = static_cast<std::uint32_t>(number / 8);
  const Bytes data(payload_bytes, 0x5a);
  if (victims_.empty() || number % 8 < 2)
    return frame(way_, FloodKind::newcomers, static_cast<std::uint32_t>(number) % newcomers_max, 0);
  const Victim& victim = victims_[turn % victims_.size()];
  const std::uint32_t wrong = victim.conv ^ (turn << 8 | 0x55);
  switch (number % 8) {
    case 2: return in_the_name_of(victim.source, kcp(wrong, push, 0, 0, 0, data));
    case 3: return in_the_name_of(victim.source, kcp(wrong, push, 0, 7, 0, data));
    case 4: return in_the_name_of(victim.source, kcp(victim.conv, push, 0, 0, 1'000'000'000, data));
    case 5: return in_the_name_of(victim.source, kcp(victim.conv, push, 0, 1'000'000'000, 0, data));
    case 6:
      return in_the_name_of(victim.source, kcp(victim.conv, command_ack, 0, turn % 64, 0, {}, turn * 2654435761u));
    default: {
      Bytes junk = kcp(victim.conv, push, 0, 0, 0, {});
      append(junk, Bytes(payload_bytes, static_cast<std::uint8_t>(turn | 1)));
      return in_the_name_of(victim.source, junk);
    }
  }
}

std::span<const std::uint8_t> Flood::take() {
  next_ns_ += interval_ns_;
  if (kind_ == FloodKind::spoofed) return spoofed_ = spoof(sent_++);
  return frames_[order_[sent_++ % order_.size()]];
}

}  // namespace penstock::sim
