#include "bench/part.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "bench/rivals/rival_parts.hpp"

namespace penstock::bench {

namespace {

constexpr std::array parts = {
    Part{"echo-piggy", "64 B echo through a whole worker, 1 datagram in and 1 out, software checksums, bursts of 32",
         "echo", run_echo_piggy},
    Part{"echo-apart", "64 B echo through a whole worker, PUSH and later its ACK in, 1 datagram out", "echo",
         run_echo_apart},
    Part{"kcp-batch-1376", "KCP pair in memory, 1,376 B segments, window 1,024 sent and acknowledged at once",
         "segment", run_kcp_batch_1376},
    Part{"kcp-batch-64", "the same with messages of 64 B, as many a datagram as fit", "segment", run_kcp_batch_64},
    Part{"kcp-trickle-1024", "KCP pair in memory, 1,376 B, window 1,024 in flight, a datagram and an ACK a segment",
         "segment", run_kcp_trickle_1024},
    Part{"kcp-trickle-32", "the same with window 32", "segment", run_kcp_trickle_32},
    Part{"kcp-echo", "one KCP machine that echoes 64 B, hot in the caches, without look-up and I/O", "echo",
         run_kcp_echo},
    Part{"kcp-echo-100k", "the same, 100,000 machines that take turns", "echo", run_kcp_echo_100k},
    Part{"parse-v4", "a received frame of 112 B UDP payload through the stack, checksums in software", "frame",
         run_parse4},
    Part{"parse-v6", "the same over IPv6", "frame", run_parse6},
    Part{"build-v4", "headers and checksum for such a datagram, to a known neighbour", "frame", run_build4},
    Part{"build-v6", "the same over IPv6", "frame", run_build6},
    Part{"flow-find-1k", "hash, bulk look-up of 32 and comparison with the session's record, 1,000 flows", "look-up",
         run_flow_find_1k},
    Part{"flow-find-1m", "the same with 1,000,000 flows", "look-up", run_flow_find_1m},
    Part{"wheel-1k", "the timer wheel: 1,000 timers armed, then all of them fired", "timer", run_wheel_1k},
    Part{"wheel-1m", "the same with 1,000,000 timers", "timer", run_wheel_1m},
    Part{"ikcp-echo", "rival: the original KCP at kcp-echo", "echo", run_ikcp_echo},
    Part{"ikcp-echo-100k", "rival: the original KCP at kcp-echo-100k", "echo", run_ikcp_echo_100k},
    Part{"ikcp-batch-1376", "rival: the original KCP at kcp-batch-1376", "segment", run_ikcp_batch_1376},
    Part{"ikcp-batch-64", "rival: the original KCP at kcp-batch-64", "segment", run_ikcp_batch_64},
    Part{"ikcp-trickle-1024", "rival: the original KCP at kcp-trickle-1024", "segment", run_ikcp_trickle_1024},
    Part{"ikcp-trickle-32", "rival: the original KCP at kcp-trickle-32", "segment", run_ikcp_trickle_32},
    Part{"rte-hash-1k", "rival: rte_hash, CRC, bulk look-up of 32, at flow-find-1k", "look-up", run_rte_hash_1k},
    Part{"rte-hash-1m", "rival: the same at flow-find-1m", "look-up", run_rte_hash_1m},
    Part{"rte-timer-1k", "rival: rte_timer at wheel-1k", "timer", run_rte_timer_1k},
    Part{"rte-timer-1m", "rival: rte_timer at wheel-1m", "timer", run_rte_timer_1m},
    Part{"idle", "a worker without traffic for the default idle timeout, then mass expiry; 1 k and 1 M sessions",
         "turn", run_idle},
};

}  // namespace

std::span<const Part> all_parts() { return parts; }

const Part* find_part(std::string_view name) {
  const auto found = std::ranges::find(parts, name, &Part::name);
  return found == parts.end() ? nullptr : &*found;
}

std::string rival_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> prefixes = {
      {{"kcp-", "ikcp-"}, {"flow-find-", "rte-hash-"}, {"wheel-", "rte-timer-"}}};
  for (const auto& [ours, theirs] : prefixes) {
    if (name.starts_with(ours)) return std::string(theirs) + std::string(name.substr(ours.size()));
  }
  return {};
}

}  // namespace penstock::bench
