// Shows that our Toeplitz hash is the one that NICs compute, that a flow's owner follows the redirection table, and that
// without RSS owners are spread evenly, by keyed chance and apart from the flow table's hash.
// How: Microsoft's RSS verification suite ("Verifying the RSS hash calculation"), and counts over many flows.
#include "session/ownership.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"

using namespace penstock;
using net::IpAddress;

namespace {

constexpr std::array<std::uint8_t, 40> suite_key{0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                                 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                                 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                                 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

struct Vector {
  net::Endpoint destination;
  net::Endpoint source;
  std::uint32_t addresses;  // hash over the addresses alone
  std::uint32_t tuple;      // hash over addresses and ports
};

IpAddress v6(std::array<std::uint16_t, 8> groups) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    bytes[2 * i + 1] = static_cast<std::uint8_t>(groups[i]);
  }
  return IpAddress::v6(bytes);
}

std::vector<Vector> suite() {
  return {
      {{IpAddress::v4(161, 142, 100, 80), 1766}, {IpAddress::v4(66, 9, 149, 187), 2794}, 0x323e8fc2, 0x51ccc178},
      {{IpAddress::v4(65, 69, 140, 83), 4739}, {IpAddress::v4(199, 92, 111, 2), 14230}, 0xd718262a, 0xc626b0ea},
      {{IpAddress::v4(12, 22, 207, 184), 38024}, {IpAddress::v4(24, 19, 198, 95), 12898}, 0xd2d0a5de, 0x5c2b394a},
      {{IpAddress::v4(209, 142, 163, 6), 2217}, {IpAddress::v4(38, 27, 205, 30), 48228}, 0x82989176, 0xafc7327f},
      {{IpAddress::v4(202, 188, 127, 2), 1303}, {IpAddress::v4(153, 39, 163, 191), 44251}, 0x5d1809c5, 0x10e828a2},
      {{v6({0x3ffe, 0x2501, 0x200, 3, 0, 0, 0, 1}), 1766},
       {v6({0x3ffe, 0x2501, 0x200, 0x1fff, 0, 0, 0, 7}), 2794},
       0x2cc18cd5,
       0x40207d3d},
      {{v6({0xff02, 0, 0, 0, 0, 0, 0, 1}), 4739},
       {v6({0x3ffe, 0x501, 8, 0, 0x260, 0x97ff, 0xfe40, 0xefab}), 14230},
       0x0f0c461c,
       0xdde51bbf},
      {{v6({0xfe80, 0, 0, 0, 0x200, 0xf8ff, 0xfe21, 0x67cf}), 38024},
       {v6({0x3ffe, 0x1900, 0x4545, 3, 0x200, 0xf8ff, 0xfe21, 0x67cf}), 44251},
       0x4b61e985,
       0x02d1feef},
  };
}

struct Ownership {
  Ownership(const RssView& rss, std::uint32_t workers, SipKey key = {5, 6})
      : memory(FlowOwnership::cost(rss)), arena(memory.bytes()), ownership(arena, rss, workers, key) {}
  HeapMemory memory;
  Arena arena;
  FlowOwnership ownership;
};

net::Path path_of(std::uint32_t i) {
  return {.local = {IpAddress::v4(10, 0, 0, 1), 4000},
          .remote = {IpAddress::v4(10, 1, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)),
                     static_cast<std::uint16_t>(1 + (i >> 16))}};
}

std::vector<std::uint16_t> round_robin(std::size_t entries, std::uint16_t workers) {
  std::vector<std::uint16_t> reta(entries);
  for (std::size_t i = 0; i < entries; ++i) reta[i] = static_cast<std::uint16_t>(i % workers);
  return reta;
}

}  // namespace

TEST_CASE("the Toeplitz hash passes the RSS verification suite", "[ownership]") {
  for (const Vector& v : suite()) {
    CHECK(rss_hash(suite_key, v.source, v.destination, false) == v.addresses);
    CHECK(rss_hash(suite_key, v.source, v.destination, true) == v.tuple);
  }
}

TEST_CASE("nothing hashes to nothing, and one bit to the key at its place", "[ownership]") {
  CHECK(toeplitz(suite_key, {}) == 0);
  std::array<std::uint8_t, 36> input{};
  CHECK(toeplitz(suite_key, input) == 0);
  input[0] = 0x80;
  CHECK(toeplitz(suite_key, input) == 0x6d5a56da);
  input[0] = 0;
  input[35] = 0x01;  // the last bit of a full IPv6 tuple: key bits 287 to 318
  CHECK(toeplitz(suite_key, input) == 0xdf5600fd);
}

TEST_CASE("a flow belongs to the worker that the redirection table names", "[ownership]") {
  const std::vector<std::uint16_t> reta = round_robin(128, 4);
  const RssView rss{.key = suite_key, .reta = reta, .ports_v4 = true, .ports_v6 = false};
  const Ownership o(rss, 4);
  CHECK(o.ownership.uses_rss());
  for (const Vector& v : suite()) {
    // We are the destination: the packet's source is the remote.
    const net::Path path{.local = v.destination, .remote = v.source};
    const std::uint32_t expected = v.source.address.is_v4() ? v.tuple : v.addresses;
    CHECK(o.ownership.expected_rss_hash(path) == expected);
    CHECK(o.ownership.owner_of_path(path) == reta[expected % 128]);
    CHECK(o.ownership.owner(path, false, 1) == reta[expected % 128]);
    CHECK(o.ownership.owner(path, false, 2) == reta[expected % 128]);
  }
}

TEST_CASE("a conv-keyed session keeps its owner when its client roams", "[ownership]") {
  const std::vector<std::uint16_t> reta = round_robin(128, 4);
  const Ownership with_rss({.key = suite_key, .reta = reta, .ports_v4 = true, .ports_v6 = true}, 4);
  const Ownership without({}, 4);
  for (std::uint32_t conv = 0; conv < 100; ++conv) {
    const std::uint32_t owner = with_rss.ownership.owner(path_of(1), true, conv);
    CHECK(owner == with_rss.ownership.owner(path_of(77'777), true, conv));
    // Ports with and without RSS agree, as a client may come in by either.
    CHECK(owner == without.ownership.owner(path_of(5), true, conv));
  }
}

TEST_CASE("without RSS owners are spread evenly", "[ownership]") {
  for (const std::uint32_t workers : {1u, 3u, 8u}) {
    const Ownership o({}, workers);
    CHECK_FALSE(o.ownership.uses_rss());
    std::vector<std::uint32_t> by_path(workers);
    std::vector<std::uint32_t> by_conv(workers);
    constexpr std::uint32_t flows = 48'000;
    for (std::uint32_t i = 0; i < flows; ++i) {
      ++by_path.at(o.ownership.owner_of_path(path_of(i)));
      ++by_conv.at(o.ownership.owner_of_conv(i));
    }
    for (std::uint32_t w = 0; w < workers; ++w) {
      CHECK(by_path[w] > flows / workers * 95 / 100);
      CHECK(by_conv[w] > flows / workers * 95 / 100);
    }
  }
}

TEST_CASE("the owner depends on the key, so a stranger cannot aim at one worker", "[ownership][adversarial]") {
  const Ownership a({}, 8, {1, 2});
  const Ownership b({}, 8, {1, 3});
  // Flows picked to fall on one worker under one key are spread under another.
  std::vector<std::uint32_t> counts(8);
  std::uint32_t picked = 0;
  for (std::uint32_t i = 0; i < 80'000; ++i) {
    if (a.ownership.owner_of_path(path_of(i)) != 0) continue;
    ++counts[b.ownership.owner_of_path(path_of(i))];
    ++picked;
  }
  REQUIRE(picked > 5'000);
  CHECK(*std::max_element(counts.begin(), counts.end()) < 2 * picked / 8);
}

TEST_CASE("flows aimed at one queue under a key that is printed in books spread under a key of our own",
          "[ownership][adversarial]") {
  constexpr std::uint32_t workers = 8, wanted = 100'000;
  const std::vector<std::uint16_t> reta = round_robin(128, workers);
  const RssView known{.key = suite_key, .reta = reta, .ports_v4 = true, .ports_v6 = true};
  const Ownership book(known, workers);
  std::vector<net::Path> aimed;
  for (std::uint32_t i = 0; aimed.size() < wanted; ++i) {
    if (book.ownership.owner_of_path(path_of(i)) == 3) aimed.push_back(path_of(i));
  }
  Rng rng(23);
  std::uint32_t largest = 0;
  for (int boot = 0; boot < 20; ++boot) {
    std::array<std::uint8_t, 40> drawn{};
    for (std::uint8_t& byte : drawn) byte = static_cast<std::uint8_t>(rng.next32());
    const Ownership own({.key = drawn, .reta = reta, .ports_v4 = true, .ports_v6 = true}, workers);
    std::array<std::uint32_t, workers> share{};
    for (const net::Path& path : aimed) ++share[own.ownership.owner_of_path(path)];
    largest = std::max(largest, *std::ranges::max_element(share));
  }
  CHECK(largest <= 2 * wanted / workers);
}

TEST_CASE("a worker's own flows use all of the flow table's buckets", "[ownership]") {
  const SipKey sip{9, 10};
  const Ownership o({}, 4, sip);
  std::array<std::uint32_t, 16> buckets{};
  std::uint32_t own = 0;
  for (std::uint32_t i = 0; i < 16'000; ++i) {
    if (o.ownership.owner_of_path(path_of(i)) != 2) continue;
    ++own;
    ++buckets[hash(flow_key(SessionKeyMode::address, path_of(i), 0), sip) >> 60];
  }
  for (const std::uint32_t count : buckets) CHECK(count > own / 16 / 2);
}

TEST_CASE("a configuration that cannot be is our own mistake", "[ownership]") {
  const std::vector<std::uint16_t> reta{0, 1, 2};
  CHECK(test::aborts([&] { Ownership({.key = suite_key, .reta = reta}, 2); }));
  CHECK(test::aborts([&] { Ownership({.key = suite_key, .reta = {}}, 2); }));
  CHECK(test::aborts([&] { Ownership({.key = std::span(suite_key).first(39), .reta = reta}, 3); }));
  CHECK(test::aborts([] { Ownership({}, 0); }));
}
