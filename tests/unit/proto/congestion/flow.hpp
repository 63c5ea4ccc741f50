// Flow: the sender of one flow through a modelled bottleneck, driven by a congestion controller.
//
// It has always something to send. A copy counts as lost once a third later one was acknowledged, so a round trip after it
// left, or when nothing is heard for a timeout. Rates are sampled as the IETF's draft on delivery rate estimation has it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/time.hpp"
#include "proto/congestion/controller.hpp"

namespace penstock::congestion::test {

struct Copy {
  enum class State : std::uint8_t { in_flight, acked, lost, lost_by_timeout };
  std::int64_t sent_ns = 0, first_sent_ns = 0, delivered_ns = 0;
  std::uint64_t delivered = 0, flight = 0, lost = 0;  // of the flow, when it was sent
  State state = State::in_flight;
};

class Flow {
 public:
  static constexpr std::uint32_t segment = 1400;
  // What a controller without a bound may have in flight, as by a machine's window.
  static constexpr std::uint64_t flight_max = 2048ull * segment;

  Flow(Kind kind, std::int64_t from_ns, std::uint32_t seed, std::uint8_t loss_percent)
      : controller(kind, {.now = at(from_ns), .segment_bytes = segment, .seed = seed, .loss_percent = loss_percent}),
        start_ns(from_ns) {}

  static Instant at(std::int64_t ns) { return Instant::at_us(ns / 1000); }

  // Whether a copy may leave now; 0: it does. Else when to ask again, in ns, -1: after an acknowledgement.
  std::int64_t blocked_until(std::int64_t now) {
    const std::uint64_t window = controller.window();
    if (in_flight + segment > (window == unbounded ? flight_max : window)) {
      window_limited = true;
      return -1;
    }
    return next_send_ns > now ? next_send_ns : 0;
  }

  std::uint64_t send(std::int64_t now) {
    controller.on_sent({.now = at(now), .bytes = segment, .in_flight = in_flight, .app_limited = false});
    if (in_flight == 0) first_sent_ns = delivered_ns = now;
    in_flight += segment;
    copies.push_back({now, first_sent_ns, delivered_ns, delivered, in_flight, lost, Copy::State::in_flight});
    sent += segment;
    if (heard_ns < 0 || in_flight == segment) heard_ns = now;
    const std::uint64_t rate = controller.pacing_rate();
    if (rate != unbounded) {
      next_send_ns = std::max(next_send_ns, now) + static_cast<std::int64_t>(segment * 1'000'000'000ull / rate);
    }
    return base + copies.size() - 1;
  }

  void acknowledge(std::int64_t now, std::size_t count);
  void check_timeout(std::int64_t now);
  std::int64_t timeout_ns() const { return std::max<std::int64_t>(300'000'000, 3000ll * srtt_us) << backoff; }

  AnyController controller;
  std::int64_t start_ns;
  std::deque<std::uint64_t> arriving;  // copies whose acknowledgement is on its way, in its order
  std::uint64_t sent = 0, delivered = 0, lost = 0, spurious = 0, in_flight = 0;
  std::int64_t heard_ns = -1;
  std::int64_t next_send_ns = 0;
  std::int64_t wake_ns = -1;
  std::uint32_t timeouts = 0, reductions = 0;
  std::uint32_t srtt_us = 0;
  std::vector<std::uint64_t> waiting;  // at the receiver, for its next flush

 private:
  Copy& copy(std::uint64_t id) { return copies[id - base]; }
  void find_losses(std::int64_t now);
  RateSample sample_of(const Copy& newest, std::int64_t now);
  void forget();

  std::deque<Copy> copies;
  std::uint64_t base = 0;      // the first of them
  std::uint64_t unjudged = 0;  // older ones are acknowledged or lost
  std::uint64_t largest = 0;   // acknowledged, plus one
  std::uint64_t round_end = 0;
  std::int64_t first_sent_ns = 0, delivered_ns = 0;
  std::uint32_t backoff = 0;
  bool window_limited = false;
};

inline void Flow::find_losses(std::int64_t now) {
  for (; unjudged + 3 < largest; ++unjudged) {
    Copy& old = copy(unjudged);
    if (old.state != Copy::State::in_flight) continue;
    old.state = Copy::State::lost;
    in_flight -= segment;
    lost += segment;
    const std::uint64_t before = controller.window();
    controller.on_lost({.now = at(now),
                        .sent_at = at(old.sent_ns),
                        .bytes = segment,
                        .in_flight = in_flight,
                        .flight_at_send = old.flight,
                        .lost_since_send = lost - old.lost,
                        .delivered = delivered,
                        .app_limited = false});
    if (controller.window() < before) ++reductions;
  }
}

inline RateSample Flow::sample_of(const Copy& newest, std::int64_t now) {
  const std::int64_t interval = std::max(newest.sent_ns - newest.first_sent_ns, now - newest.delivered_ns);
  return {.interval_us = static_cast<std::uint32_t>(std::max<std::int64_t>(interval / 1000, 1)),
          .delivered = delivered - newest.delivered,
          .lost = lost - newest.lost,
          .flight_at_send = newest.flight,
          .delivered_before = newest.delivered,
          .app_limited = false};
}

inline void Flow::acknowledge(std::int64_t now, std::size_t count) {
  Acked acked{.now = at(now), .flight_before = in_flight, .rate = {}};
  std::uint64_t newest = 0;
  const std::uint64_t lost_before = lost;
  for (; count > 0; --count) {
    const std::uint64_t id = arriving.front();
    arriving.pop_front();
    if (id < base) continue;
    Copy& one = copy(id);
    newest = std::max(newest, id + 1);
    delivered += segment;
    acked.bytes += segment;
    if (one.state == Copy::State::in_flight) {
      in_flight -= segment;
    } else {
      spurious += segment;
      controller.on_spurious({.now = at(now),
                              .sent_at = at(one.sent_ns),
                              .bytes = segment,
                              .delivered = delivered,
                              .by_timeout = one.state == Copy::State::lost_by_timeout});
    }
    one.state = Copy::State::acked;
  }
  if (newest == 0) return;
  largest = std::max(largest, newest);
  delivered_ns = heard_ns = now;
  backoff = 0;
  const Copy last = copy(newest - 1);
  first_sent_ns = std::max(first_sent_ns, last.sent_ns);
  acked.rtt_us = static_cast<std::uint32_t>((now - last.sent_ns) / 1000);
  srtt_us = srtt_us == 0 ? acked.rtt_us : (7 * srtt_us + acked.rtt_us) / 8;
  find_losses(now);
  acked.srtt_us = srtt_us;
  acked.lost = lost - lost_before;
  acked.in_flight = in_flight;
  acked.delivered = delivered;
  acked.window_limited = window_limited;
  acked.round_began = last.delivered >= round_end;
  if (acked.round_began) round_end = delivered;
  acked.rate = sample_of(last, now);
  window_limited = false;
  controller.on_acked(acked);
  forget();
}

inline void Flow::check_timeout(std::int64_t now) {
  if (in_flight == 0 || now - heard_ns < timeout_ns()) return;
  controller.on_timeout({.now = at(now), .in_flight = in_flight});
  ++timeouts;
  for (Copy& one : copies) {
    if (one.state != Copy::State::in_flight) continue;
    one.state = Copy::State::lost_by_timeout;
    lost += segment;
  }
  in_flight = 0;
  heard_ns = now;
  backoff = std::min(backoff + 1, 6u);
}

inline void Flow::forget() {
  // What was held for lost may still arrive, so some thousand more are kept.
  while (copies.size() > 100'000 && unjudged > base) {
    copies.pop_front();
    ++base;
  }
}

}  // namespace penstock::congestion::test
