#include "sim/flood.hpp"

#include <limits>

namespace penstock::sim {

namespace {

constexpr std::uint8_t push = 81;
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
  constexpr std::array<std::string_view, 6> names = {"none", "invalid", "unknown", "unproven", "newcomers", "mixed"};
  return names[static_cast<std::size_t>(kind)];
}

Flood::Flood(FloodKind kind, std::uint64_t per_second, const Way& way, Instant begin)
    : interval_ns_(per_second == 0 ? 0 : 1'000'000'000 / per_second),
      next_ns_(static_cast<std::uint64_t>(begin.count_us()) * 1'000) {
  if (kind == FloodKind::none || per_second == 0) {
    next_ns_ = std::numeric_limits<std::uint64_t>::max();
    return;
  }
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

std::span<const std::uint8_t> Flood::take() {
  next_ns_ += interval_ns_;
  return frames_[order_[sent_++ % order_.size()]];
}

}  // namespace penstock::sim
