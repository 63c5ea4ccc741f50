// Shows that two sessions deliver every byte once and in order whatever the link, the options and the shortages, and that
// all memory is back afterwards.
// How: Pair runs swept over loss, reordering, duplication and every option, by seed; a failure names its seed.
#include "proto/kcp/pair.hpp"

#include <catch2/catch.hpp>

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

namespace {

// Options that stay alive on a bad link, the rest by chance.
Options drawn_options(Rng& rng, bool stream) {
  Options options;
  options.nodelay = static_cast<std::uint8_t>(rng.below(3));
  options.resend = static_cast<std::uint8_t>(2 * rng.below(2));
  options.no_congestion_window = rng.below(2) == 0;
  options.fastack_conserve = rng.below(2) == 0;
  options.stream = stream;
  options.dead_link = 255;
  options.interval_ms = static_cast<std::uint32_t>(10 + rng.below(100));
  options.mtu = static_cast<std::uint16_t>(rng.below(3) == 0 ? rng.between(50, 9000) : rng.between(200, 1500));
  options.snd_wnd = static_cast<std::uint32_t>(1 + rng.below(rng.below(4) == 0 ? 1024 : 64));
  options.rcv_wnd = static_cast<std::uint32_t>(1 + rng.below(rng.below(4) == 0 ? 1024 : 256));
  options.stall_timeout_ms = 3'600'000;
  // From a child, so that the scenarios of before stay what they were.
  Rng later = rng.child(options.mtu);
  if (later.below(3) == 0) options.ack_delay_ms = static_cast<std::uint32_t>(1 + later.below(40));
  return options;
}

Scenario drawn(std::uint64_t seed) {
  Rng rng(seed);
  Scenario scenario;
  scenario.seed = seed;
  const bool stream = rng.below(2) == 0;
  scenario.options[0] = drawn_options(rng, stream);
  scenario.options[1] = drawn_options(rng, stream);
  scenario.link.loss_ppm = static_cast<std::uint32_t>(rng.below(4) == 0 ? 0 : rng.below(300'000));
  scenario.link.duplicate_ppm = static_cast<std::uint32_t>(rng.below(2) == 0 ? 0 : rng.below(200'000));
  scenario.link.delay_us = rng.between(0, 100'000);
  scenario.link.jitter_us = rng.below(2) == 0 ? 0 : rng.between(0, 80'000);
  scenario.messages = static_cast<std::uint32_t>(5 + rng.below(60));
  // No message longer than 100 fragments of the smaller mtu, so that it can always be sent.
  const std::uint32_t mss = std::min(scenario.options[0].mss(), scenario.options[1].mss());
  scenario.message_bytes =
      std::min(static_cast<std::uint32_t>(1 + rng.below(rng.below(2) == 0 ? 200 : 20'000)), 100 * mss);
  scenario.lazy_service = rng.below(4) == 0;
  scenario.copy_break = rng.below(2) == 0 ? fold_all : 512;
  for (std::uint32_t& sn : scenario.first_sn)
    sn = rng.below(2) == 0 ? 0 : 0u - static_cast<std::uint32_t>(rng.below(200));
  scenario.size.datagrams = 1500;
  scenario.size.chunks = 2048;
  scenario.size.blocks = {{2048, 2048, 2048}};
  return scenario;
}

}  // namespace

TEST_CASE("any link and any options deliver everything once and in order") {
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    Pair pair(drawn(seed));
    pair.run();
    CHECK(pair.side(1).session.proven());
  }
}

TEST_CASE("shortages of blocks, small blocks and memory only delay") {
  for (std::uint64_t seed = 1000; seed < 1040; ++seed) {
    Scenario scenario = drawn(seed);
    scenario.shortages = true;
    scenario.messages = 15;
    Pair pair(scenario);
    pair.run();
  }
}

TEST_CASE("on a clean link nothing is sent twice, in either mode") {
  for (const bool stream : {false, true}) {
    for (std::uint8_t nodelay = 0; nodelay < 3; ++nodelay) {
      Scenario scenario = drawn(7);
      scenario.link = {};
      scenario.lazy_service = false;
      scenario.messages = 200;
      scenario.message_bytes = 5000;
      for (Options& options : scenario.options) {
        options = Options{};
        options.stream = stream;
        options.nodelay = nodelay;
        options.resend = 2;
        options.interval_ms = 10;
      }
      Pair pair(scenario);
      pair.run();
      for (int i = 0; i < 2; ++i) {
        const Counters& counters = pair.side(i).world.counters;
        CHECK(counters.retransmit_timeout == 0);
        CHECK(counters.retransmit_fast == 0);
        CHECK(counters.duplicates == pair.side(1 - i).world.counters.proof_pings_sent);
        CHECK(counters.acks_forged == 0);
        CHECK(counters.beyond_window == 0);
        CHECK(counters.rtt_us.count() > 0);
        // The first ACK waits for the proof, one round trip more.
        CHECK(counters.rtt_us.max() == (i == 0 ? 40'000 : 20'000));
        CHECK(counters.rtt_us.percentile(900) < 22'000);
      }
    }
  }
}

TEST_CASE("the largest window and the smallest mtu work at the wrap of the numbers") {
  Scenario scenario;
  scenario.seed = 5;
  scenario.messages = 400;
  scenario.message_bytes = 26 * 120;
  scenario.first_sn[0] = 0u - 20'000;
  scenario.first_sn[1] = 0u - 10;
  scenario.link.loss_ppm = 20'000;
  scenario.size = {.memory_bytes = 16u << 20, .blocks = {{60'000, 64, 64}}, .chunks = 4096, .datagrams = 4096};
  for (Options& options : scenario.options) {
    options.snd_wnd = Options::window_max;
    options.rcv_wnd = Options::window_max;
    options.send_queue_segments_max = Options::window_max;
    options.mtu = 50;
    options.no_congestion_window = true;
    options.nodelay = 1;
    options.interval_ms = 10;
    options.resend = 2;
  }
  Pair pair(scenario);
  pair.run();
  CHECK(pair.side(0).world.counters.segments_sent > 20'000);
}

TEST_CASE("a loss rate of a third is survived, and each cause of a resend occurs") {
  Scenario scenario = drawn(11);
  scenario.link = {.loss_ppm = 333'333, .duplicate_ppm = 50'000, .delay_us = 20'000, .jitter_us = 10'000};
  for (Options& options : scenario.options) {
    options.stream = scenario.options[0].stream;
    options.nodelay = 2;
    options.resend = 2;
    options.no_congestion_window = true;
    options.snd_wnd = 128;
  }
  scenario.messages = 300;
  Pair pair(scenario);
  pair.run();
  const Counters& counters = pair.side(0).world.counters;
  CHECK(counters.retransmit_timeout > 0);
  CHECK(counters.retransmit_fast > 0);
  CHECK(counters.duplicates > 0);
  CHECK(counters.acks_stale > 0);
}

TEST_CASE("a path slower than many timeouts still finds its round trip") {
  // 3 s there and back against a first RTO of 200 ms: the first transmission is remembered, so its ACK is a sample.
  Scenario scenario = drawn(13);
  scenario.link = {.loss_ppm = 0, .duplicate_ppm = 0, .delay_us = 1'500'000, .jitter_us = 0};
  scenario.lazy_service = false;
  for (Options& options : scenario.options) {
    const bool stream = options.stream;
    options = Options{};
    options.stream = stream;
    options.nodelay = 2;
    options.dead_link = 255;
    options.no_congestion_window = true;
  }
  scenario.messages = 20;
  Pair pair(scenario);
  pair.run();
  CHECK(pair.side(0).session.stats().srtt_us >= 3'000'000);
  CHECK(pair.side(0).session.stats().rto_us >= 3'000'000);
}
