#include "packets/limits.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "packets/words.hpp"

namespace penstock::packets {

namespace {

struct Range {
  const char* setting;
  std::uint64_t value;
  std::uint64_t low;
  std::uint64_t high;
};

void check(std::initializer_list<Range> ranges) {
  for (const Range& range : ranges) {
    if (range.value >= range.low && range.value <= range.high) continue;
    throw ScriptError(fmt::format("'{}' must be {} to {}", range.setting, range.low, range.high));
  }
}

std::uint64_t ms(Duration duration) { return static_cast<std::uint64_t>(duration.count_us() / 1000); }

constexpr std::uint64_t sessions_limit = 1024;
constexpr std::uint64_t hour_ms = 3'600'000;

void check_listener(const ListenerConfig& listener) {
  check({{"port", listener.port, 1, 65'535},
         {"sessions", listener.sessions_max, 1, sessions_limit},
         {"half_open", listener.half_open_max, 1, sessions_limit},
         {"per_prefix", listener.per_prefix_max, 1, sessions_limit},
         {"idle_ms", ms(listener.idle_timeout), 1, hour_ms},
         {"half_open_ms", ms(listener.half_open_timeout), 1, hour_ms},
         {"quarantine_ms", ms(listener.quarantine), 0, hour_ms}});
}

}  // namespace

void check_setup(const BenchSetup& setup) {
  const NodeConfig& node = setup.node;
  check({{"sessions", node.sessions_max, 1, sessions_limit},
         {"workers", node.workers, 1, 4},
         {"blocks", setup.blocks, 1, 4096},
         {"rx_blocks", setup.rx_blocks, 1, 4096},
         {"pending", node.stack.pending_per_hop_max, 1, 64},
         {"mtu", node.stack.ports[0].mtu, 576, 9000},
         {"routes", node.stack.interfaces[0].routes.size(), 0, 2},
         {"window_bytes", node.memory.window_bytes, 4096, 1 << 24}});
  if (setup.impair) {
    check({{"queue", setup.impair->queue_frames, 1, 4096}, {"delay_ms", ms(setup.impair->delay), 0, hour_ms}});
  }
  if (node.listeners.size() > 8) throw ScriptError("a node has 8 listeners at most");
  for (auto one = node.listeners.begin(); one != node.listeners.end(); ++one) {
    check_listener(one->admission);
    const auto same = [&](const ListenerSetup& other) { return other.admission.port == one->admission.port; };
    if (std::any_of(node.listeners.begin(), one, same)) throw ScriptError("two listeners have the same port");
  }
}

void check_frame(const Bytes& frame) {
  if (frame.size() > frame_bytes_max) throw ScriptError(fmt::format("a frame has {} B at most", frame_bytes_max));
}

}  // namespace penstock::packets
