// Shows that the kcp controller follows ikcp's arithmetic step by step, that una alone never grows it, and that `none`
// bounds nothing.
// How: known steps of the law by hand, then random events against a literal model of it in 64-bit integers.
#include "proto/congestion.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/rng.hpp"

using namespace penstock;

namespace {

constexpr std::uint32_t mss = 1376;

Congestion::Acked moved(std::uint32_t peer_window = 128) {
  return {.segments = 1, .bytes = 100, .left_edge_moved = true, .proven = true, .peer_window = peer_window};
}

// ikcp's law as PROTOCOLS 4.A states it.
struct Model {
  std::uint64_t cwnd = 1, ssthresh = 2, incr = mss;
  void grow(std::uint64_t peer_window) {
    if (cwnd >= peer_window) return;
    if (cwnd < ssthresh) {
      cwnd += 1;
      incr += mss;
    } else {
      incr = std::max<std::uint64_t>(incr, mss);
      incr += std::uint64_t{mss} * mss / incr + mss / 16;
      if ((cwnd + 1) * mss <= incr) cwnd = (incr + mss - 1) / mss;
    }
    if (cwnd > peer_window) {
      cwnd = peer_window;
      incr = peer_window * mss;
    }
  }
  void fast(std::uint64_t in_flight, std::uint64_t resend) {
    ssthresh = std::max<std::uint64_t>(2, in_flight / 2);
    cwnd = ssthresh + resend;
    incr = cwnd * mss;
  }
  void timeout(std::uint64_t window) {
    ssthresh = std::max<std::uint64_t>(2, window / 2);
    cwnd = 1;
    incr = mss;
  }
};

}  // namespace

TEST_CASE("without a controller nothing bounds the window") {
  Congestion none(Congestion::Kind::none, mss);
  none.on_timeout(10, Instant());
  none.on_fast_retransmit(10, 2, Instant());
  none.on_acked(moved(), Instant());
  CHECK(none.window() == Congestion::unbounded);
}

TEST_CASE("slow start adds one segment for each datagram that moves the left edge") {
  // rule: 4.A cwnd-slow-start
  Congestion kcp(Congestion::Kind::kcp, mss);
  CHECK(kcp.window() == 1);
  CHECK(kcp.ssthresh() == 2);
  kcp.on_acked(moved(), Instant());
  CHECK(kcp.window() == 2);
  kcp.on_timeout(40, Instant());
  CHECK(kcp.window() == 1);
  CHECK(kcp.ssthresh() == 20);
  for (std::uint32_t expected = 2; expected <= 20; ++expected) {
    kcp.on_acked(moved(), Instant());
    CHECK(kcp.window() == expected);
  }
}

TEST_CASE("congestion avoidance adds mss²/incr + mss/16 bytes a time") {
  // rule: 4.A cwnd-avoidance
  Congestion kcp(Congestion::Kind::kcp, mss);
  kcp.on_acked(moved(), Instant());
  REQUIRE(kcp.window() == 2);
  // incr: 2752 → +688+86 = 3526 → +536+86 = 4148 ≥ 3·1376 = 4128, so the window becomes ceil(4148 / 1376) = 4.
  kcp.on_acked(moved(), Instant());
  CHECK(kcp.window() == 2);
  kcp.on_acked(moved(), Instant());
  CHECK(kcp.window() == 4);
}

TEST_CASE("a fast resend halves, a timeout starts again, both with a floor of two") {
  // rule: 4.A fast-ssthresh
  // rule: 4.A timeout-ssthresh
  Congestion kcp(Congestion::Kind::kcp, mss);
  kcp.on_fast_retransmit(30, 2, Instant());
  CHECK(kcp.ssthresh() == 15);
  CHECK(kcp.window() == 17);
  kcp.on_fast_retransmit(1, 2, Instant());
  CHECK(kcp.ssthresh() == 2);
  CHECK(kcp.window() == 4);
  kcp.on_timeout(9, Instant());
  CHECK(kcp.ssthresh() == 4);
  CHECK(kcp.window() == 1);
  kcp.on_timeout(1, Instant());
  CHECK(kcp.ssthresh() == 2);
}

TEST_CASE("what proves nothing grows nothing, nor does an edge that stands still") {
  Congestion kcp(Congestion::Kind::kcp, mss);
  auto unproven = moved();
  unproven.proven = false;
  auto still = moved();
  still.left_edge_moved = false;
  for (int i = 0; i < 100; ++i) {
    kcp.on_acked(unproven, Instant());
    kcp.on_acked(still, Instant());
  }
  CHECK(kcp.window() == 1);
}

TEST_CASE("the window never grows above what the peer can take") {
  Congestion kcp(Congestion::Kind::kcp, mss);
  for (int i = 0; i < 1000; ++i) kcp.on_acked(moved(5), Instant());
  CHECK(kcp.window() == 5);
  kcp.on_acked(moved(0), Instant());
  CHECK(kcp.window() == 5);
}

TEST_CASE("random events follow the model") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed);
    Congestion kcp(Congestion::Kind::kcp, mss);
    Model model;
    for (int step = 0; step < 5000; ++step) {
      const auto dice = rng.below(100);
      const auto value = static_cast<std::uint32_t>(rng.below(2000));
      if (dice < 94) {
        kcp.on_acked(moved(value), Instant());
        model.grow(value);
      } else if (dice < 97) {
        kcp.on_fast_retransmit(value, 3, Instant());
        model.fast(value, 3);
      } else {
        kcp.on_timeout(value, Instant());
        model.timeout(value);
      }
      INFO("seed " << seed << " step " << step);
      REQUIRE(kcp.window() == model.cwnd);
      REQUIRE(kcp.ssthresh() == model.ssthresh);
    }
  }
}
