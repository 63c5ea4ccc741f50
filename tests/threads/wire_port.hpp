// WirePort: a port whose queues are used by workers on their threads while another thread plays the network.
//
// Received frames are copied into blocks of the node's pool; sent frames leave as bytes. Each queue has a lock of its own,
// as a NIC's rings need none but the tests' network is no NIC.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "engine/port.hpp"

namespace penstock::test {

using Bytes = std::vector<std::uint8_t>;

class WirePort final : public Port {
 public:
  static constexpr std::uint16_t queues = 2;

  WirePort(BlockPool& pool, const net::MacAddress& mac) : pool_(pool) {
    info_.name = "wire";
    info_.mac = mac;
    info_.queues = queues;
  }

  const PortInfo& info() const override { return info_; }
  bool link_up() const override { return true; }
  std::uint32_t receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters&, Instant) override {
    Rings& rings = rings_[queue];
    const std::lock_guard lock(rings.mutex);
    std::uint32_t count = 0;
    while (count < frames.size() && !rings.received.empty()) {
      Block* block = pool_.allocate();
      if (block == nullptr) break;
      const Bytes& bytes = rings.received.front();
      Segment segment = Segment::adopt(block, 0, static_cast<std::uint32_t>(bytes.size()));
      std::ranges::copy(bytes, segment.writable().begin());
      frames[count] = net::RxFrame();
      frames[count++].bytes = std::move(segment);
      rings.received.pop_front();
    }
    return count;
  }
  std::uint32_t send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters&, Instant) override {
    Rings& rings = rings_[queue];
    const std::lock_guard lock(rings.mutex);
    for (net::TxFrame& frame : frames) {
      Bytes bytes(frame.head.bytes().begin(), frame.head.bytes().end());
      bytes.insert(bytes.end(), frame.link.bytes().begin(), frame.link.bytes().end());
      rings.sent.push_back(std::move(bytes));
      frame.head.reset();
      frame.link.reset();
    }
    return static_cast<std::uint32_t>(frames.size());
  }

  // For the thread that plays the network.
  void bring(std::uint16_t queue, Bytes frame) {
    const std::lock_guard lock(rings_[queue].mutex);
    rings_[queue].received.push_back(std::move(frame));
  }
  std::optional<Bytes> fetch(std::uint16_t queue) {
    const std::lock_guard lock(rings_[queue].mutex);
    if (rings_[queue].sent.empty()) return std::nullopt;
    Bytes frame = std::move(rings_[queue].sent.front());
    rings_[queue].sent.pop_front();
    return frame;
  }

 private:
  struct Rings {
    std::mutex mutex;
    std::deque<Bytes> received;
    std::deque<Bytes> sent;
  };
  PortInfo info_;
  BlockPool& pool_;
  std::array<Rings, queues> rings_;
};

}  // namespace penstock::test
