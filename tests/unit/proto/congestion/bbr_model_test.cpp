// Shows what BBR's model makes of samples: rates, rounds, round trips, aggregation, bounds.
#include "proto/congestion/bbr_model.hpp"

#include <catch2/catch.hpp>

#include "proto/congestion/feed.hpp"

using namespace penstock::congestion;
using namespace penstock::congestion::test;

namespace {

Acked sample(std::int64_t ms, std::uint64_t delivered, std::uint64_t before, std::uint64_t bytes,
             bool limited = false) {
  Acked event = acked(ms, 0);
  event.delivered = delivered;
  event.rate = {.interval_us = 100'000,
                .delivered = bytes,
                .lost = 0,
                .flight_at_send = 10'000,
                .delivered_before = before,
                .app_limited = limited};
  return event;
}

}  // namespace

TEST_CASE("the rate is the largest of this cycle and the one before; what the application limited only raises it") {
  BbrModel model(setup_at());
  model.begin(sample(100, 100'000, 0, 100'000));
  CHECK(model.max_bw() == 1'000'000);
  model.begin(sample(200, 200'000, 100'000, 50'000));
  CHECK(model.max_bw() == 1'000'000);
  model.begin(sample(300, 300'000, 200'000, 90'000, true));
  CHECK(model.max_bw() == 1'000'000);
  model.begin(sample(400, 400'000, 300'000, 120'000, true));
  CHECK(model.max_bw() == 1'200'000);
  model.advance_max_bw();
  model.begin(sample(500, 500'000, 400'000, 80'000));
  CHECK(model.max_bw() == 1'200'000);
  model.advance_max_bw();
  CHECK(model.max_bw() == 800'000);
  // A cycle that measured nothing forgets nothing.
  model.advance_max_bw();
  CHECK(model.max_bw() == 800'000);
}

TEST_CASE("an acknowledgement without a sample begins no round") {
  BbrModel model(setup_at());
  const BbrSample none = model.begin(acked(100, 0));
  CHECK_FALSE(none.present);
  CHECK_FALSE(model.round_started());
  CHECK(model.max_bw() == 0);
}

TEST_CASE("a round ends with the receipt of what was sent after it began") {
  BbrModel model(setup_at());
  model.begin(sample(100, 100'000, 0, 100'000));
  CHECK(model.round_started());
  model.begin(sample(150, 150'000, 50'000, 100'000));
  CHECK_FALSE(model.round_started());
  model.begin(sample(200, 200'000, 100'000, 100'000));
  CHECK(model.round_started());
}

TEST_CASE("the least round trip is kept for ten seconds, and due to be measured again after five") {
  BbrModel model(setup_at());
  model.note_rtt(acked(0, 1, 50));
  CHECK(model.min_rtt_us() == 50'000);
  model.note_rtt(acked(5'000, 1, 60));
  CHECK(model.min_rtt_us() == 50'000);
  CHECK_FALSE(model.probe_rtt_due());
  model.note_rtt(acked(5'002, 1, 60));
  CHECK(model.probe_rtt_due());
  CHECK(model.min_rtt_us() == 50'000);
  model.note_rtt(acked(10'001, 1, 70));
  CHECK(model.min_rtt_us() == 60'000);
  model.note_rtt(acked(10'002, 1, 40));
  CHECK(model.min_rtt_us() == 40'000);
}

TEST_CASE("acknowledgements that come in bursts widen the window by a burst") {
  BbrModel model(setup_at());
  model.begin(sample(100, 100'000, 0, 100'000));  // 1 MB/s
  model.set_full_pipe(true);
  // Every 20 ms 20 segments at once.
  for (int i = 0; i < 20; ++i) {
    Acked event = acked(100 + 20 * i, 20);
    model.note_aggregation(event, 300 * segment);
  }
  CHECK(model.extra_acked() >= 20 * segment);
  CHECK(model.extra_acked() <= 21 * segment);
  // Never by more than the window.
  model.note_aggregation(acked(500, 100'000), 300 * segment);
  CHECK(model.extra_acked() == 300 * segment);
}

TEST_CASE("three rounds without a quarter more are a full pipe") {
  BbrModel model(setup_at());
  std::uint64_t delivered = 0;
  const auto round = [&](std::uint64_t bytes) {
    const std::uint64_t before = delivered;
    delivered += bytes;
    model.check_full_pipe(model.begin(sample(100, delivered, before, bytes)));
  };
  round(100'000);
  round(125'000);
  round(150'000);
  round(150'000);
  CHECK_FALSE(model.full_pipe_now());
  round(150'000);
  CHECK(model.full_pipe_now());
  CHECK(model.full_pipe_reached());
  model.reset_full_pipe();
  CHECK_FALSE(model.full_pipe_now());
  CHECK(model.full_pipe_reached());
}

TEST_CASE("the volume at which losses crossed two percent") {
  const BbrModel model(setup_at());
  Lost event = lost(100, 0, 1000);
  // 999 before it, of which 10 were lost: 2 % of 999 are 19.98, so (19.98 − 10) / 0.98 = 10.18 more would have done.
  event.lost_since_send = 11 * segment;
  CHECK(model.flight_at_loss(event) == 999 * segment + 10'183);
  event.lost_since_send = 40 * segment;
  CHECK(model.flight_at_loss(event) == 999 * segment);
  Lost odd{};
  odd.bytes = segment;
  CHECK(model.flight_at_loss(odd) == 0);
}

TEST_CASE("losses are too many when chance does not explain them at two percent") {
  BbrModel model(setup_at());
  CHECK_FALSE(model.too_high(0, 0));
  CHECK(model.too_high(1 * segment, 0));
  // 20 of 1,000, give or take 2 × 4.47.
  CHECK_FALSE(model.too_high(28 * segment, 1000 * segment));
  CHECK(model.too_high(29 * segment, 1000 * segment));
  CHECK_FALSE(model.too_high(1 * segment, 10 * segment));
  CHECK(model.too_high(2 * segment, 10 * segment));
}

TEST_CASE("what a path loses by its nature may be told, within reason") {
  Setup setup = setup_at();
  setup.loss_percent = 10;
  const BbrModel bad(setup);
  // 100 of 1,000, give or take 2 × 10.
  CHECK_FALSE(bad.too_high(120 * segment, 1000 * segment));
  CHECK(bad.too_high(121 * segment, 1000 * segment));
  setup.loss_percent = 100;
  const BbrModel worst(setup);
  CHECK(worst.too_high(500 * segment, 1000 * segment));
  setup.loss_percent = 0;
  const BbrModel strict(setup);
  CHECK_FALSE(strict.too_high(10 * segment, 1000 * segment));
}

TEST_CASE("the headroom is 15 % and a segment at the least, and leaves four segments") {
  BbrModel model(setup_at());
  CHECK(model.with_headroom() == volume_unlimited);
  model.set_long_term(100 * segment);
  CHECK(model.with_headroom() == 85 * segment);
  model.set_long_term(6 * segment);
  CHECK(model.with_headroom() == 5 * segment);
  model.set_long_term(2 * segment);
  CHECK(model.with_headroom() == 4 * segment);
}
