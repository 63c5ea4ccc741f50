// Shows that a session finds out how long its datagrams may be by questions that every KCP answers, sends nothing longer meanwhile,
// loses nothing of what was cut before, and takes neither a lost question for congestion nor a hint for the truth.
// How: a session that recovers by time, spoken to by hand; each datagram's size is looked at.
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>

#include "proto/kcp/session_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

namespace {

constexpr std::uint16_t base = PathMtu::base_v4;

Options searching() {
  Options options = quick();
  options.recovery = Recovery::rack;
  options.congestion = congestion::Kind::none;
  options.search_mtu = true;
  options.snd_wnd = 64;
  return options;
}

struct Datagram {
  Bytes bytes;
  bool may_fragment;
  Header first() const { return decode(bytes.data()); }
  bool is_probe() const { return first().command == Command::wask && first().length > 0; }
};

struct PathBench : SessionBench {
  explicit PathBench(const Options& options = searching()) : SessionBench(options) {}

  std::vector<Datagram> out(std::int64_t ms, std::uint32_t room = 9000) {
    std::vector<Datagram> all;
    while (true) {
      Block* head = world.pool.allocate();
      REQUIRE(head != nullptr);
      OutDatagram datagram(head, 128, room, fold_all);
      if (!session.poll_transmit(datagram, at_ms(ms))) return all;
      const bool may_fragment = datagram.may_fragment();
      all.push_back({flat(datagram), may_fragment});
    }
  }
  // Acknowledges all that `datagrams` hold, as ikcp would; false when they hold no data.
  void acknowledge(const std::vector<Datagram>& datagrams, std::int64_t ms) {
    for (const Datagram& one : datagrams) {
      for (const Parsed& segment : parse(one.bytes)) {
        if (segment.header.command != Command::push) continue;
        una = std::max(una, segment.header.sn.raw() + 1);
        CHECK(deliver(wire({ack(segment.header.sn.raw(), segment.header.stamp.raw(), una)}), ms) == Refusal::none);
      }
    }
  }
  void wins(std::int64_t ms) {
    Wire answer{.command = Command::wins, .una = una};
    CHECK(deliver(wire({answer}), ms) == Refusal::none);
  }
  // Has it found out that the path carries all.
  void find_all() {
    REQUIRE(send("x", 1000) == SendResult::accepted);
    REQUIRE(out(1000).size() == 1);
    REQUIRE(out(1000).empty());
    REQUIRE(send("y", 1000) == SendResult::accepted);
    const auto second = out(1000);
    REQUIRE(second.size() == 2);
    REQUIRE(second[0].is_probe());
    acknowledge(second, 1020);
    wins(1020);
    REQUIRE(session.stats().path_mtu == world.env.options.mtu);
  }

  std::uint32_t una = 0;
};

const Datagram* probe_of(const std::vector<Datagram>& datagrams) {
  for (const Datagram& one : datagrams) {
    if (one.is_probe()) return &one;
  }
  return nullptr;
}

std::size_t longest(const std::vector<Datagram>& datagrams) {
  std::size_t bytes = 0;
  for (const Datagram& one : datagrams) bytes = std::max(bytes, one.is_probe() ? 0 : one.bytes.size());
  return bytes;
}

}  // namespace

TEST_CASE("until the path is known a session sends what every path carries, and asks for the most") {
  PathBench bench;
  CHECK(bench.session.stats().path_mtu == base);
  REQUIRE(bench.send(std::string(5000, 'm'), 0) == SendResult::accepted);
  auto first = bench.out(0);
  CHECK(longest(first) <= base);
  REQUIRE(bench.send(std::string(5000, 'm'), 1) == SendResult::accepted);
  const auto second = bench.out(1);
  CHECK(longest(second) <= base);
  const Datagram* probe = probe_of(first);
  REQUIRE(probe != nullptr);
  CHECK(probe_of(second) == nullptr);
  CHECK(probe->bytes.size() == 1400);
  CHECK_FALSE(probe->may_fragment);
  CHECK(probe->first().length == 1376);
  CHECK(bench.world.counters.path_probes_sent == 1);
  bench.wins(20);
  CHECK(bench.world.counters.path_probes_answered == 1);
  CHECK(bench.session.stats().path_mtu == 1400);
  bench.acknowledge(first, 21);
  bench.acknowledge(second, 21);
  REQUIRE(bench.send(std::string(5000, 'm'), 22) == SendResult::accepted);
  CHECK(longest(bench.out(22)) == 1400);
}

TEST_CASE("a question that is lost is asked three times, and costs no window") {
  PathBench bench;
  int probes = 0;
  for (int i = 0; i < 600; ++i) {
    const std::int64_t ms = 10 * i;
    REQUIRE(bench.send(std::string(900, 'q'), ms) == SendResult::accepted);
    const auto sent = bench.out(ms);
    CHECK(longest(sent) <= base);
    for (const Datagram& one : sent) probes += one.is_probe() && one.bytes.size() == 1400 ? 1 : 0;
    bench.acknowledge(sent, ms + 5);
  }
  CHECK(probes == 3);
  CHECK(bench.session.stats().path_mtu == base);
  CHECK(bench.world.counters.retransmit_fast == 0);
  CHECK(bench.world.counters.retransmit_timeout == 0);
  // And then for half of what is left.
  CHECK(bench.world.counters.path_probes_sent > 3);
}

TEST_CASE("a window told right behind the question is no answer to it") {
  PathBench bench;
  REQUIRE(bench.send("x", 0) == SendResult::accepted);
  const auto first = bench.out(0);
  bench.acknowledge(first, 100);
  REQUIRE(bench.send("y", 100) == SendResult::accepted);
  REQUIRE(bench.out(100).size() == 1);
  REQUIRE(bench.send("z", 101) == SendResult::accepted);
  REQUIRE(bench.out(101)[0].is_probe());
  bench.wins(140);
  CHECK(bench.session.stats().path_mtu == base);
  bench.wins(160);
  CHECK(bench.session.stats().path_mtu == 1400);
}

TEST_CASE("on a short path the answer comes within the millisecond of the question") {
  PathBench bench;
  const auto at = [](std::int64_t us) { return Instant::at_us(us); };
  const auto push = [&](std::int64_t us) {
    REQUIRE(test::send(bench.world, bench.session, "s", at(us)) == SendResult::accepted);
    return transmit_all(bench.world, bench.session, at(us));
  };
  const auto acknowledge = [&](std::uint32_t sn, std::uint32_t ts, std::int64_t us) {
    CHECK(test::deliver(bench.world, bench.session, wire({ack(sn, ts, sn + 1)}), at(us)) == Refusal::none);
  };
  push(5'000);
  acknowledge(0, 5, 5'100);
  push(6'000);
  REQUIRE(push(6'050).size() == 2);
  const auto wins = wire({Wire{.command = Command::wins, .una = 1}});
  CHECK(test::deliver(bench.world, bench.session, wins, at(6'090)) == Refusal::none);
  CHECK(bench.session.stats().path_mtu == base);
  CHECK(test::deliver(bench.world, bench.session, wins, at(6'150)) == Refusal::none);
  CHECK(bench.session.stats().path_mtu == 1400);
}

TEST_CASE("another question meanwhile leaves nobody able to tell, so the answer is nobody's") {
  PathBench bench;
  REQUIRE(bench.send("x", 0) == SendResult::accepted);
  bench.out(0);
  REQUIRE(bench.send("y", 1) == SendResult::accepted);
  REQUIRE(bench.out(1)[0].is_probe());
  bench.session.ask_for_life(false);
  bench.out(2);
  bench.wins(30);
  CHECK(bench.session.stats().path_mtu == base);
}

TEST_CASE(
    "a path that swallows what is long gets what was cut already, for routers to cut, and then only what it carries") {
  PathBench bench;
  bench.find_all();
  REQUIRE(bench.send(std::string(1376, 'l'), 1030) == SendResult::accepted);
  int whole = 0, cut = 0;
  for (std::int64_t ms = 1030; ms < 20'000 && cut == 0; ++ms) {
    if (ms >= 1031) bench.session.on_timeout(at_ms(ms));
    for (const Datagram& one : bench.out(ms)) {
      if (one.is_probe() || one.bytes.size() < 1400) continue;
      ++(one.may_fragment ? cut : whole);
      if (one.may_fragment) bench.acknowledge({one}, ms + 20);
    }
  }
  CHECK(whole == 5);  // one of them the spare of a thin flow
  CHECK(cut == 1);
  CHECK(bench.session.stats().path_mtu == base);
  CHECK(bench.session.stats().in_flight == 0);
  REQUIRE(bench.send(std::string(1376, 'm'), 20'000) == SendResult::accepted);
  CHECK(longest(bench.out(20'000)) <= base);
}

TEST_CASE("a hint has the path asked about once and changes nothing by itself") {
  PathBench bench;
  bench.find_all();
  bench.session.on_too_big();
  bench.session.on_too_big();
  CHECK(bench.session.stats().path_mtu == 1400);
  REQUIRE(bench.send(std::string(1376, 'h'), 1100) == SendResult::accepted);
  bench.out(1100);
  REQUIRE(bench.send("x", 1101) == SendResult::accepted);
  const auto sent = bench.out(1101);
  REQUIRE(sent[0].is_probe());
  CHECK(sent[0].bytes.size() == 1400);
  CHECK(bench.session.stats().path_mtu == 1400);
  bench.wins(1140);
  REQUIRE(bench.send("y", 1141) == SendResult::accepted);
  CHECK_FALSE(bench.out(1141)[0].is_probe());
  CHECK(bench.session.stats().path_mtu == 1400);
}

TEST_CASE("a new path is searched anew, from what its family carries") {
  PathBench bench;
  bench.find_all();
  bench.session.on_path_changed(PathMtu::base_v6, at_ms(1200));
  CHECK(bench.session.stats().path_mtu == PathMtu::base_v6);
  bench.session.on_path_changed(base, at_ms(1300));
  CHECK(bench.session.stats().path_mtu == base);
}

TEST_CASE("a message that only long segments can hold is sent in such") {
  PathBench bench;
  // 128 fragments at the most, as the peer's window was told.
  REQUIRE(bench.send(std::string(128 * 1376, 'g'), 0) == SendResult::accepted);
  const auto sent = bench.out(0);
  CHECK(longest(sent) == 1400);
  for (const Datagram& one : sent) CHECK(one.may_fragment == (one.bytes.size() > base && !one.is_probe()));
  CHECK(bench.send(std::string(128 * 1376 + 1, 'g'), 0) == SendResult::too_large);
}

TEST_CASE("who does not search sends what the listener says") {
  Options options = searching();
  options.search_mtu = false;
  PathBench bench(options);
  bench.session.on_too_big();
  CHECK(bench.session.stats().path_mtu == 1400);
  REQUIRE(bench.send(std::string(5000, 'm'), 0) == SendResult::accepted);
  const auto sent = bench.out(0);
  CHECK(longest(sent) == 1400);
  for (const Datagram& one : sent) CHECK_FALSE(one.may_fragment);
  CHECK(bench.world.counters.path_probes_sent == 0);
}

TEST_CASE("a peer that tells its window all the time makes a session believe too much, each time half as much") {
  PathBench bench;
  constexpr std::size_t carries = 1000;
  std::set<std::uint32_t> arrived;
  std::multimap<std::int64_t, Wire> acks;
  int swallowed = 0;
  for (std::int64_t ms = 0; ms < 60'000; ++ms) {
    if (ms % 100 == 0) REQUIRE(bench.send(std::string(1376, 'c'), ms) == SendResult::accepted);
    if (ms % 10 == 0) bench.wins(ms);
    for (; !acks.empty() && acks.begin()->first <= ms; acks.erase(acks.begin())) {
      CHECK(bench.deliver(wire({acks.begin()->second}), ms) == Refusal::none);
    }
    bench.session.on_timeout(at_ms(ms));
    for (const Datagram& one : bench.out(ms)) {
      if (one.is_probe()) continue;
      if (one.bytes.size() > carries && !one.may_fragment) {
        ++swallowed;
        continue;
      }
      for (const Parsed& segment : parse(one.bytes)) {
        arrived.insert(segment.header.sn.raw());
        while (arrived.contains(bench.una)) ++bench.una;
        acks.emplace(ms + 20, ack(segment.header.sn.raw(), segment.header.stamp.raw(), bench.una));
      }
    }
  }
  CHECK(bench.session.stats().path_mtu <= carries);
  CHECK(bench.session.stats().path_mtu > 900);
  CHECK(swallowed >= 8);  // it was deceived more than once
  CHECK(swallowed <= 60);
  CHECK(bench.session.stats().in_flight <= 2);
}
