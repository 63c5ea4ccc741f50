// RingHost: a DpdkPort over a RingDevice with pools of its own, which all must be whole when it goes; and Look, what a frame
// looks like from outside.
#pragma once

#include <catch2/catch.hpp>

#include "dpdk_fixture.hpp"

namespace penstock::nic::test {

inline constexpr std::uint32_t pool_blocks = 255;
inline constexpr std::uint32_t indirect_count = 127;
inline const Instant now = Instant::at_us(1);

inline std::unique_ptr<DpdkPort> open_port(const PortSettings& settings, std::span<const QueuePools> pools) {
  auto port = DpdkPort::open(settings, pools);
  if (!port) FAIL(port.error());
  return std::move(*port);
}

// A port over a RingDevice with pools of its own.
struct RingHost {
  explicit RingHost(bool links = true, std::uint32_t ring_size = 512) : device(ring_size) {
    const QueuePools queue = {.blocks = pool.get(), .indirect = links ? indirect.get() : nullptr};
    port = open_port(settings_for(device.name()), {&queue, 1});
  }
  ~RingHost() {
    while (device.leave() != nullptr) FAIL_CHECK("a sent frame was not looked at");
    port.reset();
    CHECK(pool->free_everywhere() == pool_blocks);
    CHECK(indirect->free_everywhere() == indirect_count);
  }
  std::vector<net::RxFrame> receive(std::uint32_t count = 64) {
    std::vector<net::RxFrame> frames(count);
    frames.resize(port->receive(0, frames, drops, now));
    return frames;
  }
  std::uint32_t send(std::span<net::TxFrame> frames) { return port->send(0, frames, drops, now); }
  net::TxFrame frame(std::uint32_t seed, std::uint32_t head_bytes, std::uint32_t link_bytes = 0) {
    net::TxFrame made{.head = segment_of(*pool, pattern(seed, head_bytes)), .link = {}};
    if (link_bytes != 0) made.link = segment_of(*pool, pattern(seed + 1, link_bytes));
    return made;
  }

  std::unique_ptr<MbufPool> pool = make_pool(pool_blocks);
  std::unique_ptr<IndirectPool> indirect = make_indirect(indirect_count);
  RingDevice device;
  std::unique_ptr<DpdkPort> port;
  net::DropCounters drops;
};

inline std::vector<std::uint8_t> joined(std::uint32_t seed, std::uint32_t head_bytes, std::uint32_t link_bytes) {
  std::vector<std::uint8_t> bytes = pattern(seed, head_bytes);
  const auto link = pattern(seed + 1, link_bytes);
  bytes.insert(bytes.end(), link.begin(), link.end());
  return bytes;
}

// What a frame looks like from outside, to tell that a refused one is untouched.
struct Look {
  const Block* head;
  const Block* link;
  std::uint32_t head_refs;
  std::uint32_t link_refs;
  std::uint32_t head_holds;  // the mbuf's count
  std::uint32_t link_holds;
  std::vector<std::uint8_t> head_bytes;
  std::vector<std::uint8_t> link_bytes;
  bool operator==(const Look&) const = default;
};

inline Look look_of(const net::TxFrame& frame) {
  const auto holds = [](const Segment& segment) {
    if (!segment.holds() || segment.block()->owner == nullptr) return std::uint32_t{0};
    return std::uint32_t{rte_mbuf_refcnt_read(static_cast<const rte_mbuf*>(segment.block()->owner))};
  };
  return {.head = frame.head.block(),
          .link = frame.link.block(),
          .head_refs = frame.head.holds() ? frame.head.block()->refs : 0,
          .link_refs = frame.link.holds() ? frame.link.block()->refs : 0,
          .head_holds = holds(frame.head),
          .link_holds = holds(frame.link),
          .head_bytes = bytes_of(frame.head),
          .link_bytes = bytes_of(frame.link)};
}

}  // namespace penstock::nic::test
