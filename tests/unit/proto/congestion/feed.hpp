// Feed: events for one congestion controller, by hand: segments of 1,000 B, times in ms.
#pragma once

#include <cstdint>

#include "proto/congestion/events.hpp"

namespace penstock::congestion::test {

inline constexpr std::uint32_t segment = 1000;

inline Instant at_ms(std::int64_t ms) { return Instant::at_us(ms * 1000); }

inline Setup setup_at(std::int64_t ms = 0) { return {.now = at_ms(ms), .segment_bytes = segment, .seed = 7}; }

// So many segments arrived, the newest of which was sent `rtt_ms` ago; the window was full.
inline Acked acked(std::int64_t ms, std::uint64_t segments, std::uint32_t rtt_ms = 100, bool limited = true) {
  Acked event{.now = at_ms(ms), .rate = {}};
  event.bytes = segments * segment;
  event.rtt_us = event.srtt_us = rtt_ms * 1000;
  event.window_limited = limited;
  return event;
}

inline Lost lost(std::int64_t ms, std::int64_t sent_ms, std::uint64_t flight_segments = 10) {
  return {.now = at_ms(ms),
          .sent_at = at_ms(sent_ms),
          .bytes = segment,
          .in_flight = (flight_segments - 1) * segment,
          .flight_at_send = flight_segments * segment,
          .lost_since_send = segment,
          .delivered = 0,
          .app_limited = false};
}

inline Spurious spurious(std::int64_t ms, std::int64_t sent_ms, bool by_timeout = false) {
  return {.now = at_ms(ms), .sent_at = at_ms(sent_ms), .bytes = segment, .delivered = 0, .by_timeout = by_timeout};
}

inline Sent sent(std::int64_t ms, std::uint64_t flight_segments = 0, bool app_limited = true) {
  return {.now = at_ms(ms), .bytes = segment, .in_flight = flight_segments * segment, .app_limited = app_limited};
}

// A window in segments.
template <class C>
std::uint64_t segments(const C& controller) {
  return controller.window() / segment;
}

}  // namespace penstock::congestion::test
