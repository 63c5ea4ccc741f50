// What the tests of lib/nic share: pools, patterns, a net_ring device with its two ends in the test's hands, and vdevs.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nic/dpdk_port.hpp"
#include "nic/eal.hpp"

namespace penstock::nic::test {

const Eal& eal();

// A name that no other call got.
std::string fresh_name(const std::string& stem);
// A pool without per-lcore cache and with room for an MTU of 1,500, unless told otherwise.
std::unique_ptr<MbufPool> make_pool(std::uint32_t blocks, std::uint32_t block_bytes = 2176, std::uint32_t cache = 0);
std::unique_ptr<IndirectPool> make_indirect(std::uint32_t count);
// `length` bytes that depend on `seed`.
std::vector<std::uint8_t> pattern(std::uint32_t seed, std::uint32_t length);
// A segment of `pool` with these bytes at `offset` into the block.
Segment segment_of(BlockPool& pool, std::span<const std::uint8_t> bytes, std::uint32_t offset = mbuf_headroom_bytes);
std::vector<std::uint8_t> bytes_of(const Segment& segment);
// The bytes of a chain, in order.
std::vector<std::uint8_t> bytes_of(const rte_mbuf* chain);
// A received mbuf as a driver makes it, of `pool`, in parts of the given lengths.
rte_mbuf* received(MbufPool& pool, std::span<const std::uint8_t> bytes, std::vector<std::uint32_t> part_bytes = {});

// A device of one queue pair over two rings. The test plays the wire: it puts mbufs into `inbound` and takes the sent ones
// from `outbound`.
class RingDevice {
 public:
  explicit RingDevice(std::uint32_t ring_size = 512);
  ~RingDevice();
  RingDevice(const RingDevice&) = delete;
  RingDevice& operator=(const RingDevice&) = delete;

  const std::string& name() const { return name_; }
  void arrive(rte_mbuf* mbuf);
  // The oldest sent mbuf, or nullptr. The caller frees it, as the driver would.
  rte_mbuf* leave();
  // The bytes of the oldest sent frame; frees its mbufs.
  std::vector<std::uint8_t> leave_bytes();

 private:
  rte_ring* inbound_;
  rte_ring* outbound_;
  std::string name_;
};

// A vdev that comes and goes with the object.
class Vdev {
 public:
  Vdev(const std::string& stem, const std::string& arguments);
  ~Vdev();
  Vdev(const Vdev&) = delete;
  Vdev& operator=(const Vdev&) = delete;
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

// Settings for `device` with 64 bytes of what stands for randomness.
PortSettings settings_for(const std::string& device);

}  // namespace penstock::nic::test
