#include "load/flood.hpp"

#include <algorithm>
#include <array>

#include "net/checksum.hpp"
#include "net/headers.hpp"

namespace penstock::load {

namespace {

constexpr std::uint32_t burst = 32;
// Room in front of a frame, for what a driver puts there.
constexpr std::uint32_t headroom = 128;
constexpr std::size_t ip_at = net::ethernet_bytes;
constexpr std::size_t udp_at = ip_at + net::ip4_bytes;
constexpr std::size_t kcp_at = udp_at + net::udp_bytes;
constexpr std::size_t data_at = kcp_at + 24;
constexpr std::uint8_t push = 81;
constexpr std::uint8_t window = 128;
constexpr std::uint8_t filling = 0x5a;
// Odd, so that no two newcomers of one /16 have one address.
constexpr std::uint32_t address_stride = 40'503;

std::uint32_t frames_of(FloodKind kind) {
  if (kind == FloodKind::newcomers) return FloodPort::newcomers;
  return kind == FloodKind::unproven ? FloodPort::flows * FloodPort::segments : FloodPort::flows;
}

void le32_to(std::span<std::uint8_t> bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

}  // namespace

FloodPort::FloodPort(Port& inner, BlockPool& blocks, const RunPlan& plan, const Progress& progress, Results& results)
    : inner_(inner),
      blocks_(blocks),
      kind_(plan.flood),
      per_second_(plan.flood_rate),
      progress_(progress),
      results_(results),
      frames_(std::size_t{frames_of(plan.flood)} * frame_bytes) {}

std::uint32_t FloodPort::receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters& drops,
                                 Instant now) {
  flood(queue, drops, now);
  return inner_.receive(queue, frames, drops, now);
}

std::uint32_t FloodPort::send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops,
                              Instant now) {
  for (std::size_t i = 0; i < frames.size() && !ready_; ++i) learn(frames[i].head.bytes());
  return inner_.send(queue, frames, drops, now);
}

Instant FloodPort::next_deadline(std::uint16_t queue) const {
  const Instant inner = inner_.next_deadline(queue);
  if (begun_.is_never()) return inner;
  return earlier(inner, begun_ + Duration::us(static_cast<std::int64_t>((made_ + 1) * 1'000'000 / per_second_)));
}

void FloodPort::add_memory(std::uint16_t queue, MemoryMap& map) const {
  map.add_object("flood", *this);
  map.add("flood's frames", std::as_bytes(std::span(frames_)));
  inner_.add_memory(queue, map);
}

void FloodPort::learn(std::span<const std::uint8_t> frame) {
  if (frame.size() < kcp_at || net::be16_at(frame, 12) != net::ethertype_ip4) return;
  if (frame[ip_at] != 0x45 || frame[ip_at + 9] != net::protocol_udp) return;
  for (std::uint32_t i = 0; i < frames_of(kind_); ++i) {
    const std::span place = std::span(frames_).subspan(std::size_t{i} * frame_bytes, frame_bytes);
    std::ranges::copy(frame.first(kcp_at), place.begin());
    prepare(place, i);
  }
  ready_ = true;
}

// Makes the `number`-th frame of headers that a session's datagram had: one PUSH.
void FloodPort::prepare(std::span<std::uint8_t> frame, std::uint32_t number) const {
  const std::uint32_t flow = kind_ == FloodKind::newcomers ? number : number % flows;
  const std::uint32_t sn = kind_ == FloodKind::unknown ? 7 : kind_ == FloodKind::unproven ? number / flows : 0;
  constexpr std::uint16_t ip_length = frame_bytes - ip_at;
  constexpr std::uint16_t udp_length = frame_bytes - udp_at;
  if (kind_ == FloodKind::newcomers) net::be16_to(frame, ip_at + 14, static_cast<std::uint16_t>(flow * address_stride));
  net::be16_to(frame, ip_at + 2, ip_length);
  net::be16_to(frame, ip_at + 10, 0);
  net::field_write(frame.subspan(ip_at + 10, 2),
                   net::checksum_field(internet_sum(frame.subspan(ip_at, net::ip4_bytes))));
  net::be16_to(frame, udp_at, static_cast<std::uint16_t>(first_port + flow));
  net::be16_to(frame, udp_at + 4, udp_length);
  net::be16_to(frame, udp_at + 6, 0);
  std::ranges::fill(frame.subspan(kcp_at, data_at - kcp_at), std::uint8_t{0});
  le32_to(frame, kcp_at, flow + 1);
  frame[kcp_at + 4] = push;
  frame[kcp_at + 6] = window;
  le32_to(frame, kcp_at + 12, sn);
  le32_to(frame, kcp_at + 20, frame_bytes - data_at);
  std::ranges::fill(frame.subspan(data_at), filling);
  const std::uint64_t pseudo = net::pseudo_header_sum(net::ip4_at(frame, ip_at + 12), net::ip4_at(frame, ip_at + 16),
                                                      net::protocol_udp, udp_length);
  net::field_write(frame.subspan(udp_at + 6, 2), net::udp_checksum_field(internet_sum(frame.subspan(udp_at), pseudo)));
  if (kind_ == FloodKind::invalid) frame[udp_at + 6] ^= filling;
}

// Sends what has become due since the flood began.
void FloodPort::flood(std::uint16_t queue, net::DropCounters& drops, Instant now) {
  const Phase phase = progress_.phase.load(std::memory_order_relaxed);
  if (!ready_ || (phase != Phase::warming && phase != Phase::measuring)) {
    begun_ = Instant::never();
    return;
  }
  if (begun_.is_never()) {
    begun_ = now;
    made_ = 0;
  }
  const std::uint64_t due = static_cast<std::uint64_t>((now - begun_).count_us()) * per_second_ / 1'000'000;
  std::uint64_t late = due - made_;
  made_ = due;
  const bool counts = phase == Phase::measuring;
  if (late > frames_per_call) {
    if (counts) results_.flood_missed += late - frames_per_call;
    late = frames_per_call;
  }
  while (late > 0) {
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(late, burst));
    send_next(queue, count, counts, drops, now);
    late -= count;
  }
}

void FloodPort::send_next(std::uint16_t queue, std::uint32_t count, bool counts, net::DropCounters& drops,
                          Instant now) {
  std::array<net::TxFrame, burst> frames;
  std::uint32_t filled = 0;
  while (filled < count) {
    Block* block = blocks_.allocate();
    if (block == nullptr) break;
    net::TxFrame& frame = frames[filled++];
    frame.head = Segment::adopt(block, headroom, frame_bytes);
    std::ranges::copy(std::span(frames_).subspan(std::size_t{next_} * frame_bytes, frame_bytes),
                      frame.head.writable().begin());
    frame.l2_bytes = net::ethernet_bytes;
    frame.l3_bytes = net::ip4_bytes;
    frame.is_v4 = true;
    next_ = next_ + 1 == frames_of(kind_) ? 0 : next_ + 1;
  }
  const std::uint32_t taken = filled == 0 ? 0 : inner_.send(queue, std::span(frames).first(filled), drops, now);
  if (!counts) return;
  results_.flood_sent += taken;
  results_.flood_missed += count - taken;
}

}  // namespace penstock::load
