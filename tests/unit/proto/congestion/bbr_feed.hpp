// BbrFeed: drives one Bbr by acknowledgements whose rate, round trip and losses a test chooses; ten of them a round trip.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "proto/congestion/bbr.hpp"
#include "proto/congestion/feed.hpp"

namespace penstock::congestion::test {

class BbrFeed {
 public:
  explicit BbrFeed(std::int64_t round_trip_ms = 100) : bbr(setup_at(1000)), rtt_ms(round_trip_ms) {}

  // One acknowledgement, a tenth of a round trip later, of a path that delivers `rate` bytes a second.
  void step(std::uint64_t rate, bool app_limited = false) {
    const std::uint64_t bytes = rate * static_cast<std::uint64_t>(rtt_ms) / 10'000;
    now_ms += rtt_ms / 10;
    Acked event = acked(now_ms, 0, static_cast<std::uint32_t>(rtt_ms), window_limited);
    event.bytes = bytes;
    delivered += bytes;
    event.delivered = delivered;
    const std::uint64_t flight = obeys ? std::min(in_flight, bbr.window()) : in_flight;
    event.in_flight = event.flight_before = flight;
    event.rate = {.interval_us = static_cast<std::uint32_t>(rtt_ms * 1000),
                  .delivered = bytes * 10,
                  .lost = lost_in_round,
                  .flight_at_send = std::max<std::uint64_t>(flight, segment),
                  .delivered_before = history[at % 10],
                  .app_limited = app_limited};
    history[at++ % 10] = delivered;
    bbr.on_acked(event);
  }
  void round(std::uint64_t rate, bool app_limited = false) {
    for (int i = 0; i < 10; ++i) step(rate, app_limited);
  }
  // Rounds until the state is that one, so many at the most.
  bool reach(Bbr::State state, std::uint64_t rate, int rounds_max) {
    for (int i = 0; i < rounds_max * 10 && bbr.state() != state; ++i) step(rate);
    return bbr.state() == state;
  }
  // Full pipe, queue drained: in Cruise. The path delivers a megabyte a second: a BDP of 100 segments at 100 ms.
  void cruise() {
    for (std::uint64_t rate = 125'000; rate <= 1'000'000; rate *= 2) round(rate);
    in_flight = 100 * segment;
    reach(Bbr::State::cruise, 1'000'000, 20);
    in_flight = 90 * segment;
    reach(Bbr::State::cruise, 1'000'000, 20);
  }
  void lose(std::uint64_t flight_segments, std::uint64_t lost_segments, bool app_limited = false) {
    Lost event = lost(now_ms, now_ms - rtt_ms, flight_segments);
    event.lost_since_send = lost_segments * segment;
    event.delivered = delivered;
    event.app_limited = app_limited;
    bbr.on_lost(event);
  }

  Bbr bbr;
  std::int64_t rtt_ms;
  std::int64_t now_ms = 1000;
  std::uint64_t delivered = 0;
  std::uint64_t in_flight = 20 * segment;
  std::uint64_t lost_in_round = 0;
  bool window_limited = false;
  bool obeys = true;  // the flight comes down with the window at once

 private:
  std::array<std::uint64_t, 10> history{};
  std::size_t at = 0;
};

}  // namespace penstock::congestion::test
