// Capacity: what a node's configuration takes, as sums whose terms name their holder, and the memory plan made from limits.
//
// Everything is taken at start, so a configuration that does not fit is refused before the first port is opened. Called at
// start and by --capacity, on the main thread; nothing here is on the data path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/node_config.hpp"

namespace penstock {

// What a worker's buffers are for; runtime fills it from the configuration and, once known, from the ports.
struct BufferPlan {
  std::uint32_t ports = 1;
  std::uint32_t rx_descriptors = 1024;  // per queue
  std::uint32_t tx_descriptors = 1024;
  std::uint32_t lcore_cache = 256;   // blocks that a pool's cache may keep from everybody else
  std::uint32_t block_bytes = 2176;  // headroom and frame
  std::uint32_t impair_frames = 0;   // frames that impairments may hold, both directions, all ports
  bool links_payload = false;        // indirect mbufs are needed
  std::uint32_t blocks = 0;          // what the operator asked for; 0: the sum
};

struct CapacityTerm {
  std::string holder;       // who holds it, per worker
  std::uint64_t count = 0;  // how many
  std::uint64_t bytes = 0;  // each
  std::uint64_t total() const { return count * bytes; }
};

struct Capacity {
  std::vector<CapacityTerm> buffers;  // of one worker's block pool, in blocks
  std::vector<CapacityTerm> memory;   // of one worker's arena, in bytes
  std::uint64_t blocks_needed = 0;    // sum of `buffers`
  std::uint64_t blocks = 0;           // what the pool will have
  std::uint64_t worker_bytes = 0;     // buffers and memory
  std::uint64_t node_bytes = 0;       // all workers
  // One more holder in each worker's arena, which the engine does not know of.
  void add_memory(std::string holder, std::uint64_t bytes, std::uint32_t workers);
  // The sums as lines of text, a term a line.
  std::string text(const NodeConfig& node) const;
};

// Fills in every part of `plan` that is 0 from the number of sessions: small blocks, window memory, chunks.
MemoryPlan planned_memory(const NodeConfig& node, const MemoryPlan& asked);
// The sums of a configuration whose memory plan is filled in.
Capacity capacity_of(const NodeConfig& node, const BufferPlan& buffers);
// A sentence that names the limit which is too small, and the sum it must reach; nothing when all fits.
std::optional<std::string> shortfall(const NodeConfig& node, const BufferPlan& buffers);

}  // namespace penstock
