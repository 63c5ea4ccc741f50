// Shows that the short ways, of plain datagrams and of runs of PUSHes, do what the long way does, whatever comes.
// How: two equal sessions live through the same random life; one of them gets each datagram with a byte too many behind it,
// which KCP ignores but which makes it no plain one, or with windows that differ, which makes its segments no run. After each
// step both must tell the same and write the same.
#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <string>
#include <type_traits>

#include "base/rng.hpp"
#include "proto/kcp/session_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

namespace {

// What a peer knows of us, so that most of what it says makes sense.
class Peer {
 public:
  explicit Peer(Rng& rng) : rng_(rng) {}

  void hear(const std::vector<Parsed>& segments) {
    for (const Parsed& segment : segments) {
      if (segment.header.command == Command::push) waiting_[segment.header.sn.raw()] = segment.header.stamp.raw();
    }
  }
  Bytes say(std::uint32_t our_una, std::uint32_t next_expected) {
    Wire ack{.command = Command::ack, .una = our_una, .wnd = static_cast<std::uint16_t>(rng_.below(3) == 0 ? 60 : 128)};
    const bool acks = !waiting_.empty() && rng_.below(3) > 0;
    if (acks) {
      auto found = waiting_.begin();
      if (rng_.below(6) == 0) std::advance(found, static_cast<long>(rng_.below(waiting_.size())));
      ack.sn = found->first;
      ack.ts = found->second + (rng_.below(10) == 0 ? 1 : 0);
      if (found->first == our_una && rng_.below(10) > 0) ack.una = our_una + 1;
      waiting_.erase(found);
    } else if (rng_.below(12) == 0) {
      ack.una += static_cast<std::uint32_t>(rng_.between(-1, 2));
    }
    if (rng_.below(40) == 0) ack.wnd = 0;
    Wire push{.sn = next_expected, .una = ack.una, .ts = rng_.next32(), .wnd = ack.wnd, .payload = "payload"};
    if (rng_.below(8) == 0) push.sn += static_cast<std::uint32_t>(rng_.between(-2, 3));
    if (rng_.below(12) == 0) push.frg = 1;
    if (rng_.below(12) == 0) push.payload.clear();
    if (rng_.below(12) == 0) push.una += 1;
    switch (rng_.below(3)) {
      case 0: return wire({ack});
      case 1: return wire({push});
      default: return wire({ack, push});
    }
  }

 private:
  Rng& rng_;
  std::map<std::uint32_t, std::uint32_t> waiting_;
};

bool same(const Counters& a, const Counters& b) {
  static_assert(std::is_trivially_copyable_v<Counters>);
  return std::memcmp(&a, &b, sizeof a) == 0;
}

void compare(SessionBench& a, SessionBench& b) {
  const Stats x = a.session.stats();
  const Stats y = b.session.stats();
  REQUIRE(x.srtt_us == y.srtt_us);
  REQUIRE(x.rttvar_us == y.rttvar_us);
  REQUIRE(x.rto_us == y.rto_us);
  REQUIRE(x.cwnd == y.cwnd);
  REQUIRE(x.peer_window == y.peer_window);
  REQUIRE(x.in_flight == y.in_flight);
  REQUIRE(x.unsent == y.unsent);
  REQUIRE(x.queued_bytes == y.queued_bytes);
  REQUIRE(x.undelivered == y.undelivered);
  REQUIRE(x.retransmissions == y.retransmissions);
  REQUIRE(a.session.next_deadline() == b.session.next_deadline());
  REQUIRE(a.session.has_event() == b.session.has_event());
  REQUIRE(a.session.idle() == b.session.idle());
  REQUIRE(a.world.memory.in_use_bytes() == b.world.memory.in_use_bytes());
  REQUIRE(same(a.world.counters, b.world.counters));
}

void live(std::uint64_t seed, const Options& options) {
  Rng rng(seed);
  SessionBench plain(options);
  SessionBench other(options);
  Peer peer(rng);
  std::int64_t us = 0;
  std::uint32_t next_expected = 0;  // roughly: what came early counts as well
  std::uint32_t first_unsent = 0;
  for (int step = 0; step < 400 && !plain.session.closed(); ++step) {
    us += rng.between(0, rng.below(20) == 0 ? 300'000 : 5'000);
    const Instant now = Instant::at_us(us);
    if (rng.below(3) > 0) {
      const Bytes datagram = peer.say(first_unsent - plain.session.stats().in_flight, next_expected);
      Bytes longer = datagram;
      longer.push_back(0x55);
      const std::uint64_t before = plain.world.counters.segments_received;
      REQUIRE(test::deliver(plain.world, plain.session, datagram, now) ==
              test::deliver(other.world, other.session, longer, now));
      next_expected += static_cast<std::uint32_t>(plain.world.counters.segments_received - before);
    }
    if (rng.below(2) == 0) {
      const std::string message(1 + rng.below(40), 'm');
      REQUIRE(test::send(plain.world, plain.session, message, now) ==
              test::send(other.world, other.session, message, now));
    }
    if (rng.below(2) == 0) REQUIRE(receive_all(plain.session) == receive_all(other.session));
    if (now >= plain.session.next_deadline()) {
      plain.session.on_timeout(now);
      other.session.on_timeout(now);
    }
    const auto written = transmit_all(plain.world, plain.session, now);
    REQUIRE(written == transmit_all(other.world, other.session, now));
    const auto segments = parse(written);
    peer.hear(segments);
    for (const Parsed& segment : segments) {
      const std::uint32_t behind = segment.header.sn.raw() + 1;
      if (segment.header.command == Command::push && behind > first_unsent) first_unsent = behind;
    }
    compare(plain, other);
    events(plain.session);
    events(other.session);
  }
}

// Several PUSHes in a datagram, most of them in order, some of them not; `smaller` takes 1 from each other window.
Bytes several(Rng& rng, std::uint32_t next_expected, bool smaller) {
  Bytes bytes;
  std::uint32_t sn = next_expected;
  const auto count = 1 + rng.below(20);
  for (std::uint64_t i = 0; i < count; ++i, ++sn) {
    if (rng.below(40) == 0) sn += static_cast<std::uint32_t>(rng.between(-3, 3));
    Wire push{.sn = sn, .ts = rng.next32(), .payload = std::string(rng.below(30), 'p')};
    if (rng.below(60) == 0) push.frg = 1;
    if (rng.below(60) == 0) push.command = Command::wask, push.payload.clear();
    if (smaller && i % 2 == 1) --push.wnd;
    const Bytes segment = wire({push});
    bytes.insert(bytes.end(), segment.begin(), segment.end());
  }
  return bytes;
}

void live_of_runs(std::uint64_t seed, const Options& options) {
  Rng rng(seed);
  SessionBench run(options);
  SessionBench single(options);
  std::uint32_t next_expected = 0;
  for (int step = 0; step < 200; ++step) {
    const Instant now = Instant::at_us(step * 1000);
    Rng again = rng;
    const Bytes datagram = several(rng, next_expected, false);
    const std::uint64_t before = run.world.counters.segments_received;
    REQUIRE(test::deliver(run.world, run.session, datagram, now) ==
            test::deliver(single.world, single.session, several(again, next_expected, true), now));
    next_expected += static_cast<std::uint32_t>(run.world.counters.segments_received - before);
    if (rng.below(4) == 0) REQUIRE(receive_all(run.session) == receive_all(single.session));
    if (rng.below(3) == 0) {
      REQUIRE(transmit_all(run.world, run.session, now) == transmit_all(single.world, single.session, now));
    }
    compare(run, single);
  }
}

}  // namespace

TEST_CASE("a run of PUSHes does what they do one by one") {
  Options delayed = quick();
  delayed.ack_delay_ms = 10;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    live_of_runs(seed, quick());
    live_of_runs(seed, delayed);
  }
}

TEST_CASE("of a run that finds no memory is kept, and acknowledged, what there is room for") {
  for (const std::size_t memory : {256u, 512u, 1024u, 2048u}) {
    SessionBench bench(quick(), ours(), {.memory_bytes = memory});
    Bytes run;
    std::string expected;
    for (std::uint32_t sn = 0; sn < 120; ++sn) {
      const Bytes segment = wire({push(sn, "p")});
      run.insert(run.end(), segment.begin(), segment.end());
    }
    CHECK(bench.deliver(run) == Refusal::none);
    const Counters& counters = bench.world.counters;
    const std::uint64_t stored = counters.segments_received;
    INFO("memory " << memory << ", stored " << stored);
    CHECK((stored > 0 && stored < 120));
    CHECK(stored + counters.no_memory == 120);
    for (const Parsed& sent : bench.sent()) {
      CHECK(sent.header.command == Command::ack);
      CHECK(sent.header.sn.raw() < stored);
      CHECK(sent.header.una.raw() == stored);
    }
    for (std::uint64_t i = 0; i < stored; ++i) expected += "p|";
    CHECK(receive_all(bench.session) == expected);
  }
}

TEST_CASE("a plain datagram does what the same one does that is judged segment by segment") {
  Options classic = quick();
  classic.no_congestion_window = false;
  Options delayed = quick();
  delayed.ack_delay_ms = 10;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    live(seed, quick());
    live(seed, classic);
    live(seed, delayed);
  }
}
