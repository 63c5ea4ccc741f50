#include "bench/part.hpp"

#include <algorithm>
#include <array>

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
    Part{"idle", "a worker without traffic for the default idle timeout, then mass expiry; 1 k and 1 M sessions",
         "turn", run_idle},
};

}  // namespace

std::span<const Part> all_parts() { return parts; }

const Part* find_part(std::string_view name) {
  const auto found = std::ranges::find(parts, name, &Part::name);
  return found == parts.end() ? nullptr : &*found;
}

}  // namespace penstock::bench
