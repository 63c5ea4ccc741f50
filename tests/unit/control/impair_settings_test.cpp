// Shows that words of an operator change exactly the keys that they name, by the names, ranges and rules of the
// configuration, and that what will not do is refused with a sentence that names its key.
#include "control/impair_settings.hpp"

#include "config_text.hpp"

namespace penstock::control {

namespace {

using impair::Ways;

const ImpairConfig start{.queue_packets = 500, .seed = 7};

ImpairConfig after(std::string_view words, const ImpairConfig& now = start) {
  const auto changed = change_impair(now, start, words);
  INFO(words << ": " << (changed ? "" : changed.error()));
  REQUIRE(changed);
  return *changed;
}

std::string error_of(std::string_view words, const ImpairConfig& now = start) {
  const auto changed = change_impair(now, start, words);
  return changed ? "" : changed.error();
}

}  // namespace

TEST_CASE("impair_settings: every setting reaches the engine") {
  const impair::Impairment made = impairment_of({.loss_ppm = 1,
                                                 .burst_begin_ppm = 2,
                                                 .burst_end_ppm = 3,
                                                 .burst_loss_ppm = 4,
                                                 .duplicate_ppm = 5,
                                                 .reorder_ppm = 6,
                                                 .corrupt_ppm = 7,
                                                 .blackhole_bytes = 8,
                                                 .delay_ms = 9,
                                                 .jitter_ms = 10,
                                                 .rate_mbit = 400'000,
                                                 .queue_packets = 12,
                                                 .ecn_ms = 13,
                                                 .hold_every_ms = 15,
                                                 .hold_ms = 14,
                                                 .direction = Ways::send,
                                                 .partition = Ways::receive,
                                                 .seed = 16});
  const impair::Impairment expected{.loss_ppm = 1,
                                    .burst_begin_ppm = 2,
                                    .burst_end_ppm = 3,
                                    .burst_loss_ppm = 4,
                                    .duplicate_ppm = 5,
                                    .reorder_ppm = 6,
                                    .corrupt_ppm = 7,
                                    .blackhole_bytes = 8,
                                    .delay = Duration::ms(9),
                                    .jitter = Duration::ms(10),
                                    .rate_bits_per_second = 400'000'000'000,
                                    .queue_frames = 12,
                                    .ecn = Duration::ms(13),
                                    .hold_every = Duration::ms(15),
                                    .hold = Duration::ms(14),
                                    .direction = Ways::send,
                                    .partition = Ways::receive,
                                    .seed = 16};
  CHECK(made == expected);
  CHECK(impairment_of({}) == impair::Impairment{});
}

TEST_CASE("impair_settings: what is not named stays") {
  const ImpairConfig first = after("loss=0.01,delay_ms=20,partition=send");
  CHECK(first.loss_ppm == 10'000);
  CHECK(first.delay_ms == 20);
  CHECK(first.partition == Ways::send);
  CHECK(first.queue_packets == 500);
  CHECK(first.seed == 7);
  const ImpairConfig second = after("loss=0,burst_begin=2%,burst_end=18%,direction=receive", first);
  CHECK(second.loss_ppm == 0);
  CHECK(second.delay_ms == 20);
  CHECK(second.burst_begin_ppm == 20'000);
  CHECK(second.burst_end_ppm == 180'000);
  CHECK(second.burst_loss_ppm == 1'000'000);
  CHECK(second.direction == Ways::receive);
  const ImpairConfig off = after("off", second);
  CHECK(impairment_of(off) == impairment_of(start));
  CHECK(after("hold_every_ms=1000,hold_ms=300,ecn_ms=5,blackhole_bytes=1200,queue_packets=100").hold_ms == 300);
}

TEST_CASE("impair_settings: a fraction is a number or per cent") {
  CHECK(after("loss=1").loss_ppm == 1'000'000);
  CHECK(after("loss=100%").loss_ppm == 1'000'000);
  CHECK(after("loss=0.5%").loss_ppm == 5'000);
  CHECK(after("loss=0.000001").loss_ppm == 1);
  CHECK(after("loss=1e-3").loss_ppm == 1'000);
  for (const char* bad : {"1.01", "101%", "-0.1", "-1%", "nan", "nan%", "inf", "1e9", "%", "", "1%%", "0,1", "0x1",
                          " 1", "one", "1 %", "99999999999999999999"}) {
    INFO(bad);
    CHECK_FALSE(error_of("loss=" + std::string(bad)).empty());
  }
}

TEST_CASE("impair_settings: what will not do is refused by its key") {
  CHECK(error_of("lossy=1") == "lossy: unknown key, did you mean loss?");
  CHECK(error_of("loss=1.5") == "loss: 1.5 is not between 0 and 1");
  CHECK(error_of("delay_ms=60001") == "delay_ms: 60001 is above 60000");
  CHECK(error_of("delay_ms=1.5").starts_with("delay_ms: must be an integer"));
  CHECK(error_of("partition=sideways").starts_with("partition: must be \"none\" or \"receive\""));
  CHECK(error_of("partition=1").starts_with("partition: must be"));
  CHECK(error_of("loss=1,loss=0") == "loss: is there twice");
  CHECK(error_of("queue_packets=501") == "queue_packets: 501 is above 500, for which memory was taken at start");
  CHECK(error_of("seed=8") == "seed: is set at start and stays");
  CHECK(error_of("burst_begin=0.1") == "burst_begin: a burst would never end, as burst_end is 0");
  CHECK(error_of("hold_ms=5") == "hold_ms: needs hold_every_ms, the time from one hold to the next");
  CHECK(error_of("hold_ms=5,hold_every_ms=5") == "hold_ms: 5 is not below hold_every_ms, which is 5");
  // … also when the other key was set before.
  CHECK(error_of("hold_every_ms=5", after("hold_ms=5,hold_every_ms=6")).starts_with("hold_ms: "));
  for (const char* bad : {"", ",", "loss", "=1", "loss=1,", ",loss=1", "loss=1,,delay_ms=2", "off,loss=1", "OFF"}) {
    INFO(bad);
    CHECK(error_of(bad).ends_with(" is not key=value"));
  }
}

}  // namespace penstock::control
