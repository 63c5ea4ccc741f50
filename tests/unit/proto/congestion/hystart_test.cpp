// Shows how the growth of the round trip ends slow start (RFC 9406), round by round.
#include "proto/congestion/hystart.hpp"

#include <catch2/catch.hpp>

#include "proto/congestion/feed.hpp"

using namespace penstock::congestion;
using namespace penstock::congestion::test;

namespace {

// A round of eight datagrams. True: slow start is over.
bool round(HyStart& hystart, std::uint32_t rtt_ms, int datagrams = 8, std::uint64_t segments = 1) {
  bool over = false;
  for (int i = 0; i < datagrams; ++i) {
    Acked event = acked(0, segments, rtt_ms);
    event.round_began = i == 0;
    over = hystart.on_acked(event, segment) || over;
  }
  return over;
}

}  // namespace

TEST_CASE("a round trip an eighth longer than in the round before begins the careful part") {
  HyStart hystart;
  CHECK_FALSE(round(hystart, 100));
  CHECK_FALSE(round(hystart, 112));
  CHECK_FALSE(hystart.conservative());
  // 112 / 8 = 14 ms more.
  CHECK_FALSE(round(hystart, 126));
  CHECK(hystart.conservative());
  CHECK(hystart.growth(4000) == 1000);
}

TEST_CASE("the growth that counts is 4 ms at the least and 16 ms at the most") {
  HyStart near;
  round(near, 10);
  round(near, 13);
  CHECK_FALSE(near.conservative());
  round(near, 17);
  CHECK(near.conservative());
  HyStart far;
  round(far, 400);
  round(far, 415);
  CHECK_FALSE(far.conservative());
  round(far, 431);
  CHECK(far.conservative());
}

TEST_CASE("five careful rounds end slow start; a shorter round trip goes back to it") {
  HyStart hystart;
  round(hystart, 100);
  round(hystart, 120);
  REQUIRE(hystart.conservative());
  for (int i = 0; i < 4; ++i) CHECK_FALSE(round(hystart, 120));
  CHECK(round(hystart, 120));

  HyStart jitter;
  round(jitter, 100);
  round(jitter, 120);
  REQUIRE(jitter.conservative());
  CHECK_FALSE(round(jitter, 119));
  CHECK_FALSE(jitter.conservative());
  CHECK(jitter.growth(4000) == 4000);
}

TEST_CASE("fewer than eight samples tell nothing; each segment that a datagram names is one") {
  HyStart few;
  round(few, 100, 7);
  round(few, 150, 7);
  round(few, 200, 7);
  CHECK_FALSE(few.conservative());
  HyStart burst;
  round(burst, 100, 1, 57);
  round(burst, 150, 1, 57);
  CHECK(burst.conservative());
}
