// D3: the same schedule of losses for both: ours and ikcp send the same messages to an ikcp, and the n-th datagram of each
// direction is lost for the one as for the other.
//
// Deliveries must be equal, to the byte. How many segments it takes, and how long, depends on which datagram a loss happens
// to hit, and after the first difference in timing the same index is another datagram; so a single schedule is held to a wide
// bound, and the sums over all of them to a narrow one (README.md tells how both were found).
#include <algorithm>
#include <map>
#include <memory>

#include "diff/ikcp.hpp"
#include "diff/levels.hpp"

namespace penstock::diff {

namespace {

constexpr std::int64_t end_us = 3'600'000'000;
// Of all schedules together, in percent of ikcp.
constexpr std::uint64_t segments_percent_max = 100;
constexpr std::uint64_t repeats_percent_max = 100;
constexpr std::uint64_t datagrams_percent_max = 100;
constexpr std::uint64_t time_percent_max = 100;
constexpr std::uint64_t schedules_for_sums = 3200;
// Of one schedule: so many times what ikcp took, and on top what some unlucky losses cost.
constexpr std::uint64_t one_times_max = 3;
constexpr std::uint64_t one_segments_more = 100;
constexpr std::int64_t one_us_more = 30'000'000;

struct Schedule {
  explicit Schedule(std::uint64_t number, std::uint64_t seed);
  bool lost(int direction, std::uint64_t index) const {
    return Rng(seed).child(static_cast<std::uint64_t>(direction) << 32 | index).chance_ppm(loss_ppm);
  }
  Bytes message(std::uint32_t index) const;
  std::string tell() const;

  std::uint64_t seed;
  kcp::Options options, peer;
  std::uint32_t loss_ppm = 0;
  std::int64_t delay_us = 0;
  std::uint32_t messages = 0, message_bytes = 0;
  std::int64_t pause_us = 0;  // between two messages; 0: all at once
};

// nodelay, resend, nc and the mode are gone through; the rest is drawn.
Schedule::Schedule(std::uint64_t number, std::uint64_t first) : seed(first + number) {
  Rng rng(seed);
  options.nodelay = number & 1;
  options.resend = static_cast<std::uint8_t>(number & 2);
  options.no_congestion_window = (number & 4) != 0;
  options.stream = (number & 8) != 0;
  options.interval_ms = static_cast<std::uint32_t>(rng.between(10, rng.below(2) == 0 ? 20 : 100));
  options.mtu = static_cast<std::uint16_t>(rng.below(4) == 0 ? 50 + rng.below(60) : 110 + rng.below(1291));
  options.snd_wnd = static_cast<std::uint32_t>(rng.below(8) == 0 ? 1 : 1 + rng.below(rng.below(2) == 0 ? 64 : 1024));
  options.rcv_wnd = static_cast<std::uint32_t>(1 + rng.below(1024));
  options.dead_link = 255;
  options.send_queue_segments_max = 32'768;
  peer = options;
  peer.no_congestion_window = true;
  loss_ppm = static_cast<std::uint32_t>(rng.below(5) == 0 ? 0 : rng.below(250'000));
  delay_us = rng.between(1, 80) * 1000;
  messages = static_cast<std::uint32_t>(5 + rng.below(150));
  // As many bytes as pools hold, and no more fragments than ikcp takes.
  message_bytes = static_cast<std::uint32_t>(1 + rng.below(std::min<std::uint32_t>(3000, 40 * options.mss())));
  pause_us = rng.below(2) == 0 ? 0 : rng.between(1, 40) * 1000;
}

Bytes Schedule::message(std::uint32_t index) const {
  Rng rng = Rng(seed).child(0x6d00000000u | index);
  std::uint64_t size = 1 + rng.below(message_bytes);
  // In a stream ikcp fills segments up and ours need not (stream_packing); of whole segments both make the same.
  if (options.stream) size += options.mss() - 1 - (size - 1) % options.mss();
  Bytes bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(rng.next());
  return bytes;
}

std::string Schedule::tell() const {
  return fmt::format("seed {} nodelay {} resend {} nc {} stream {} mtu {} windows {}/{} loss {} ppm delay {} us", seed,
                     options.nodelay, options.resend, options.no_congestion_window, options.stream, options.mtu,
                     options.snd_wnd, options.rcv_wnd, loss_ppm, delay_us);
}

struct Outcome {
  std::vector<Bytes> delivered;  // in stream mode one stretch
  std::uint64_t segments = 0;    // PUSHes sent, repetitions included
  std::uint64_t repeats = 0;     // … of these
  std::uint64_t datagrams = 0;
  std::uint64_t between_ticks = 0;  // datagrams that left at no multiple of the interval
  std::int64_t finish_us = 0;       // when the last message was handed out
};

class Run {
 public:
  Run(const Schedule& schedule, Machine& sender) : schedule_(schedule), sender_(sender), receiver_(schedule.peer) {}
  Outcome finish() {
    for (std::uint32_t i = 0; i < schedule_.messages; ++i) bytes_to_come_ += schedule_.message(i).size();
    while (!finished()) {
      require(now_us_ < end_us, "did not finish: " + schedule_.tell());
      turn();
      advance();
    }
    return std::move(outcome_);
  }

 private:
  struct Direction {
    std::multimap<std::int64_t, Bytes> wire;
    std::uint64_t index = 0;
  };
  Instant now() const { return Instant::at_us(now_us_); }
  bool finished() const { return bytes_to_come_ == 0; }
  void turn() {
    hand_over(directions_[1], sender_);
    hand_over(directions_[0], receiver_);
    while (sent_ < schedule_.messages && now_us_ >= sent_ * schedule_.pause_us) {
      require(sender_.send(schedule_.message(sent_), now()), "a message was not taken: " + schedule_.tell());
      ++sent_;
    }
    for (const Bytes& datagram : sender_.turn(now())) count(datagram);
    for (const Bytes& datagram : receiver_.turn(now())) put(1, datagram);
    take();
  }
  void count(const Bytes& datagram) {
    for (const SegmentView& segment : take_apart(datagram)) {
      if (segment.header.command != kcp::Command::push) continue;
      ++outcome_.segments;
      outcome_.repeats += segment.header.sn.before(next_);
      if (segment.header.sn.at_or_after(next_)) next_ = segment.header.sn + 1;
    }
    ++outcome_.datagrams;
    outcome_.between_ticks += now_us_ / 1000 % schedule_.options.interval_ms != 0;
    put(0, datagram);
  }
  void put(int number, const Bytes& datagram) {
    Direction& direction = directions_[number];
    if (!schedule_.lost(number, direction.index++)) direction.wire.emplace(now_us_ + schedule_.delay_us, datagram);
  }
  void hand_over(Direction& direction, Machine& to) {
    while (!direction.wire.empty() && direction.wire.begin()->first <= now_us_) {
      const Bytes datagram = std::move(direction.wire.begin()->second);
      direction.wire.erase(direction.wire.begin());
      to.input(datagram, now());
    }
  }
  void take() {
    while (auto bytes = receiver_.receive()) {
      bytes_to_come_ -= bytes->size();
      outcome_.finish_us = now_us_;
      auto& all = outcome_.delivered;
      if (!schedule_.options.stream || all.empty()) all.push_back(std::move(*bytes));
      else all[0].insert(all[0].end(), bytes->begin(), bytes->end());
    }
  }
  void advance() {
    Instant next = earlier(sender_.next_deadline(now()), receiver_.next_deadline(now()));
    for (const Direction& direction : directions_) {
      if (!direction.wire.empty()) next = earlier(next, Instant::at_us(direction.wire.begin()->first));
    }
    if (sent_ < schedule_.messages) next = earlier(next, Instant::at_us(sent_ * schedule_.pause_us));
    now_us_ = std::max(next.count_us(), now_us_ + 1);
  }

  const Schedule& schedule_;
  Machine& sender_;
  IkcpEnd receiver_;
  Direction directions_[2];
  Outcome outcome_;
  std::int64_t now_us_ = 0;
  std::uint64_t bytes_to_come_ = 0;
  std::uint32_t sent_ = 0;
  Seq32 next_;  // the first sn that was not seen yet
};

void compare_deliveries(const Schedule& schedule, const Outcome& outcome, const char* whose) {
  std::vector<Bytes> expected;
  for (std::uint32_t i = 0; i < schedule.messages; ++i) {
    Bytes message = schedule.message(i);
    if (!schedule.options.stream || expected.empty()) expected.push_back(std::move(message));
    else expected[0].insert(expected[0].end(), message.begin(), message.end());
  }
  require(outcome.delivered == expected, std::string("other bytes arrived from ") + whose + ": " + schedule.tell());
}

void hold_to_ikcp(const Schedule& schedule, const Outcome& ours, const Outcome& ikcp) {
  const std::string figures = fmt::format("ours took {} segments and {} us, ikcp {} and {}: {}", ours.segments,
                                          ours.finish_us, ikcp.segments, ikcp.finish_us, schedule.tell());
  require(ours.segments <= ikcp.segments * one_times_max + one_segments_more, figures);
  require(ours.finish_us <= ikcp.finish_us * static_cast<std::int64_t>(one_times_max) + one_us_more, figures);
}

}  // namespace

namespace {

// Of all schedules of a kind.
struct Sums {
  void add(const Outcome& outcome) {
    segments += outcome.segments;
    repeats += outcome.repeats;
    datagrams += outcome.datagrams;
    ms += static_cast<std::uint64_t>(outcome.finish_us) / 1000;
  }
  std::uint64_t segments = 0, repeats = 0, datagrams = 0, ms = 0;
};

struct Both {
  std::string tell() const {
    return fmt::format("segments {} of ours, {} of ikcp; repeated {}, {}; datagrams {}, {}; virtual ms {}, {}",
                       ours.segments, ikcp.segments, ours.repeats, ikcp.repeats, ours.datagrams, ikcp.datagrams,
                       ours.ms, ikcp.ms);
  }
  Sums ours, ikcp;
};

void compare_one(const Schedule& schedule, const Bench& bench, Both& sums) {
  const kcp::Start start{.opening = kcp::Opening::by_us, .send_first = {}, .receive_first = {}, .stamp_origin = {}};
  auto mine = std::make_unique<Ours>(bench.memory, schedule.options, schedule.seed, Instant(), start);
  const Outcome ours = Run(schedule, *mine).finish();
  mine.reset();
  IkcpEnd theirs(schedule.options);
  const Outcome ikcp = Run(schedule, theirs).finish();
  compare_deliveries(schedule, ours, "ours");
  compare_deliveries(schedule, ikcp, "ikcp");
  hold_to_ikcp(schedule, ours, ikcp);
  bench.ledger.count(Divergence::no_tick, ours.between_ticks);
  sums.ours.add(ours);
  sums.ikcp.add(ikcp);
}

}  // namespace

std::string compare_schedules(const Bench& bench) {
  Both kinds[2];  // messages, streams
  for (std::uint64_t i = 0; i < bench.order.schedules; ++i) {
    const Schedule schedule(i, bench.order.seed);
    compare_one(schedule, bench, kinds[schedule.options.stream]);
  }
  const std::string sums = fmt::format("{} schedules\n    messages: {}\n    streams: {}", bench.order.schedules,
                                       kinds[0].tell(), kinds[1].tell());
  // A few of them say nothing about sums.
  if (bench.order.schedules < schedules_for_sums) return sums;
  for (const Both& kind : kinds) {
    const auto within = [&](std::uint64_t ours, std::uint64_t ikcp, std::uint64_t percent, const char* what) {
      require(ours * 100 <= ikcp * percent, std::string("too much of ") + what + ": " + sums);
    };
    within(kind.ours.segments, kind.ikcp.segments, segments_percent_max, "segments");
    within(kind.ours.repeats, kind.ikcp.repeats, repeats_percent_max, "repeated segments");
    within(kind.ours.datagrams, kind.ikcp.datagrams, datagrams_percent_max, "datagrams");
    within(kind.ours.ms, kind.ikcp.ms, time_percent_max, "time");
  }
  return sums;
}

}  // namespace penstock::diff
