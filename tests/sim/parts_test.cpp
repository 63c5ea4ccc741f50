// Shows that the simulator's own parts do what its verdicts rest on: payload that tells one wrong byte, frames that are
// read as they were written, the watch over unproven addresses, plans within their promised ranges, and coverage that
// names what never occurred.
#include <algorithm>
#include <catch2/catch.hpp>

#include "sim/broken.hpp"
#include "sim/coverage.hpp"
#include "sim/frames.hpp"
#include "sim/host_clock.hpp"
#include "sim/nat.hpp"
#include "sim/payload.hpp"
#include "sim/plan.hpp"
#include "sim/trace.hpp"
#include "sim/watch.hpp"
#include "sim/work.hpp"

using namespace penstock;
using namespace penstock::sim;

TEST_CASE("payload tells a wrong byte, offset or conversation") {
  Bytes bytes(1000);
  payload_fill(bytes, 7, 12'345);
  CHECK(payload_matches(bytes, 7, 12'345));
  CHECK_FALSE(payload_matches(bytes, 7, 12'346));
  CHECK_FALSE(payload_matches(bytes, 8, 12'345));
  CHECK(payload_matches(std::span(bytes).subspan(3), 7, 12'348));
  bytes[999] ^= 1;
  CHECK_FALSE(payload_matches(bytes, 7, 12'345));
}

TEST_CASE("frames are read as they were written, with any tags and either family") {
  for (const bool ip6 : {false, true}) {
    for (std::uint16_t tags = 0; tags <= 2; ++tags) {
      const net::TagStack stack{.count = tags, .vlan = {std::uint16_t{10}, std::uint16_t{20}}};
      const net::Endpoint from{address_of(3, ip6), 1234};
      const net::Endpoint to{address_of(4, ip6), 4000};
      Bytes body = sim::kcp(0x11223344, 81, 0, 5, 6, Bytes{1, 2, 3});
      append(body, sim::kcp(0x11223344, 82, 0, 5, 6, {}));
      const Bytes frame = ethernet(mac_of(4), mac_of(3), stack, ip6 ? 0x86dd : 0x0800,
                                   ip(from.address, to.address, 17, udp(from, to, body)));
      const auto view = peek(frame);
      REQUIRE(view);
      CHECK(view->source == from);
      CHECK(view->destination == to);
      CHECK(std::ranges::equal(view->payload, body));
      const auto segments = peek_kcp(view->payload);
      REQUIRE(segments);
      CHECK(segments->conv == 0x11223344);
      CHECK(segments->acknowledges);
      // Cut anywhere it is no longer a datagram, or not a whole one.
      for (std::size_t cut = 0; cut < frame.size(); ++cut) CHECK_FALSE(peek(std::span(frame).first(cut)));
    }
  }
  CHECK_FALSE(peek_kcp(Bytes(23)));
}

TEST_CASE("a router gives flows other ports, and forgets the old ones") {
  const net::TagStack tags;
  const net::Endpoint client{address_of(1, false), client_port_first + 3};
  const auto port_of = [](Target target) {
    return static_cast<std::uint16_t>(server_port_first + static_cast<std::uint16_t>(target));
  };
  const auto frame = [&](const net::Endpoint& from, const net::Endpoint& to) {
    const Bytes segment = udp(from, to, Bytes(30, 7));
    return ethernet(mac_of(0), mac_of(1), tags, 0x0800, ip(from.address, to.address, 17, segment));
  };
  const net::Endpoint server{address_of(0, false), port_of(Target::echo_by_conv)};
  Nat nat;
  CHECK_FALSE(nat.translates());
  CHECK(nat.outward(frame(client, server)) == frame(client, server));
  nat.rebind();
  // As if it had been written so, checksum and all.
  const net::Endpoint outside{client.address, static_cast<std::uint16_t>(client.port + 100)};
  CHECK(nat.outward(frame(client, server)) == frame(outside, server));
  CHECK(nat.inward(frame(server, outside)) == frame(server, client));
  CHECK(nat.inward(frame(server, client)) == std::nullopt);
  nat.rebind();
  CHECK(nat.inward(frame(server, outside)) == std::nullopt);
  // What goes to a listener that follows nobody stays as it is.
  const net::Endpoint other{address_of(0, false), port_of(Target::sink_message)};
  CHECK(nat.outward(frame(client, other)) == frame(client, other));
  CHECK(nat.inward(frame(other, client)) == frame(other, client));
}

TEST_CASE("the watch lets as many bytes out as came in, and all after an ACK of what was sent by this process") {
  const net::Endpoint client{address_of(3, false), 1234};
  const net::Endpoint server{address_of(0, false), 4000};
  const auto frame = [](const net::Endpoint& from, const net::Endpoint& to, const Bytes& payload) {
    return ethernet(mac_of(0), mac_of(1), {}, 0x0800, ip(from.address, to.address, 17, udp(from, to, payload)));
  };
  const Bytes push = sim::kcp(9, 81, 0, 0, 0, Bytes(16));
  AddressWatch watch;
  CHECK_THROWS_AS(watch.on_departure(frame(server, client, push)), Broken);
  AddressWatch fair;
  fair.on_arrival(frame(client, server, push));
  CHECK_NOTHROW(fair.on_departure(frame(server, client, push)));
  CHECK_THROWS_AS(fair.on_departure(frame(server, client, sim::kcp(9, 82, 0, 0, 0, {}))), Broken);
  // Another conversation's bytes pay for nothing here.
  AddressWatch other;
  other.on_arrival(frame(client, server, sim::kcp(10, 81, 0, 0, 0, Bytes(16))));
  CHECK_THROWS_AS(other.on_departure(frame(server, client, push)), Broken);
  // An ACK of what was never sent proves nothing; nor does one, to the next process, of what the one before sent.
  const Bytes ack = sim::kcp(9, 82, 0, 0, 0, {});
  AddressWatch blind;
  blind.on_arrival(frame(client, server, ack));
  CHECK_THROWS_AS(blind.on_departure(frame(server, client, push)), Broken);
  AddressWatch proven;
  proven.on_arrival(frame(client, server, push));
  proven.on_departure(frame(server, client, push));
  proven.on_arrival(frame(client, server, ack));
  CHECK_NOTHROW(proven.on_departure(frame(server, client, push)));
  proven.forget(0);
  proven.on_arrival(frame(client, server, ack));
  CHECK_THROWS_AS(proven.on_departure(frame(server, client, push)), Broken);
}

TEST_CASE("a host's clock drifts and jumps, never goes back, and comes up for each moment at the first chance") {
  const Instant start = Instant::at_us(1'000'000);
  for (const std::int64_t ppm : {-500, -1, 0, 1, 500}) {
    HostClock clock(start, ppm);
    CHECK(clock.local(start) == start);
    CHECK(clock.local(start + Duration::seconds(1000)) == start + Duration::seconds(1000) + Duration::us(1000 * ppm));
    Instant before = start;
    for (std::int64_t us = 0; us < 10'000; ++us) {
      const Instant local = clock.local(start + Duration::us(us));
      CHECK(local >= before);
      const Instant first = clock.world(local);
      CHECK(clock.local(first) >= local);
      CHECK((first == start || clock.local(first - Duration::us(1)) < local));
      before = local;
    }
    clock.jump(Duration::seconds(3600));
    CHECK(clock.local(start) == start + Duration::seconds(3600));
    CHECK(clock.world(clock.local(start + Duration::seconds(5))) <= start + Duration::seconds(5));
    CHECK(clock.world(Instant::never()).is_never());
  }
}

TEST_CASE("a turn that does more than its bounds breaks the world") {
  const WorkerStats before;
  WorkerStats after;
  after.rx_packets = 32;
  after.handed_in = 32;
  const WorkLimits limits{.burst = 32, .workers = 2};
  CHECK_NOTHROW(check_work(limits, before, after, 2));
  CHECK_THROWS_AS(check_work(limits, before, after, 3), Broken);
  after.rx_packets = 33;
  CHECK_THROWS_AS(check_work(limits, before, after, 0), Broken);
  after.stalls = 1;
  CHECK_NOTHROW(check_work(limits, before, after, 0));
  after.handed_in = 33;
  CHECK_THROWS_AS(check_work(limits, before, after, 0), Broken);
  after.handed_in = 0;
  after.timers_fired = timers_max + 1;
  CHECK_THROWS_AS(check_work(limits, before, after, 0), Broken);
}

TEST_CASE("plans keep the promised ranges, and a quarter has pools that run dry") {
  std::uint32_t dry = 0;
  std::uint32_t gentle = 0;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    const Plan plan = draw_plan(seed);
    dry += plan.dry_pools ? 1U : 0U;
    gentle += plan.gentle ? 1U : 0U;
    CHECK((plan.hosts.size() >= 2 && plan.hosts.size() <= 4));
    CHECK((plan.conversations.size() >= 2 && plan.conversations.size() <= 64));
    CHECK(std::ranges::is_sorted(plan.episodes, {}, &Episode::begin));
    for (const HostPlan& host : plan.hosts) {
      CHECK(host.up.loss_ppm <= 300'000);
      CHECK(host.down.loss_ppm <= 300'000);
      CHECK_FALSE(host.kcp.validate());
    }
    for (const Episode& e : plan.episodes) CHECK(e.end <= plan.heal);
    if (plan.gentle) CHECK_FALSE(plan.has(Fault::vanish));
  }
  CHECK((dry > 400 && dry < 600));
  CHECK((gentle > 550 && gentle < 780));
}

TEST_CASE("coverage names what never occurred, and what occurred though it cannot") {
  Coverage whole;
  whole.faults.fill(1);
  whole.causes.fill(1);
  whole.closes.fill(1);
  const auto cannot = [](std::size_t i) {
    const auto name = net::drop_reason_names[i];
    return name == "rx_multi_segment" || name == "rx_copy_no_block" || name == "tx_refused" ||
           name == "flow_table_full" || name == "mtu_exceeded";
  };
  for (std::size_t i = 0; i < whole.drops.size(); ++i) whole.drops[i] = cannot(i) ? 0 : 1;
  CHECK(whole.missing().empty());
  Coverage lacking = whole;
  lacking.drops[static_cast<std::size_t>(net::DropReason::tx_ring_full)] = 0;
  lacking.closes[static_cast<std::size_t>(CloseReason::stalled)] = 0;
  CHECK(lacking.missing() == std::vector<std::string>{"drop reason tx_ring_full", "close reason stalled"});
  Coverage impossible = whole;
  impossible.drops[static_cast<std::size_t>(net::DropReason::rx_multi_segment)] = 1;
  CHECK(impossible.missing().size() == 1);
  Coverage sum = whole;
  sum.add(whole);
  CHECK(sum.drops[static_cast<std::size_t>(net::DropReason::tx_ring_full)] == 2);
  CHECK(sum.report().find("tx_ring_full") != std::string::npos);
}

TEST_CASE("the trace depends on time, place, order and every byte") {
  const auto hash = [](std::int64_t us, std::uint32_t host, Bytes bytes) {
    Trace trace(false);
    trace.frame(Instant::at_us(us), TraceKind::frame_sent, host, 0, bytes);
    return trace.hash();
  };
  CHECK(hash(1, 1, {1, 2}) == hash(1, 1, {1, 2}));
  CHECK(hash(1, 1, {1, 2}) != hash(2, 1, {1, 2}));
  CHECK(hash(1, 1, {1, 2}) != hash(1, 2, {1, 2}));
  CHECK(hash(1, 1, {1, 2}) != hash(1, 1, {1, 3}));
  Trace first(false);
  first.event(Instant::at_us(1), TraceKind::opened, 0, 1, 0);
  first.event(Instant::at_us(1), TraceKind::opened, 0, 2, 0);
  Trace second(false);
  second.event(Instant::at_us(1), TraceKind::opened, 0, 2, 0);
  second.event(Instant::at_us(1), TraceKind::opened, 0, 1, 0);
  CHECK(first.hash() != second.hash());
}
