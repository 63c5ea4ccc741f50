// What the tests of recovery by time share: a Sender alone, acknowledged by hand; its wire clock begins at 0, so a stamp is the
// millisecond of a transmission.
#pragma once

#include <catch2/catch.hpp>

#include "proto/kcp/sender_bench.hpp"

namespace penstock::kcp::test {

inline Options by_time(congestion::Kind kind = congestion::Kind::none) {
  Options options = plain();
  options.nodelay = 1;
  options.recovery = Recovery::rack;
  options.congestion = kind;
  return options;
}

// What is due at `us`, timers included.
inline Sns due(SenderBench& bench, std::int64_t us) {
  bench.sender.refresh(Instant::at_us(us), bench.rtt, bench.world.env.options);
  return bench.write_sns(us);
}

// One segment, acknowledged after 20 ms, so that the path is known. With more queued than the peer's window takes, a flow is no
// thin one.
inline void warm_up(SenderBench& bench, std::uint16_t peer_window = 128) {
  bench.peer_window = peer_window;
  bench.send_many(1);
  REQUIRE(bench.write_sns(0) == Sns{0});
  bench.acknowledge(20'000, {{0, 0}}, 1);
  REQUIRE(bench.rtt.srtt_us() == 20'000);
}

}  // namespace penstock::kcp::test
