// The way in for ICMP and neighbour discovery: answers byte by byte against vectors made elsewhere, and for every reason to drop
// such a message one that moves exactly that counter.
#include <catch2/catch.hpp>

#include "rig.hpp"
#include "vectors.hpp"

using namespace penstock;
using namespace penstock::net;
using Intake = Stack::Intake;

namespace {

const MacAddress all_nodes_mac = wire::mac("33:33:00:00:00:01");
const MacAddress our_group_mac = wire::mac("33:33:ff:00:00:02");
const IpAddress our_group = wire::ip("ff02::1:ff00:2");
const IpAddress us4 = wire::ip("10.0.0.2");
const IpAddress us6 = wire::ip("fd77::2");
const IpAddress them4 = wire::ip("10.0.0.1");
const IpAddress them6 = wire::ip("fd77::1");

wire::Bytes ask_us6(const IpAddress& from, const wire::Bytes& option = wire::nd_option(1, wire::them)) {
  return wire::nd_frame(from, our_group, wire::nd(135, 0, us6, option), {.to = our_group_mac});
}
wire::Bytes answer_us6(const IpAddress& target, const MacAddress& mac, unsigned flags = 0x60000000) {
  return wire::nd_frame(them6, us6, wire::nd(136, flags, target, wire::nd_option(2, mac)));
}

}  // namespace

TEST_CASE("pings are answered to where they came from", "[net][intake]") {
  Rig rig;
  rig.up();
  const auto [in, out] = GENERATE(table<std::string_view, std::string_view>(
      {{vectors::ping4_in, vectors::pong4_out}, {vectors::ping6_in, vectors::pong6_out}}));
  CHECK(rig.feed(wire::hex(in)) == Intake::handled);
  const auto sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bytes == wire::hex(out));
  CHECK(rig.drops.total() == 0);
  CHECK(rig.pool.whole());
}

TEST_CASE("a ping from beyond a router needs no route, one with options is answered without", "[net][intake]") {
  Rig rig;
  rig.up();
  const wire::Ip far{wire::ip("192.0.2.9"), us4, 1};
  CHECK(rig.feed(wire::ethernet(0x0800, wire::ip4(far, wire::icmp(far, wire::echo(8, {1, 2, 3})), 0,
                                                  wire::Bytes(8, 1)))) == Intake::handled);
  const auto sent = rig.sent();
  REQUIRE(sent.size() == 1);
  const wire::Ip back{us4, far.from};
  CHECK(sent[0].bytes == wire::icmp_frame(back, wire::echo(0, {1, 2, 3}), {.to = wire::them, .from = wire::us}));
}

TEST_CASE("ICMP that is wrong or of no use", "[net][intake]") {
  Rig rig;
  rig.up();
  const wire::Ip ip = GENERATE(wire::to_us4, wire::to_us6);
  const bool v4 = ip.to.is_v4();
  const unsigned request = v4 ? 8 : 128;
  wire::Ip raw = ip;
  raw.protocol = v4 ? 1 : 58;
  rig.refuses(wire::packet_frame(raw, {static_cast<std::uint8_t>(request), 0, 0, 0}), DropReason::icmp_malformed);
  rig.refuses(wire::packet_frame(raw, {}), DropReason::icmp_malformed);
  wire::Bytes bad = wire::icmp_frame(ip, wire::echo(request, {1, 2}));
  bad.back() ^= 1;
  rig.refuses(bad, DropReason::icmp_bad_checksum);
  // The port's word is about UDP and TCP.
  RxFrame said_good = rig.frame_of(bad);
  said_good.l4_checksum = ChecksumState::good;
  rig.refuses(std::move(said_good), DropReason::icmp_bad_checksum);
  wire::Bytes coded = wire::echo(request, {});
  coded[1] = 1;
  rig.refuses(wire::icmp_frame(ip, coded), DropReason::icmp_unhandled);
  for (const unsigned type : {1u, 2u, 3u, 4u, 11u, 129u, 130u, 134u, 137u, 143u, 255u}) {
    rig.refuses(wire::icmp_frame({ip.from, ip.to, 58, 255}, wire::echo(type, wire::Bytes(32, 0))),
                DropReason::icmp_unhandled);
  }
}

TEST_CASE("a ping to a group is not answered", "[net][intake]") {
  Rig rig;
  rig.up();
  rig.refuses(wire::icmp_frame({them6, wire::ip("ff02::1")}, wire::echo(128, {}), {.to = all_nodes_mac}),
              DropReason::ip6_not_for_us);
  rig.refuses(wire::icmp_frame({them6, our_group}, wire::echo(128, {}), {.to = our_group_mac}),
              DropReason::ip6_not_for_us);
}

TEST_CASE("pings are answered up to the configured rate", "[net][intake]") {
  StackConfig config = rig_config();
  config.icmp_per_second = 20;
  Rig rig(config);
  rig.up();
  const wire::Bytes ping = wire::hex(vectors::ping4_in);
  CHECK(rig.feed(ping) == Intake::handled);
  CHECK(rig.feed(wire::hex(vectors::ping6_in)) == Intake::handled);
  CHECK(rig.sent().size() == 2);
  rig.refuses(ping, DropReason::icmp_rate_limited);
  rig.wait(Duration::ms(49));
  rig.refuses(ping, DropReason::icmp_rate_limited);
  rig.wait(Duration::ms(1));
  CHECK(rig.feed(ping) == Intake::handled);
}

TEST_CASE("a router's word that a datagram of ours is too long is passed on, unproven and at a bounded rate",
          "[net][intake]") {
  StackConfig config = rig_config();
  config.icmp_per_second = 20;
  Rig rig(config);
  rig.up();
  const auto told = [](const IpAddress& us, const IpAddress& far, const IpAddress& to) {
    const bool v4 = us.is_v4();
    const wire::Ip quoted{us, far, 17};
    const wire::Bytes quote = wire::packet(quoted, wire::udp(quoted, {1, 2, 3, 4, 5}, 4000, 5000));
    const wire::Bytes head{
        static_cast<std::uint8_t>(v4 ? 3 : 2), static_cast<std::uint8_t>(v4 ? 4 : 0), 0, 0, 0, 0, 2, 88};
    return wire::icmp_frame({v4 ? them4 : them6, to}, wire::join({head, quote}));
  };
  CHECK(rig.feed(told(us4, wire::ip("192.0.2.9"), us4)) == Intake::too_big);
  CHECK(rig.packet.path == Rig::path("10.0.0.2", "192.0.2.9"));
  CHECK(rig.payload() == wire::Bytes{1, 2, 3, 4, 5});
  rig.done();
  CHECK(rig.feed(told(us6, wire::ip("2001:db8::9"), us6)) == Intake::too_big);
  CHECK(rig.packet.path == Rig::path("fd77::2", "2001:db8::9"));
  CHECK(rig.payload() == wire::Bytes{1, 2, 3, 4, 5});
  rig.done();
  CHECK(rig.drops.total() == 0);
  rig.refuses(told(us4, wire::ip("192.0.2.9"), us4), DropReason::icmp_rate_limited);
  rig.wait(Duration::ms(100));
  // Of somebody else's datagram, and of another address of ours.
  rig.refuses(told(wire::ip("192.0.2.7"), wire::ip("192.0.2.9"), us4), DropReason::icmp_unhandled);
  rig.refuses(told(wire::ip("10.0.0.3"), wire::ip("192.0.2.9"), us4), DropReason::icmp_unhandled);
  CHECK(rig.sent().empty());
}

TEST_CASE("a ping longer than we may send is not answered", "[net][intake]") {
  StackConfig config = rig_config();
  config.ports[0].mtu = 600;
  Rig rig(config);
  rig.up();
  CHECK(rig.feed(wire::icmp_frame(wire::to_us4, wire::echo(8, wire::Bytes(572, 1)))) == Intake::handled);
  CHECK(rig.sent().size() == 1);
  rig.loses_answer(wire::icmp_frame(wire::to_us4, wire::echo(8, wire::Bytes(573, 1))), DropReason::mtu_exceeded);
}

TEST_CASE("solicitations for our addresses are answered", "[net][intake]") {
  Rig rig;
  rig.up();
  CHECK(rig.feed(wire::hex(vectors::ns_in)) == Intake::handled);
  auto sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bytes == wire::hex(vectors::na_out));
  // A probe: the answer goes to every node.
  CHECK(rig.feed(ask_us6({}, {})) == Intake::handled);
  sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bytes == wire::hex(vectors::na_announce));
  // To us alone and without a MAC address: it goes back where it came from, no longer than the question.
  CHECK(rig.feed(wire::nd_frame(them6, us6, wire::nd(135, 0, us6))) == Intake::handled);
  sent = rig.sent();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].bytes ==
        wire::nd_frame(us6, them6, wire::nd(136, 0x60000000, us6), {.to = wire::them, .from = wire::us}));
  CHECK(rig.drops.total() == 0);
}

TEST_CASE("who solicits us is known, unless it is not on the link", "[net][intake]") {
  Rig rig;
  rig.up();
  CHECK(rig.feed(ask_us6(wire::ip("2001:db8::1"))) == Intake::handled);
  CHECK(rig.feed(ask_us6(them6)) == Intake::handled);
  CHECK(rig.feed(ask_us6(wire::ip("fe80::7"))) == Intake::handled);
  CHECK(rig.sent().size() == 3);
  Path near = Rig::path("fd77::2", "fd77::1");
  CHECK(rig.send(near, {1}) == Stack::SendVerdict::ready);
  Path link_local = Rig::path("fd77::2", "fe80::7");
  CHECK(rig.send(link_local, {1}) == Stack::SendVerdict::ready);
  Path far = Rig::path("fd77::2", "2001:db8::1");
  CHECK(rig.send(far, {1}) == Stack::SendVerdict::queued);
}

TEST_CASE("neighbour discovery that is refused", "[net][intake]") {
  Rig rig;
  rig.up();
  rig.refuses(wire::icmp_frame({them6, our_group, 58, 64}, wire::nd(135, 0, us6), {.to = our_group_mac}),
              DropReason::nd_malformed);
  rig.refuses(wire::nd_frame(them6, us6, wire::Bytes{135, 0, 0, 0, 0, 0, 0, 0}), DropReason::nd_malformed);
  rig.refuses(ask_us6({}, wire::nd_option(1, wire::them)), DropReason::nd_malformed);
  // Same last three bytes, hence the same group.
  rig.refuses(wire::nd_frame(them6, our_group, wire::nd(135, 0, wire::ip("fd77:1::2")), {.to = our_group_mac}),
              DropReason::nd_not_for_us);
  rig.refuses(wire::nd_frame(them6, us6, wire::nd(135, 0, wire::ip("fd78::2"))), DropReason::nd_not_for_us);
  rig.refuses(answer_us6(them6, wire::them), DropReason::nd_unasked);
  // Somebody claims the address that we use: no reason to give it up.
  rig.refuses(wire::nd_frame(them6, wire::ip("ff02::1"), wire::nd(136, 0x20000000, us6, wire::nd_option(2, wire::them)),
                             {.to = all_nodes_mac}),
              DropReason::nd_unasked);
  CHECK(rig.stack.owns(0, us6));
  Path path = Rig::path("fd77::2", "fd77::1");
  CHECK(rig.send(path, {1}) == Stack::SendVerdict::queued);
  CHECK(rig.sent().size() == 1);
  // Not an answer: it does not say that it was asked for, or names no MAC address.
  rig.refuses(answer_us6(them6, wire::them, 0x20000000), DropReason::nd_unasked);
  rig.refuses(wire::nd_frame(them6, us6, wire::nd(136, 0x40000000, them6)), DropReason::nd_unasked);
}
