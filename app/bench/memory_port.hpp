// MemoryPort: a port that copies prepared frames into blocks and sent frames out of them, as memif's driver does.
//
// What receive() and send() cost is the stand-in for a driver, so the bench tells it apart from the engine's own work. One
// queue, no offloads. The driver of a part fills it with give() and reads sent() between turns. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "buf/block.hpp"
#include "engine/port.hpp"

namespace penstock::bench {

class MemoryPort final : public Port {
 public:
  static constexpr std::uint32_t frame_bytes_max = 2048;
  static constexpr std::uint32_t ring_frames = 1024;

  // Received frames lie in blocks of `blocks`, behind the headroom that DPDK's mbufs have.
  explicit MemoryPort(BlockPool& blocks);

  const PortInfo& info() const override { return info_; }
  bool link_up() const override { return true; }
  std::uint32_t receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters& drops,
                        Instant now) override;
  std::uint32_t send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops,
                     Instant now) override;

  // Room for the next frame to be received; `length` bytes of it count. There must be a free place.
  std::span<std::uint8_t> give(std::uint32_t length);
  std::uint32_t waiting() const { return given_ - taken_; }
  // Frames sent since forget_sent().
  std::uint32_t sent_count() const { return sent_; }
  std::span<const std::uint8_t> sent(std::uint32_t place) const { return sent_ring_[place].bytes(); }
  void forget_sent() { sent_ = 0; }

 private:
  struct Place {
    std::uint32_t length = 0;
    std::array<std::uint8_t, frame_bytes_max> room;
    std::span<const std::uint8_t> bytes() const { return std::span(room).first(length); }
  };

  BlockPool& blocks_;
  PortInfo info_;
  std::vector<Place> receive_ring_;
  std::vector<Place> sent_ring_;
  std::uint32_t given_ = 0;  // frames given so far; the ring's place is this modulo its size
  std::uint32_t taken_ = 0;
  std::uint32_t sent_ = 0;
};

}  // namespace penstock::bench
