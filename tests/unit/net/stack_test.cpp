// Stack: links, duplicate detection and announcements on the wire, news between two workers, routes and sources, groups, and
// what the constructor takes. In virtual time; frames byte by byte against vectors made elsewhere.
#include <catch2/catch.hpp>

#include "rig.hpp"
#include "vectors.hpp"

using namespace penstock;
using namespace penstock::net;
using Intake = Stack::Intake;

namespace {

// One interface, one address of each family.
StackConfig plain_config(bool announces = true, bool shares_news = false) {
  StackConfig config = rig_config();
  config.interfaces.resize(1);
  config.interfaces[0].addresses = {*parse_prefix("10.0.0.2/24"), *parse_prefix("fd77::2/64")};
  config.announces = announces;
  config.shares_news = shares_news;
  return config;
}
const IpAddress us6 = wire::ip("fd77::2");
const MacAddress all_nodes_mac = wire::mac("33:33:00:00:00:01");
const MacAddress our_group_mac = wire::mac("33:33:ff:00:00:02");

wire::Bytes claim(const IpAddress& target) {
  return wire::nd_frame(wire::ip("fd77::1"), wire::ip("ff02::1"),
                        wire::nd(136, 0x20000000, target, wire::nd_option(2, wire::them)), {.to = all_nodes_mac});
}
wire::Bytes probe(const IpAddress& target) {
  return wire::nd_frame({}, wire::ip("ff02::1:ff00:2"), wire::nd(135, 0, target), {.to = our_group_mac});
}

}  // namespace

TEST_CASE("when the link comes up, addresses are probed and announced", "[net][stack]") {
  Rig rig(plain_config());
  CHECK(rig.sent().empty());
  CHECK(rig.stack.next_deadline().is_never());
  rig.stack.on_link(1, true, rig.now);
  CHECK(rig.sent().empty());
  rig.stack.on_link(0, true, rig.now);
  auto sent = rig.sent();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].bytes == wire::hex(vectors::arp_announce));
  CHECK(sent[1].bytes == wire::hex(vectors::dad_probe));
  CHECK(rig.stack.owns(0, wire::ip("10.0.0.2")));
  CHECK_FALSE(rig.stack.owns(0, us6));
  rig.refuses(wire::hex(vectors::udp6_in), DropReason::ip6_not_for_us);
  rig.refuses(wire::hex(vectors::ns_in), DropReason::nd_not_for_us);
  rig.wait(Duration::seconds(1));
  CHECK(rig.stack.owns(0, us6));
  sent = rig.sent();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].bytes == wire::hex(vectors::arp_announce));
  CHECK(sent[1].bytes == wire::hex(vectors::na_announce));
  rig.wait(Duration::seconds(1));
  sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bytes == wire::hex(vectors::na_announce));
  rig.wait(Duration::seconds(10));
  CHECK(rig.sent().empty());
  CHECK(rig.stack.next_deadline().is_never());
}

TEST_CASE("a worker that does not announce is silent", "[net][stack]") {
  Rig rig(plain_config(false));
  rig.stack.on_link(0, true, rig.now);
  for (int i = 0; i < 5; ++i) {
    CHECK(rig.sent().empty());
    rig.wait(Duration::seconds(1));
  }
  CHECK(rig.stack.owns(0, us6));
}

TEST_CASE("an address that another node has is not used", "[net][stack]") {
  Rig rig(plain_config(true, true));
  rig.stack.on_link(0, true, rig.now);
  rig.sent();
  const bool by_claim = GENERATE(true, false);
  CHECK(rig.feed(by_claim ? claim(us6) : probe(us6)) == Intake::handled);
  const auto news = rig.stack.poll_news();
  REQUIRE(news);
  CHECK(news->kind == NeighborNews::Kind::duplicate_address);
  CHECK(news->address == us6);
  rig.wait(Duration::seconds(5));
  rig.sent();
  CHECK_FALSE(rig.stack.owns(0, us6));
  rig.refuses(wire::hex(vectors::udp6_in), DropReason::ip6_not_for_us);
  rig.refuses(probe(us6), DropReason::nd_not_for_us);
  CHECK_FALSE(rig.stack.path_to({wire::ip("fd77::1"), 5000}, 4000));
  CHECK(rig.stack.owns(0, wire::ip("10.0.0.2")));

  Rig other(plain_config(false, true));
  other.stack.on_link(0, true, other.now);
  other.wait(Duration::seconds(2));
  REQUIRE(other.stack.owns(0, us6));
  other.stack.apply(*news, other.now);
  CHECK_FALSE(other.stack.owns(0, us6));
}

TEST_CASE("a probe that found no block is sent a second later", "[net][stack]") {
  Rig rig(plain_config());
  rig.pool.keep_back(rig.pool.capacity());
  rig.stack.on_link(0, true, rig.now);
  CHECK(rig.sent().empty());
  CHECK(rig.sent().empty());
  CHECK(rig.drops.of(DropReason::no_tx_block) == 2);
  rig.pool.keep_back(0);
  rig.wait(Duration::seconds(1));
  CHECK_FALSE(rig.stack.owns(0, us6));
  CHECK(rig.sent().size() == 2);
  rig.wait(Duration::seconds(1));
  CHECK(rig.stack.owns(0, us6));
}

TEST_CASE("after the link was down, neighbours are asked again before they are trusted", "[net][stack]") {
  Rig rig(plain_config());
  rig.up();
  Path path = Rig::path("10.0.0.2", "10.0.0.1");
  rig.send(path, {1});
  rig.sent();
  rig.answer4();
  rig.sent();
  CHECK(rig.send(path, {1}) == Stack::SendVerdict::ready);
  CHECK(rig.sent().empty());
  rig.stack.on_link(0, false, rig.now);
  CHECK(rig.send(path, {1}) == Stack::SendVerdict::ready);
  const auto sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bytes == wire::ethernet(0x0806, wire::arp(1, wire::us, wire::ip("10.0.0.2"), {}, wire::ip("10.0.0.1")),
                                        {.to = wire::them, .from = wire::us}));
}

TEST_CASE("an answer that reaches the wrong worker becomes news for the one that asked", "[net][stack]") {
  Rig asks(plain_config(true, true));
  Rig hears(plain_config(false, true));
  asks.up();
  hears.up();
  SECTION("ARP") {
    Path path = Rig::path("10.0.0.2", "10.0.0.1");
    CHECK(asks.send(path, {1}) == Stack::SendVerdict::queued);
    hears.answer4();
    const auto news = hears.stack.poll_news();
    REQUIRE(news);
    CHECK(news->kind == NeighborNews::Kind::resolved);
    CHECK(news->interface == 0);
    CHECK(news->address == wire::ip("10.0.0.1"));
    CHECK(news->mac == wire::them);
    CHECK_FALSE(hears.stack.poll_news());
    asks.stack.apply(*news, asks.now);
    CHECK(asks.send(path, {1}) == Stack::SendVerdict::ready);
    // It completes questions only: the one that heard it learnt nothing.
    hears.stack.apply(*news, hears.now);
    CHECK(hears.send(path, {1}) == Stack::SendVerdict::queued);
  }
  SECTION("an advertisement that leaves its MAC address to the frame") {
    CHECK(hears.feed(wire::nd_frame(wire::ip("fd77::1"), us6, wire::nd(136, 0x40000000, wire::ip("fd77::1")))) ==
          Intake::handled);
    const auto news = hears.stack.poll_news();
    REQUIRE(news);
    CHECK(news->mac == wire::them);
  }
  SECTION("the worker that asked tells the others too") {
    Path path = Rig::path("10.0.0.2", "10.0.0.1");
    asks.send(path, {1});
    asks.answer4();
    CHECK(asks.stack.poll_news());
    asks.sent();
  }
  CHECK(hears.drops.total() == 0);
}

TEST_CASE("news are bounded, and none come where they are not shared", "[net][stack]") {
  Rig shares(plain_config(true, true));
  shares.up();
  for (int i = 0; i < 1000; ++i) shares.answer4();
  int count = 0;
  while (shares.stack.poll_news()) ++count;
  CHECK(count == 256);
  CHECK(shares.drops.total() == 0);

  Rig alone(plain_config());
  alone.up();
  alone.answer4();
  CHECK(alone.drops.of(DropReason::arp_unasked) == 1);
  CHECK_FALSE(alone.stack.poll_news());
}

TEST_CASE("the way to a remote: interface, source, and none where there is none", "[net][stack]") {
  Rig rig;
  rig.up();
  const auto to = [&](std::string_view remote) { return rig.stack.path_to({wire::ip(remote), 5000}, 4000); };
  REQUIRE(to("10.0.0.1"));
  CHECK(*to("10.0.0.1") == Rig::path("10.0.0.2", "10.0.0.1"));
  CHECK(*to("10.1.0.1") == Rig::path("10.1.0.2", "10.1.0.1", 1));
  CHECK(*to("10.2.0.1") == Rig::path("10.2.0.2", "10.2.0.1", 2));
  CHECK(*to("192.0.2.9") == Rig::path("10.0.0.2", "192.0.2.9"));
  CHECK(*to("fd78::1") == Rig::path("fd78::2", "fd78::1", 1));
  CHECK(*to("2001:db8::1") == Rig::path("fd77::2", "2001:db8::1"));
  for (const char* remote : {"0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1", "10.0.0.255", "10.0.0.2",
                             "10.1.0.2", "::", "::1", "ff02::1", "fd77::2"}) {
    INFO(remote);
    CHECK_FALSE(to(remote));
  }
}

TEST_CASE("a port must let in the groups of its addresses", "[net][stack]") {
  const auto groups = Stack::multicast_groups(rig_config(), 0);
  // Both interfaces share the last three bytes, hence one group.
  CHECK(groups == std::vector<MacAddress>{all_nodes_mac, our_group_mac});
  CHECK(Stack::multicast_groups(rig_config(), 1).empty());
}

TEST_CASE("construction takes what cost() says, at any size", "[net][stack]") {
  StackConfig config = rig_config();
  config.neighbors_max = GENERATE(1u, 7u, 4096u, 100'000u);
  config.pending_frames_max = GENERATE(1u, 1024u);
  Rig rig(config);
  CHECK(rig.arena.used_bytes() <= Stack::cost(config));
  rig.up();
  Path path = Rig::path("10.0.0.2", "10.0.0.1");
  CHECK(rig.send(path, {1}) == Stack::SendVerdict::queued);
  CHECK(rig.sent().size() == 1);
  rig.answer4();
  CHECK(rig.sent().size() == 1);
}

TEST_CASE("a stack without interfaces refuses everything", "[net][stack]") {
  StackConfig config = rig_config();
  config.interfaces.clear();
  Rig rig(config);
  rig.refuses(wire::hex(vectors::udp4_in), DropReason::eth_vlan_unknown);
  CHECK_FALSE(rig.stack.path_to({wire::ip("10.0.0.1"), 1}, 2));
  CHECK(rig.stack.next_deadline().is_never());
}
