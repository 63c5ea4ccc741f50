// LocalAddresses: whose an address is, and the life of own addresses in virtual time: duplicate detection, announcements,
// conflicts, links that flap, frames that could not be made.
#include <catch2/catch.hpp>

#include "net/local_addresses.hpp"
#include "wire.hpp"

using namespace penstock;
using namespace penstock::net;

namespace {

std::vector<InterfaceConfig> two_interfaces() {
  std::vector<InterfaceConfig> interfaces(2);
  interfaces[0].addresses = {*parse_prefix("10.0.0.2/24"), *parse_prefix("fd77::2/64"), *parse_prefix("fe80::2/64")};
  interfaces[1].addresses = {*parse_prefix("10.1.0.2/31"), *parse_prefix("fd78::2/64")};
  return interfaces;
}

struct Locals {
  explicit Locals(bool announces = true)
      : memory(LocalAddresses::cost(config)), arena(memory.bytes()), addresses(arena, config, announces) {
    CHECK(arena.used_bytes() <= LocalAddresses::cost(config));
  }
  // What is owed now, all of it sent: "p fd77::2" a probe, "a 10.0.0.2" an announcement.
  std::vector<std::string> owed() {
    std::vector<std::string> all;
    while (const LocalAddress* entry = addresses.next_owed()) {
      all.push_back((entry->owed == OwedFrame::probe ? "p " : "a ") + to_string(entry->address));
      addresses.sent(now);
    }
    return all;
  }
  void wait_ms(std::int64_t ms) {
    now = now + Duration::ms(ms);
    addresses.on_timeout(now);
  }
  bool usable(std::string_view text, std::uint16_t interface = 0) const {
    return addresses.usable(interface, wire::ip(text));
  }

  std::vector<InterfaceConfig> config = two_interfaces();
  HeapMemory memory;
  Arena arena;
  LocalAddresses addresses;
  Instant now = Instant::at_us(77);
};

using Owed = std::vector<std::string>;

}  // namespace

TEST_CASE("addresses are known by interface and kind", "[net][local]") {
  Locals locals;
  const auto kind = [&](std::uint16_t interface, std::string_view text) {
    const LocalAddress* found = locals.addresses.find(interface, wire::ip(text));
    return found == nullptr ? -1 : static_cast<int>(found->kind);
  };
  const int own = static_cast<int>(AddressKind::own);
  const int group = static_cast<int>(AddressKind::group);
  const int broadcast = static_cast<int>(AddressKind::broadcast);
  CHECK(kind(0, "10.0.0.2") == own);
  CHECK(kind(1, "10.0.0.2") == -1);
  CHECK(kind(0, "10.0.0.255") == broadcast);
  CHECK(kind(0, "10.0.0.0") == -1);
  CHECK(kind(1, "10.1.0.3") == -1);  // a /31 has no broadcast
  CHECK(kind(0, "ff02::1") == group);
  CHECK(kind(0, "ff02::1:ff00:2") == group);
  CHECK(kind(0, "ff02::1:ff00:3") == -1);
  CHECK(kind(0, "ff02::2") == -1);
}

TEST_CASE("nobody may send from an address of ours or the link's broadcast", "[net][local]") {
  Locals locals;
  const auto forbidden = [&](std::uint16_t interface, std::string_view text) {
    return locals.addresses.forbidden_source(interface, wire::ip(text));
  };
  CHECK(forbidden(0, "10.0.0.2"));
  CHECK(forbidden(1, "10.0.0.2"));
  CHECK(forbidden(0, "fd78::2"));
  CHECK(forbidden(0, "10.0.0.255"));
  CHECK_FALSE(forbidden(1, "10.0.0.255"));
  CHECK_FALSE(forbidden(0, "10.0.0.1"));
  CHECK_FALSE(forbidden(0, "fd77::1"));
}

TEST_CASE("IPv4 is in use at once, IPv6 a second after the link came up", "[net][local]") {
  Locals locals;
  CHECK(locals.usable("10.0.0.2"));
  CHECK_FALSE(locals.usable("fd77::2"));
  CHECK(locals.addresses.next_deadline().is_never());
  CHECK(locals.owed().empty());

  locals.addresses.on_link(0, true, locals.now);
  CHECK(locals.owed() == Owed{"a 10.0.0.2", "p fd77::2", "p fe80::2"});
  CHECK(locals.addresses.next_deadline() == locals.now + Duration::seconds(1));
  locals.wait_ms(999);
  CHECK(locals.owed().empty());
  CHECK_FALSE(locals.usable("fd77::2"));
  locals.wait_ms(1);
  CHECK(locals.usable("fd77::2"));
  CHECK(locals.usable("fe80::2"));
  CHECK(locals.owed() == Owed{"a 10.0.0.2", "a fd77::2", "a fe80::2"});
  locals.wait_ms(1000);
  CHECK(locals.owed() == Owed{"a fd77::2", "a fe80::2"});
  locals.wait_ms(5000);
  CHECK(locals.owed().empty());
  CHECK(locals.addresses.next_deadline().is_never());
  CHECK_FALSE(locals.usable("fd78::2", 1));
}

TEST_CASE("a worker that does not announce goes the same way in silence", "[net][local]") {
  Locals locals(false);
  locals.addresses.on_link(0, true, locals.now);
  CHECK(locals.addresses.next_owed() == nullptr);
  CHECK_FALSE(locals.usable("fd77::2"));
  locals.wait_ms(1000);
  CHECK(locals.usable("fd77::2"));
  locals.wait_ms(1000);
  locals.wait_ms(1000);
  CHECK(locals.addresses.next_owed() == nullptr);
  CHECK(locals.addresses.next_deadline().is_never());
}

TEST_CASE("a conflict takes a tentative address away, but not one in use", "[net][local]") {
  Locals locals;
  const IpAddress address = wire::ip("fd77::2");
  locals.addresses.on_link(0, true, locals.now);
  const bool probe_sent = GENERATE(true, false);
  if (probe_sent) locals.owed();
  CHECK_FALSE(locals.addresses.on_conflict(0, wire::ip("fd77::3")));
  CHECK_FALSE(locals.addresses.on_conflict(1, address));
  CHECK_FALSE(locals.addresses.on_conflict(0, wire::ip("ff02::1")));
  CHECK(locals.addresses.on_conflict(0, address));
  CHECK_FALSE(locals.addresses.on_conflict(0, address));
  locals.owed();
  locals.wait_ms(10'000);
  CHECK_FALSE(locals.usable("fd77::2"));
  CHECK(locals.usable("fe80::2"));
  CHECK_FALSE(locals.addresses.on_conflict(0, wire::ip("fe80::2")));
  CHECK(locals.usable("fe80::2"));
  CHECK_FALSE(locals.addresses.on_conflict(0, wire::ip("10.0.0.2")));
  CHECK(locals.usable("10.0.0.2"));
  // A new link is a new chance.
  locals.owed();
  locals.addresses.on_link(0, true, locals.now);
  locals.owed();
  locals.wait_ms(1000);
  CHECK(locals.usable("fd77::2"));
}

TEST_CASE("what another worker found out counts, also late", "[net][local]") {
  Locals locals;
  locals.addresses.on_link(0, true, locals.now);
  locals.owed();
  locals.wait_ms(1000);
  REQUIRE(locals.usable("fd77::2"));
  locals.addresses.mark_duplicate(0, wire::ip("fd77::2"));
  locals.addresses.mark_duplicate(0, wire::ip("fd77::dead"));
  CHECK_FALSE(locals.usable("fd77::2"));
  CHECK(locals.owed() == Owed{"a 10.0.0.2", "a fe80::2"});
}

TEST_CASE("a probe that could not be made is not a probe", "[net][local]") {
  Locals locals;
  locals.addresses.on_link(1, true, locals.now);
  REQUIRE(locals.addresses.next_owed()->address == wire::ip("10.1.0.2"));
  locals.addresses.sent(locals.now);
  REQUIRE(locals.addresses.next_owed()->owed == OwedFrame::probe);
  locals.addresses.lost(locals.now);
  CHECK(locals.addresses.next_owed() == nullptr);
  locals.wait_ms(1000);
  CHECK_FALSE(locals.usable("fd78::2", 1));
  CHECK(locals.owed() == Owed{"a 10.1.0.2", "p fd78::2"});
  locals.wait_ms(1000);
  CHECK(locals.usable("fd78::2", 1));
  // A lost announcement is tried again as well.
  REQUIRE(locals.addresses.next_owed()->owed == OwedFrame::announcement);
  locals.addresses.lost(locals.now);
  locals.wait_ms(1000);
  CHECK(locals.owed() == Owed{"a fd78::2"});
  locals.wait_ms(1000);
  CHECK(locals.owed() == Owed{"a fd78::2"});
}

TEST_CASE("a link that goes down ends what was owed", "[net][local]") {
  Locals locals;
  locals.addresses.on_link(0, true, locals.now);
  locals.addresses.on_link(0, false, locals.now);
  CHECK(locals.addresses.next_owed() == nullptr);
  CHECK(locals.addresses.next_deadline().is_never());
  locals.wait_ms(5000);
  CHECK_FALSE(locals.usable("fd77::2"));
  CHECK(locals.usable("10.0.0.2"));
}

TEST_CASE("the source is near the target", "[net][local]") {
  Locals locals;
  CHECK_FALSE(locals.addresses.source_for(0, wire::ip("fd77::1")));
  locals.addresses.on_link(0, true, locals.now);
  locals.owed();
  locals.wait_ms(1000);
  const auto source = [&](std::string_view target) {
    return to_string(*locals.addresses.source_for(0, wire::ip(target)));
  };
  CHECK(source("10.0.0.1") == "10.0.0.2");
  CHECK(source("192.0.2.1") == "10.0.0.2");
  CHECK(source("fd77::1") == "fd77::2");
  CHECK(source("2001:db8::1") == "fd77::2");
  CHECK(source("fe80::1") == "fe80::2");
  CHECK_FALSE(locals.addresses.source_for(1, wire::ip("fd78::1")));
}

TEST_CASE("a local prefix is ours whole and at once, and the link hears nothing of it", "[net][local]") {
  std::vector<InterfaceConfig> config = two_interfaces();
  config[0].local_prefixes = {*parse_prefix("10.128.0.0/9"), *parse_prefix("fd99::/64")};
  config[1].local_prefixes = {*parse_prefix("10.2.0.0/16")};
  HeapMemory memory(LocalAddresses::cost(config));
  Arena arena(memory.bytes());
  LocalAddresses addresses(arena, config, true);
  CHECK(arena.used_bytes() <= LocalAddresses::cost(config));
  const auto usable = [&](std::uint16_t interface, std::string_view text) {
    return addresses.usable(interface, wire::ip(text));
  };
  CHECK(usable(0, "10.128.0.0"));
  CHECK(usable(0, "10.200.3.4"));
  CHECK(usable(0, "10.255.255.255"));
  CHECK(usable(0, "fd99::1:2:3:4"));
  CHECK_FALSE(usable(0, "10.127.255.255"));
  CHECK_FALSE(usable(0, "fd99:0:0:1::"));
  CHECK_FALSE(usable(1, "10.200.3.4"));
  CHECK(usable(1, "10.2.0.1"));
  CHECK_FALSE(usable(0, "10.2.0.1"));
  // Nobody may send from there, on whatever interface it comes in, and nobody is told where it is.
  CHECK(addresses.forbidden_source(0, wire::ip("10.200.3.4")));
  CHECK(addresses.forbidden_source(1, wire::ip("10.200.3.4")));
  CHECK(addresses.forbidden_source(0, wire::ip("fd99::9")));
  CHECK_FALSE(addresses.forbidden_source(0, wire::ip("10.127.0.1")));
  CHECK_FALSE(addresses.answers_for(0, wire::ip("10.200.3.4")));
  CHECK(addresses.answers_for(0, wire::ip("10.0.0.2")));
  CHECK(addresses.find(0, wire::ip("10.200.3.4")) == nullptr);
  CHECK(addresses.source_for(0, wire::ip("10.200.3.4")) == wire::ip("10.0.0.2"));
  addresses.on_link(0, true, Instant::at_us(77));
  int owed = 0;
  for (; addresses.next_owed() != nullptr; ++owed) addresses.sent(Instant::at_us(77));
  CHECK(owed == 3);
}

TEST_CASE("an address that is known by itself is judged by itself, inside a local prefix too", "[net][local]") {
  std::vector<InterfaceConfig> config = two_interfaces();
  config[0].local_prefixes = {*parse_prefix("10.0.0.0/8"), *parse_prefix("fd77::/16")};
  HeapMemory memory(LocalAddresses::cost(config));
  Arena arena(memory.bytes());
  const LocalAddresses addresses(arena, config, true);
  CHECK(addresses.usable(0, wire::ip("10.0.0.2")));
  CHECK_FALSE(addresses.usable(0, wire::ip("10.0.0.255")));  // the link's broadcast
  CHECK_FALSE(addresses.usable(0, wire::ip("fd77::2")));     // still tentative
  // Whatever bucket an address falls into.
  for (int i = 1; i < 255; ++i) CHECK(addresses.usable(0, IpAddress::v4(10, 9, 8, static_cast<std::uint8_t>(i))));
}
