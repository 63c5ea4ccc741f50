#include "bench/memory_port.hpp"

#include <cstring>

namespace penstock::bench {

namespace {

constexpr std::uint32_t rx_headroom = 128;  // RTE_PKTMBUF_HEADROOM

std::uint8_t* append(std::uint8_t* target, const Segment& part) {
  if (part.empty()) return target;
  std::memcpy(target, part.bytes().data(), part.length());
  return target + part.length();
}

}  // namespace

MemoryPort::MemoryPort(BlockPool& blocks) : blocks_(blocks), receive_ring_(ring_frames), sent_ring_(ring_frames) {
  info_.name = "memory";
  info_.mac = {{2, 0, 0, 0, 0, 1}};
}

std::span<std::uint8_t> MemoryPort::give(std::uint32_t length) {
  PENSTOCK_ASSERT(waiting() < ring_frames && length <= frame_bytes_max);
  Place& place = receive_ring_[given_++ % ring_frames];
  place.length = length;
  return std::span(place.room).first(length);
}

std::uint32_t MemoryPort::receive(std::uint16_t, std::span<net::RxFrame> frames, net::DropCounters&, Instant) {
  std::uint32_t count = 0;
  for (; count < frames.size() && taken_ != given_; ++count) {
    Block* block = blocks_.allocate();
    if (block == nullptr) break;
    const Place& place = receive_ring_[taken_++ % ring_frames];
    std::memcpy(block->data + rx_headroom, place.room.data(), place.length);
    net::RxFrame& frame = frames[count];
    frame.bytes = Segment::adopt(block, rx_headroom, place.length);
    frame.ip_checksum = net::ChecksumState::unknown;
    frame.l4_checksum = net::ChecksumState::unknown;
    frame.has_rss_hash = false;
  }
  return count;
}

std::uint32_t MemoryPort::send(std::uint16_t, std::span<net::TxFrame> frames, net::DropCounters&, Instant) {
  std::uint32_t count = 0;
  for (; count < frames.size() && sent_ < ring_frames; ++count) {
    net::TxFrame& frame = frames[count];
    PENSTOCK_ASSERT(frame.bytes() <= frame_bytes_max);
    Place& place = sent_ring_[sent_++];
    place.length = frame.bytes();
    append(append(place.room.data(), frame.head), frame.link);
    frame.head.reset();
    frame.link.reset();
  }
  return count;
}

}  // namespace penstock::bench
