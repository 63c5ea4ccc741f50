#include "engine/capacity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "engine/worker.hpp"
#include "engine/world.hpp"

namespace penstock {

namespace {

// Sessions that the planned memory lets be busy at once; the others may be idle, which costs no more than their record.
constexpr std::uint32_t busy_min = 64;
constexpr std::uint32_t busy_max = 4096;
// What a busy session may hold before it has to wait for memory that others give back.
constexpr std::uint32_t small_blocks_a_session[3] = {16, 8, 16};
constexpr std::size_t window_bytes_a_session = 32 << 10;
constexpr std::uint32_t chunks_a_session = 16;
constexpr std::uint32_t payload_blocks_a_session = 8;
// Rings of the largest listener's windows that must fit at the very least.
constexpr std::size_t window_sets_min = 4;
constexpr std::size_t slot_bytes_max = 64;
// An rte_mbuf and the Block behind it, which stand before a block's bytes.
constexpr std::uint64_t block_head_bytes = 192;

std::uint32_t busy_sessions(const NodeConfig& node) { return std::clamp(node.sessions_max, busy_min, busy_max); }

std::size_t largest_windows(const NodeConfig& node) {
  std::size_t segments = 0;
  for (const ListenerSetup& setup : node.listeners) {
    const std::size_t send = setup.kcp.snd_wnd + setup.kcp.send_queue_segments_max;
    segments = std::max(segments, send + setup.kcp.receive_window());
  }
  return BuddyMemory::rounded(segments * slot_bytes_max);
}

}  // namespace

MemoryPlan planned_memory(const NodeConfig& node, const MemoryPlan& asked) {
  MemoryPlan plan = asked;
  const std::uint32_t busy = busy_sessions(node);
  for (int i = 0; i < 3; ++i) {
    if (plan.small_blocks.blocks[i] == 0) plan.small_blocks.blocks[i] = busy * small_blocks_a_session[i];
  }
  if (plan.window_bytes == 0) {
    plan.window_bytes = std::max(busy * window_bytes_a_session, window_sets_min * largest_windows(node));
  }
  if (plan.chunks == 0) plan.chunks = busy * chunks_a_session;
  return plan;
}

Capacity capacity_of(const NodeConfig& node, const BufferPlan& plan) {
  Capacity sum;
  const std::uint64_t block = plan.block_bytes + block_head_bytes;
  const auto blocks = [&](std::string holder, std::uint64_t count) {
    if (count > 0) sum.buffers.push_back({std::move(holder), count, block});
  };
  const std::uint64_t ports = plan.ports;
  blocks("receive descriptors, one queue a port", ports * plan.rx_descriptors);
  blocks("transmit descriptors, one queue a port", ports * plan.tx_descriptors);
  blocks("bursts in hand, received and to send", (2 * ports + 1) * node.burst);
  blocks("caches of the lcores", std::uint64_t{plan.lcore_cache} * 3 / 2 * node.workers);
  blocks("hand-off rings to other workers", (node.workers - 1) * HandoffRings::ring_records);
  blocks("frames that wait for a neighbour", node.stack.pending_frames_max);
  blocks("frames that impairments hold", plan.impair_frames);
  blocks("payload that sessions hold", std::uint64_t{busy_sessions(node)} * payload_blocks_a_session);
  for (const CapacityTerm& term : sum.buffers) sum.blocks_needed += term.count;
  sum.blocks = plan.blocks == 0 ? sum.blocks_needed : plan.blocks;

  const auto memory = [&](std::string holder, std::uint64_t count, std::uint64_t bytes) {
    sum.memory.push_back({std::move(holder), count, bytes});
  };
  const std::uint64_t sessions = node.sessions_max;
  memory("session records and machines", sessions, SessionTable<kcp::Session>::cost(node.sessions_max) / sessions);
  memory("flow table", sessions, FlowTable::cost(node.sessions_max) / sessions);
  memory("timer wheel", 1, TimerWheel::cost(node.sessions_max));
  memory("list of sessions to visit", sessions, sizeof(std::uint32_t));
  memory("sessions that a survey compares", std::min(node.sessions_max, Survey::window_max),
         Survey::cost(node.sessions_max) / std::min(node.sessions_max, Survey::window_max));
  memory("conversations that may roam", 1, FlowTable::cost(World::conv_places(node)));
  memory("prefix quotas", 1, PrefixQuota::cost(World::quota_places(node)));
  const std::uint64_t half_open = World::half_open_places(node);
  memory("half-open entries", half_open, sizeof(HalfOpen));
  memory("index of half-open entries", 1, World::half_open_bytes(node) - half_open * sizeof(HalfOpen));
  memory("prefix quotas of half-open entries", 1, PrefixQuota::cost(World::half_open_quota_places(node)));
  memory("closed conversations in quarantine", 1, Quarantine::cost(World::quarantine_places(node)));
  for (int i = 0; i < 3; ++i) {
    memory(fmt::format("kept payload, {} B blocks", SmallBlocks::class_bytes[i]), node.memory.small_blocks.blocks[i],
           SmallBlocks::class_bytes[i] + sizeof(Block));
  }
  memory("windows and reorder rings in use", 1, BuddyMemory::cost(node.memory.window_bytes));
  memory("nodes of messages that services hold", node.memory.chunks, sizeof(SegmentChunk));
  memory("neighbours, interfaces and routes", 1, net::Stack::cost(node.stack));
  if (plan.links_payload) memory("indirect mbufs of linked payload", ports * plan.tx_descriptors, block_head_bytes);
  std::uint64_t named = 0;
  for (const CapacityTerm& term : sum.memory) named += term.total();
  const std::uint64_t arena = Worker::arena_bytes(node);
  if (arena > named) memory("listeners and alignment", 1, arena - named);
  sum.worker_bytes = sum.blocks * block + std::max(arena, named);
  sum.node_bytes = sum.worker_bytes * node.workers;
  return sum;
}

std::optional<std::string> shortfall(const NodeConfig& node, const BufferPlan& plan) {
  const Capacity sum = capacity_of(node, plan);
  if (sum.blocks < sum.blocks_needed) {
    return fmt::format("limits.mbufs: {} is less than the {} that one worker needs (see --capacity)", sum.blocks,
                       sum.blocks_needed);
  }
  const std::size_t windows = window_sets_min * largest_windows(node);
  if (node.memory.window_bytes < windows) {
    return fmt::format("limits.window_memory_mb: {} MiB is less than the {} MiB that the listeners' windows need",
                       node.memory.window_bytes >> 20, (windows + (1 << 20) - 1) >> 20);
  }
  for (int i = 0; i < 3; ++i) {
    if (node.memory.small_blocks.blocks[i] >= busy_min) continue;
    return fmt::format("limits.small_blocks: {} blocks of {} B are fewer than the {} that one worker needs",
                       node.memory.small_blocks.blocks[i], SmallBlocks::class_bytes[i], busy_min);
  }
  return std::nullopt;
}

void Capacity::add_memory(std::string holder, std::uint64_t bytes, std::uint32_t workers) {
  memory.push_back({std::move(holder), 1, bytes});
  worker_bytes += bytes;
  node_bytes += bytes * workers;
}

std::string Capacity::text(const NodeConfig& node) const {
  std::string out;
  const auto line = [&](std::uint64_t count, std::uint64_t bytes, std::string_view holder) {
    fmt::format_to(std::back_inserter(out), "  {:>10} x {:>9} B = {:>9.1f} MiB  {}\n", count, bytes,
                   static_cast<double>(count * bytes) / (1 << 20), holder);
  };
  fmt::format_to(std::back_inserter(out), "buffers of one worker\n");
  for (const CapacityTerm& term : buffers) line(term.count, term.bytes, term.holder);
  if (blocks > blocks_needed) line(blocks - blocks_needed, buffers.front().bytes, "more, as limits.mbufs asks for");
  fmt::format_to(std::back_inserter(out), "memory of one worker\n");
  for (const CapacityTerm& term : memory) line(term.count, term.bytes, term.holder);
  fmt::format_to(std::back_inserter(out), "sum: {:.1f} MiB a worker, {:.1f} MiB for {} worker{}\n",
                 static_cast<double>(worker_bytes) / (1 << 20), static_cast<double>(node_bytes) / (1 << 20),
                 node.workers, node.workers == 1 ? "" : "s");
  return out;
}

}  // namespace penstock
