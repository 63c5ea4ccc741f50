// What is a repeat, when it is needless, and for which of the three reasons.
#include "sim/repeats.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "sim/frames.hpp"
#include "sim/plan.hpp"

using namespace penstock;
using namespace penstock::sim;

namespace {

constexpr std::uint32_t server = 0, client = 1, conv = 7;

Bytes frame(std::uint32_t from, std::uint32_t to, const Bytes& payload) {
  const net::Endpoint here{address_of(from, false), 4000};
  const net::Endpoint there{address_of(to, false), 5000};
  return ethernet(mac_of(to), mac_of(from), {}, 0x0800, ip(here.address, there.address, 17, udp(here, there, payload)));
}
Bytes push(std::uint32_t sn, std::uint32_t bytes, Instant written) {
  const auto stamp = static_cast<std::uint32_t>(written.count_us() / 1000);
  return frame(server, client, sim::kcp(conv, command_push, 0, sn, 0, Bytes(bytes), stamp));
}
Bytes ack(std::uint32_t sn, std::uint32_t una, Instant echoed) {
  const auto stamp = static_cast<std::uint32_t>(echoed.count_us() / 1000);
  return frame(client, server, sim::kcp(conv, command_ack, 0, sn, una, {}, stamp));
}

// The client holds what was put into `held`.
struct World {
  Instant now;
  std::set<std::uint32_t> held;
  RepeatWatch watch{[this](std::uint32_t host, const net::Endpoint& peer, std::uint32_t, std::uint32_t sn, Instant) {
    return host == client && peer.port == 4000 && held.contains(sn);
  }};

  void send(std::uint32_t sn, std::uint32_t bytes = 10) { watch.on_departure(server, push(sn, bytes, now), now); }
  void receive(std::uint32_t sn) {
    watch.on_arrival(client, push(sn, 10, now), now);
    held.insert(sn);
  }
  void answer(std::uint32_t sn, std::uint32_t una) { watch.on_departure(client, ack(sn, una, now), now); }
  void hear(std::uint32_t sn, std::uint32_t una) {
    watch.on_arrival(server, ack(sn, una, now), now);
    now = now + Duration::ms(10);
  }
  RepeatCounts counts() const { return watch.counts(server); }
};

}  // namespace

TEST_CASE("what was lost is repeated for good reason, and an empty PUSH is a question") {
  World world;
  world.send(0);
  world.send(0);
  world.send(1, 0);
  world.send(1, 0);
  CHECK(world.counts().repeats == 1);
  CHECK(world.counts().needless() == 0);
}

TEST_CASE("a repeat of what the peer holds is needless, by how far the answer had come") {
  World world;
  for (const std::uint32_t sn : {0u, 1u, 2u}) {
    world.send(sn);
    world.receive(sn);
  }
  world.send(1);
  CHECK(world.counts().unanswered == 1);
  world.answer(1, 0);
  world.send(1);
  CHECK(world.counts().under_way == 1);
  world.hear(1, 0);
  world.send(1);
  CHECK(world.counts().answered == 1);
  world.answer(2, 3);
  world.send(0);
  CHECK(world.counts().under_way == 2);
  world.hear(2, 3);
  world.send(0);
  CHECK(world.counts().answered == 2);
  CHECK(world.counts().repeats == 5);
  CHECK(world.counts().needless() == 5);
  CHECK(world.watch.counts(client).repeats == 0);
}

TEST_CASE("an answer that has just come may wait for the next turn") {
  World world;
  world.send(0);
  world.receive(0);
  world.answer(0, 1);
  world.watch.on_arrival(server, ack(0, 1, world.now), world.now);
  world.send(0);
  CHECK(world.counts().under_way == 1);
  world.now = world.now + Duration::ms(3);
  world.send(0);
  CHECK(world.counts().answered == 1);
}

TEST_CASE("an ACK of a copy that nobody remembers tells its sender nothing") {
  World world;
  for (int copy = 0; copy < 6; ++copy) {
    world.send(0);
    world.now = world.now + Duration::ms(100);
  }
  world.receive(0);
  for (const int stamp_ms : {100, 700}) {
    world.answer(0, 0);
    world.watch.on_arrival(server, ack(0, 0, Instant() + Duration::ms(stamp_ms)), world.now);
    world.now = world.now + Duration::ms(10);
    world.send(0);
  }
  CHECK(world.counts().answered == 0);
  world.watch.on_arrival(server, ack(0, 0, Instant()), world.now);
  world.now = world.now + Duration::ms(10);
  world.send(0);
  CHECK(world.counts().answered == 1);
}

TEST_CASE("a repeat that waited for its way out was written before the answer came") {
  World world;
  world.send(0);
  world.receive(0);
  world.answer(0, 1);
  const Instant written = world.now;
  world.hear(0, 1);
  world.now = world.now + Duration::ms(100);
  world.watch.on_departure(server, push(0, 10, written), world.now);
  CHECK(world.counts().under_way == 1);
  CHECK(world.counts().answered == 0);
}

TEST_CASE("what the peer has not said counts for nothing, whoever says it in its name") {
  World world;
  world.send(0);
  world.receive(0);
  world.hear(0, 1);
  world.send(0);
  CHECK(world.counts().unanswered == 1);
}

TEST_CASE("a process that ended repeats nothing of its predecessor's") {
  World world;
  world.send(0);
  world.receive(0);
  world.watch.forget(client);
  world.send(0);
  CHECK(world.counts().repeats == 0);
  RepeatCounts all;
  all.add({.repeats = 5, .unanswered = 1, .under_way = 1, .answered = 1});
  all.add({.repeats = 1, .unanswered = 1, .under_way = 0, .answered = 0});
  CHECK(all.repeats == 6);
  CHECK(all.needless() == 4);
}
