// NodeConfig: what every worker of a node is built from: interfaces, listeners, limits and memory.
//
// Plain values, made by `runtime` from the operator's configuration or by a test, constant while workers run. All workers
// of a node get the same one.
#pragma once

#include <cstdint>
#include <vector>

#include "buf/small_blocks.hpp"
#include "net/stack.hpp"
#include "proto/kcp/options.hpp"
#include "session/listener.hpp"

namespace penstock {

struct ListenerSetup {
  ListenerConfig admission;   // where it listens, how sessions are keyed, its limits and timeouts
  kcp::Options kcp;           // the machine's options
  std::uint32_t service = 0;  // index into a worker's services
};

// Memory of one worker, in units; capacity.hpp turns it into bytes and can fill it in from the limits.
struct MemoryPlan {
  SmallBlocks::Counts small_blocks{{4096, 1024, 1024}};
  std::size_t window_bytes = 8 << 20;  // send and receive windows in use, all sessions together
  std::uint32_t chunks = 4096;         // SegmentQueue nodes for messages that services hold
};

struct NodeConfig {
  std::uint32_t workers = 1;
  std::uint32_t sessions_max = 4096;  // of one worker
  net::StackConfig stack;
  std::vector<ListenerSetup> listeners;
  MemoryPlan memory;
  std::uint32_t burst = 32;               // frames a receive or transmit call, 1 … 64
  std::uint32_t copy_break = 0xffffffff;  // payload above it is linked instead of copied, where a port can
  Duration snapshot_interval = Duration::ms(50);
};

}  // namespace penstock
