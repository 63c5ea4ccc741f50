// Shows that the sums are what is really taken: a worker fits into exactly the bytes that were summed and leaves no more than
// alignment over; that every term names its holder; and that a shortfall names the key to raise.
// How: workers are built in arenas of exactly that size; sums are taken apart and added up again.
#include "engine/capacity.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>

#include "aborts.hpp"
#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

// The largest RSS that a worker reckons with, so that its sum must be met exactly.
void largest_rss(PortInfo& info) {
  info.rss_key.assign(128, 0x5a);
  info.rss_reta.assign(4096, 0);
}

std::size_t used_bytes(const NodeConfig& node, std::size_t arena_bytes) {
  HeapMemory memory(arena_bytes);
  Arena arena(memory.bytes());
  HeapPool blocks(2176, 16);
  FakePort port(blocks, static_cast<std::uint16_t>(node.workers));
  largest_rss(port.information);
  std::vector<Port*> ports(node.stack.ports.size(), &port);
  Recorder recorder;
  Application* services[] = {&recorder};
  HandoffRings handoff(node.workers);
  Worker worker(node, node.workers - 1,
                {.arena = arena,
                 .blocks = blocks,
                 .ports = ports,
                 .services = services,
                 .handoff = &handoff,
                 .key = {},
                 .seed = 1},
                Instant::at_us(0));
  return arena.used_bytes();
}

std::uint64_t sum(const std::vector<CapacityTerm>& terms) {
  return std::accumulate(terms.begin(), terms.end(), std::uint64_t{0},
                         [](std::uint64_t s, const CapacityTerm& term) { return s + term.total(); });
}

NodeConfig planned(NodeConfig node) {
  node.memory = planned_memory(node, {{{0, 0, 0}}, 0, 0});
  return node;
}

}  // namespace

TEST_CASE("a worker takes what was summed, but for alignment", "[capacity]") {
  std::vector<NodeConfig> nodes;
  nodes.push_back(small_node());
  nodes.push_back(planned(small_node(4)));
  NodeConfig large = small_node();
  large.sessions_max = 20'001;
  large.memory = {.small_blocks = {{4097, 1023, 777}}, .window_bytes = (3 << 20) + 4096, .chunks = 5001};
  large.stack.neighbors_max = 5000;
  large.stack.ports.resize(3);
  large.stack.rx_checksum.resize(3);
  for (std::uint16_t i = 0; i < 20; ++i) {
    large.listeners.push_back(large.listeners[0]);
    large.listeners.back().admission.port = static_cast<std::uint16_t>(5000 + i);
  }
  large.listeners[0].admission.challenge = true;
  large.listeners[1].admission.challenge = true;
  large.listeners[1].admission.half_open_max = 5'003;
  nodes.push_back(large);
  NodeConfig tiny = small_node();
  tiny.sessions_max = 1;
  tiny.listeners.resize(1);
  nodes.push_back(tiny);
  for (const NodeConfig& node : nodes) {
    const std::size_t summed = Worker::arena_bytes(node);
    const std::size_t used = used_bytes(node, summed);
    CAPTURE(node.sessions_max, summed, used);
    CHECK(used <= summed);
    // Each table may begin on a line of its own; there are some forty of them, and two a listener.
    CHECK(summed - used <= (64 + 2 * node.listeners.size()) * cache_line_bytes);
  }
}

TEST_CASE("a half-open entry is summed as the 64 bytes that it takes", "[capacity]") {
  NodeConfig node = planned(small_node());
  node.listeners[0].admission.challenge = true;
  node.listeners[0].admission.half_open_max = 1'000;
  const Capacity sums = capacity_of(node, {});
  const auto term = std::ranges::find(sums.memory, "half-open entries", &CapacityTerm::holder);
  REQUIRE(term != sums.memory.end());
  CHECK(term->count == 1'000);
  CHECK(term->bytes == 64);
}

TEST_CASE("a worker does not fit into noticeably less", "[capacity]") {
  const NodeConfig node = small_node();
  CHECK(aborts([&] { used_bytes(node, Worker::arena_bytes(node) - 64 * cache_line_bytes); }));
}

TEST_CASE("terms add up to the totals", "[capacity]") {
  NodeConfig node = planned(small_node(3));
  BufferPlan plan;
  plan.ports = 2;
  plan.impair_frames = 100;
  plan.links_payload = GENERATE(false, true);
  const Capacity sum_of = capacity_of(node, plan);
  std::uint64_t blocks = 0;
  for (const CapacityTerm& term : sum_of.buffers) {
    CHECK_FALSE(term.holder.empty());
    CHECK(term.bytes == 2176 + 192);
    blocks += term.count;
  }
  CHECK(sum_of.blocks_needed == blocks);
  CHECK(sum_of.blocks == blocks);
  CHECK(sum_of.worker_bytes == sum(sum_of.buffers) + sum(sum_of.memory));
  CHECK(sum_of.node_bytes == 3 * sum_of.worker_bytes);
  CHECK(sum(sum_of.memory) >= Worker::arena_bytes(node));
  for (const CapacityTerm& term : sum_of.memory) CHECK_FALSE(term.holder.empty());
}

TEST_CASE("each holder of buffers has its part", "[capacity]") {
  NodeConfig node = planned(small_node(2));
  BufferPlan plan;
  const std::uint64_t base = capacity_of(node, plan).blocks_needed;
  SECTION("receive descriptors") {
    plan.rx_descriptors += 100;
    CHECK(capacity_of(node, plan).blocks_needed == base + 100);
  }
  SECTION("transmit descriptors") {
    plan.tx_descriptors += 100;
    CHECK(capacity_of(node, plan).blocks_needed == base + 100);
  }
  SECTION("a second port") {
    plan.ports = 2;
    CHECK(capacity_of(node, plan).blocks_needed == base + 1024 + 1024 + 2 * node.burst);
  }
  SECTION("impairments") {
    plan.impair_frames = 77;
    CHECK(capacity_of(node, plan).blocks_needed == base + 77);
  }
  SECTION("a third worker: caches and a ring") {
    node.workers = 3;
    CHECK(capacity_of(node, plan).blocks_needed == base + 256 * 3 / 2 + HandoffRings::ring_records);
  }
  SECTION("frames that wait for a neighbour") {
    node.stack.pending_frames_max += 10;
    CHECK(capacity_of(node, plan).blocks_needed == base + 10);
  }
  SECTION("what the operator asks for beyond the sum is there") {
    plan.blocks = static_cast<std::uint32_t>(base + 500);
    const Capacity sum_of = capacity_of(node, plan);
    CHECK(sum_of.blocks == base + 500);
    CHECK(sum_of.blocks_needed == base);
    CHECK(sum_of.text(node).find("500 x") != std::string::npos);
  }
}

TEST_CASE("the plan fills in what is not said and leaves what is", "[capacity]") {
  NodeConfig node = small_node();
  const MemoryPlan all = planned_memory(node, {{{0, 0, 0}}, 0, 0});
  for (const std::uint32_t blocks : all.small_blocks.blocks) CHECK(blocks >= 64);
  CHECK(all.window_bytes > 0);
  CHECK(all.chunks > 0);
  const MemoryPlan kept = planned_memory(node, {{{7, 0, 9}}, 12345, 0});
  CHECK(kept.small_blocks.blocks[0] == 7);
  CHECK(kept.small_blocks.blocks[1] == all.small_blocks.blocks[1]);
  CHECK(kept.small_blocks.blocks[2] == 9);
  CHECK(kept.window_bytes == 12345);
  CHECK(kept.chunks == all.chunks);
  // A million idle sessions are planned for as a few thousand busy ones.
  node.sessions_max = 1'000'000;
  const MemoryPlan million = planned_memory(node, {{{0, 0, 0}}, 0, 0});
  node.sessions_max = 4096;
  CHECK(million.chunks == planned_memory(node, {{{0, 0, 0}}, 0, 0}).chunks);
  // Large windows ask for memory even if few sessions do.
  node.sessions_max = 1;
  node.listeners[0].kcp.rcv_wnd = 32'768;
  CHECK(planned_memory(node, {{{0, 0, 0}}, 0, 0}).window_bytes >= 4 * 32'768 * 64);
}

TEST_CASE("what is planned suffices, and a shortfall names its key", "[capacity]") {
  NodeConfig node = planned(small_node());
  BufferPlan plan;
  CHECK_FALSE(shortfall(node, plan));
  SECTION("buffers") {
    plan.blocks = 100;
    const std::string sentence = shortfall(node, plan).value();
    CHECK(sentence.starts_with("limits.mbufs: 100 "));
    CHECK(sentence.find(std::to_string(capacity_of(node, plan).blocks_needed)) != std::string::npos);
    plan.blocks = static_cast<std::uint32_t>(capacity_of(node, plan).blocks_needed);
    CHECK_FALSE(shortfall(node, plan));
  }
  SECTION("windows") {
    node.listeners[0].kcp.rcv_wnd = 32'768;
    CHECK(shortfall(node, plan).value().starts_with("limits.window_memory_mb: "));
    node.memory.window_bytes = 0;
    node.memory = planned_memory(node, node.memory);
    CHECK_FALSE(shortfall(node, plan));
  }
  SECTION("small blocks, each class by its size") {
    for (std::size_t i = 0; i < 3; ++i) {
      NodeConfig poor = node;
      poor.memory.small_blocks.blocks[i] = 63;
      const std::string sentence = shortfall(poor, plan).value();
      CHECK(sentence.starts_with("limits.small_blocks: 63 "));
      CHECK(sentence.find(std::to_string(SmallBlocks::class_bytes[i]) + " B") != std::string::npos);
      poor.memory.small_blocks.blocks[i] = 64;
      CHECK_FALSE(shortfall(poor, plan));
    }
  }
}

TEST_CASE("the text shows every term and the sum", "[capacity]") {
  const NodeConfig node = planned(small_node(2));
  const Capacity sum_of = capacity_of(node, {});
  const std::string text = sum_of.text(node);
  for (const CapacityTerm& term : sum_of.buffers) CHECK(text.find(term.holder) != std::string::npos);
  for (const CapacityTerm& term : sum_of.memory) CHECK(text.find(term.holder) != std::string::npos);
  CHECK(text.find("for 2 workers\n") != std::string::npos);
  CHECK(capacity_of(planned(small_node()), {}).text(small_node()).find("for 1 worker\n") != std::string::npos);
}

TEST_CASE("what the engine does not know of is added for each worker", "[capacity]") {
  const NodeConfig node = planned(small_node(2));
  Capacity sum_of = capacity_of(node, {});
  const Capacity before = sum_of;
  sum_of.add_memory("messages that a service holds", 3 << 20, node.workers);
  CHECK(sum_of.worker_bytes == before.worker_bytes + (3 << 20));
  CHECK(sum_of.node_bytes == before.node_bytes + (6 << 20));
  CHECK(sum_of.text(node).find("messages that a service holds") != std::string::npos);
}
