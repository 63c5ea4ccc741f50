// Shows that FlowTable finds a session by the hash of its key and the caller's word, one by one and in bulk, that equal
// hashes do no harm, and that addresses a stranger picks fill it no worse than random ones.
// How: by example with equal hashes, against std::map over real keys, and by counting look-ups of two lines.
#include "session/flow_table.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <tuple>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"
#include "net/drop_reason.hpp"

using namespace penstock;
using net::IpAddress;

namespace {

struct Table {
  explicit Table(std::uint32_t capacity)
      : memory(FlowTable::cost(capacity)), arena(memory.bytes()), table(arena, capacity) {}
  HeapMemory memory;
  Arena arena;
  FlowTable table;
};

SessionId id_of(std::uint32_t index) { return SessionId(index, 1, 0); }

auto is(SessionId id) {
  return [id](SessionId other) { return other == id; };
}

FlowKey key_from(std::uint32_t address, std::uint16_t port, std::uint32_t conv) {
  const net::Path path{
      .local = {IpAddress::v4(10, 0, 0, 1), 4000},
      .remote = {IpAddress::v4(static_cast<std::uint8_t>(address >> 24), static_cast<std::uint8_t>(address >> 16),
                               static_cast<std::uint8_t>(address >> 8), static_cast<std::uint8_t>(address)),
                 port}};
  return flow_key(SessionKeyMode::address_conv, path, conv);
}

}  // namespace

TEST_CASE("two flows of one hash are both found", "[flow_table]") {
  Table t(100);
  REQUIRE(t.table.insert(0xabc, id_of(1)));
  REQUIRE(t.table.insert(0xabc, id_of(2)));
  CHECK(t.table.find(0xabc, is(id_of(1))) == id_of(1));
  CHECK(t.table.find(0xabc, is(id_of(2))) == id_of(2));
  CHECK_FALSE(t.table.find(0xabc, is(id_of(3))).is_valid());
  t.table.erase(0xabc, id_of(1));
  CHECK_FALSE(t.table.find(0xabc, is(id_of(1))).is_valid());
  CHECK(t.table.find(0xabc, is(id_of(2))) == id_of(2));
}

TEST_CASE("bulk look-up gives candidates that confirm() sets right", "[flow_table]") {
  Table t(100);
  REQUIRE(t.table.insert(0x100, id_of(1)));
  REQUIRE(t.table.insert(0x200, id_of(2)));
  REQUIRE(t.table.insert(0x200, id_of(3)));  // shares its hash with 2
  const std::vector<FlowHash> hashes{0x100, 0x200, 0x300, 0x200};
  std::vector<SessionId> candidates(hashes.size(), id_of(99));
  for (const FlowHash hash : hashes) t.table.prefetch(hash);
  t.table.find_bulk(hashes, candidates);
  CHECK(candidates[0] == id_of(1));
  CHECK(candidates[1].is_valid());
  CHECK_FALSE(candidates[2].is_valid());

  CHECK(t.table.confirm(hashes[0], candidates[0], is(id_of(1))) == id_of(1));
  CHECK(t.table.confirm(hashes[1], candidates[1], is(id_of(2))) == id_of(2));
  CHECK(t.table.confirm(hashes[3], candidates[3], is(id_of(3))) == id_of(3));
  CHECK_FALSE(t.table.confirm(hashes[2], candidates[2], is(id_of(9))).is_valid());
}

TEST_CASE("what a burst opens and closes on its way is seen by confirm()", "[flow_table]") {
  Table t(100);
  REQUIRE(t.table.insert(0x100, id_of(1)));
  const std::vector<FlowHash> hashes{0x100, 0x300};
  std::vector<SessionId> candidates(hashes.size());
  for (const FlowHash hash : hashes) t.table.prefetch(hash);
  t.table.find_bulk(hashes, candidates);
  t.table.erase(0x100, id_of(1));
  REQUIRE(t.table.insert(0x300, id_of(4)));
  // The caller's predicate knows that session 1 is closed.
  CHECK_FALSE(t.table.confirm(hashes[0], candidates[0], [](SessionId) { return false; }).is_valid());
  CHECK(t.table.confirm(hashes[1], candidates[1], is(id_of(4))) == id_of(4));
}

TEST_CASE("a million operations over real keys agree with a map", "[flow_table]") {
  constexpr std::uint32_t sessions_max = 2'000;
  Table t(sessions_max);
  Rng rng(11);
  const SipKey sip{rng.next(), rng.next()};
  using Name = std::tuple<std::uint32_t, std::uint16_t, std::uint32_t>;
  std::map<Name, std::uint32_t> model;
  std::vector<FlowKey> sessions(sessions_max);  // what the session records would hold
  std::vector<std::uint32_t> free;
  for (std::uint32_t i = 0; i < sessions_max; ++i) free.push_back(i);
  for (int i = 0; i < 1'000'000; ++i) {
    const Name name{static_cast<std::uint32_t>(rng.below(40)), static_cast<std::uint16_t>(1 + rng.below(20)),
                    static_cast<std::uint32_t>(rng.below(4))};
    const FlowKey key = key_from(std::get<0>(name), std::get<1>(name), std::get<2>(name));
    const FlowHash hashed = hash(key, sip);
    const SessionId found = t.table.find(hashed, [&](SessionId id) { return sessions[id.index()] == key; });
    const auto known = model.find(name);
    REQUIRE(found.is_valid() == (known != model.end()));
    if (known != model.end()) {
      REQUIRE(found.index() == known->second);
      if (rng.below(2) == 0) {
        t.table.erase(hashed, found);
        free.push_back(known->second);
        model.erase(known);
      }
    } else if (!free.empty()) {
      const std::uint32_t index = free.back();
      free.pop_back();
      sessions[index] = key;
      REQUIRE(t.table.insert(hashed, id_of(index)));
      model[name] = index;
    }
  }
  CHECK(t.table.count() == model.size());
}

TEST_CASE("a full table and two full buckets refuse with flow_table_full", "[flow_table]") {
  const auto refusal = [](bool inserted) {
    return inserted ? std::nullopt : std::optional(net::DropReason::flow_table_full);
  };
  Table small(3);
  for (std::uint32_t i = 0; i < 3; ++i) REQUIRE(small.table.insert(i << 8, id_of(i)));
  CHECK(refusal(small.table.insert(7 << 8, id_of(7))) == net::DropReason::flow_table_full);
  small.table.erase(1 << 8, id_of(1));
  CHECK(refusal(small.table.insert(7 << 8, id_of(7))) == std::nullopt);

  Table crowded(1000);
  for (std::uint32_t i = 0; i < 8; ++i) REQUIRE(crowded.table.insert(0x5500, id_of(i)));
  CHECK(refusal(crowded.table.insert(0x5500, id_of(8))) == net::DropReason::flow_table_full);
  for (std::uint32_t i = 0; i < 8; ++i) CHECK(crowded.table.find(0x5500, is(id_of(i))) == id_of(i));
}

TEST_CASE("patterns of addresses fill the table no worse than random hashes", "[flow_table][adversarial]") {
  constexpr std::uint32_t flows = 104'857;  // load 0.8 of 32,768 buckets
  Rng rng(12);
  const SipKey sip{rng.next(), rng.next()};
  // Flows that take a second line when `flows` of them fill the table, none of them refused.
  const auto second_lines = [&](auto hash_of) {
    Table t(flows);
    std::uint32_t refused = 0;
    for (std::uint32_t i = 0; i < flows; ++i) refused += t.table.insert(hash_of(i), id_of(i)) ? 0u : 1u;
    CHECK(refused == 0);
    return t.table.displaced();
  };
  const auto flow = [&](std::uint32_t address, std::uint32_t port, std::uint32_t conv) {
    return hash(key_from(address, static_cast<std::uint16_t>(port), conv), sip);
  };
  const std::uint32_t random = second_lines([&](std::uint32_t) { return rng.next(); });
  const std::uint32_t by_address = second_lines([&](std::uint32_t i) { return flow(0x0a000000 + i, 5000, 1); });
  const std::uint32_t by_port = second_lines([&](std::uint32_t i) { return flow(i >> 16, i, 1); });
  const std::uint32_t by_conv = second_lines([&](std::uint32_t i) { return flow(0x0a000001, 5000, i); });
  // Steps of the number of buckets: what a hash that keeps low bits would pile up.
  const std::uint32_t strided = second_lines([&](std::uint32_t i) { return flow(i * 32'768, 5000, i << 8); });
  CAPTURE(random, by_address, by_port, by_conv, strided);
  for (const std::uint32_t pattern : {by_address, by_port, by_conv, strided}) {
    CHECK(pattern < random + random / 20);
    CHECK(pattern > random - random / 20);
  }
}

TEST_CASE("an invalid id and an unknown session are our own mistakes", "[flow_table]") {
  Table t(10);
  CHECK(test::aborts([&] { t.table.insert(1, SessionId{}); }));
  CHECK(test::aborts([&] { t.table.erase(1, id_of(1)); }));
}
