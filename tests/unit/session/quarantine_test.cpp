// Shows that a closed conversation is shut out until its time is over, that a full ring lets the oldest go first, and that
// a conversation may be shut out again.
// How: by example, and a random run against std::map within the ring's bound.
#include "session/quarantine.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "base/rng.hpp"
#include "net/drop_reason.hpp"

using namespace penstock;

namespace {

struct Ward {
  explicit Ward(std::uint32_t capacity)
      : memory(Quarantine::cost(capacity)), arena(memory.bytes()), quarantine(arena, capacity) {}
  HeapMemory memory;
  Arena arena;
  Quarantine quarantine;
};

constexpr Instant at_ms(std::int64_t ms) { return Instant::at_us(ms * 1000); }

}  // namespace

TEST_CASE("a late datagram is session_quarantined until the time is over", "[quarantine]") {
  Ward w(10);
  w.quarantine.add(0x1234, at_ms(100), at_ms(3100));
  const auto verdict = [&](FlowHash hash, Instant now) {
    return w.quarantine.contains(hash, now) ? std::optional(net::DropReason::session_quarantined) : std::nullopt;
  };
  CHECK(verdict(0x1234, at_ms(100)) == net::DropReason::session_quarantined);
  CHECK(verdict(0x1234, at_ms(3099)) == net::DropReason::session_quarantined);
  CHECK(verdict(0x1234, at_ms(3100)) == std::nullopt);
  CHECK(verdict(0x1235, at_ms(100)) == std::nullopt);  // the same chain
  CHECK(verdict(0x9934, at_ms(100)) == std::nullopt);
}

TEST_CASE("a full ring lets the oldest go first", "[quarantine]") {
  Ward w(3);
  for (std::uint64_t i = 1; i <= 4; ++i) w.quarantine.add(i << 20, at_ms(0), at_ms(1000));
  CHECK(w.quarantine.count() == 3);
  CHECK_FALSE(w.quarantine.contains(1 << 20, at_ms(1)));
  for (std::uint64_t i = 2; i <= 4; ++i) CHECK(w.quarantine.contains(i << 20, at_ms(1)));
}

TEST_CASE("a second quarantine moves the end and outlives the first one's place", "[quarantine]") {
  Ward w(3);
  w.quarantine.add(7, at_ms(0), at_ms(1000));
  w.quarantine.add(7, at_ms(500), at_ms(2000));
  CHECK(w.quarantine.contains(7, at_ms(1500)));
  // The first entry of 7 leaves, then an unrelated one comes in: the second entry of 7 still counts.
  w.quarantine.add(8 << 20, at_ms(1500), at_ms(3000));
  w.quarantine.add(9 << 20, at_ms(1500), at_ms(3000));
  CHECK(w.quarantine.contains(7, at_ms(1600)));
  w.quarantine.add(10 << 20, at_ms(1600), at_ms(3000));
  CHECK_FALSE(w.quarantine.contains(7, at_ms(1600)));
}

TEST_CASE("the ended leave, two for each that comes", "[quarantine]") {
  Ward w(100);
  for (std::uint64_t i = 0; i < 50; ++i) w.quarantine.add(i << 20, at_ms(0), at_ms(10));
  for (std::uint64_t i = 0; i < 25; ++i) w.quarantine.add((100 + i) << 20, at_ms(20), at_ms(99));
  CHECK(w.quarantine.count() == 25);
}

TEST_CASE("hashes that crowd one chain cost their quarantine, never more", "[quarantine][adversarial]") {
  Ward w(200);
  for (std::uint64_t i = 0; i < 200; ++i) w.quarantine.add(0x4400 | i, at_ms(0), at_ms(1000));
  for (std::uint64_t i = 0; i < 200; ++i) {
    CHECK(w.quarantine.contains(0x4400 | i, at_ms(1)) == (i >= 200 - Quarantine::looks_max));
  }
  Rng rng(2);
  std::uint64_t last = 0;
  for (int i = 0; i < 300; ++i) w.quarantine.add(last = rng.next(), at_ms(2), at_ms(1000));
  CHECK(w.quarantine.count() == 200);
  CHECK_FALSE(w.quarantine.contains(0x4400 | 199, at_ms(3)));
  CHECK(w.quarantine.contains(last, at_ms(3)));
}

TEST_CASE("full of a million, each but what left early is found", "[quarantine]") {
  constexpr std::uint32_t capacity = 1u << 20;
  Ward w(capacity);
  CHECK(Quarantine::cost(capacity) < std::size_t{21} * capacity);
  const auto hash_of = [](std::uint64_t i) { return Rng(i).next(); };
  for (std::uint64_t i = 0; i < capacity + 1000; ++i) w.quarantine.add(hash_of(i), at_ms(0), at_ms(1000));
  CHECK(w.quarantine.count() == capacity);
  std::uint32_t missed = 0;
  for (std::uint64_t i = 1000; i < capacity + 1000; ++i)
    missed += w.quarantine.contains(hash_of(i), at_ms(1)) ? 0u : 1u;
  CHECK(missed == 0);
  std::uint32_t found = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) found += w.quarantine.contains(hash_of(i), at_ms(1)) ? 1u : 0u;
  CHECK(found == 0);
}

TEST_CASE("a random run agrees with a map", "[quarantine]") {
  Ward w(4096);
  Rng rng(14);
  std::map<std::uint64_t, Instant> model;
  Instant now = at_ms(0);
  for (int i = 0; i < 200'000; ++i) {
    now = now + Duration::us(static_cast<std::int64_t>(rng.below(2000)));
    const std::uint64_t hash = (1 + rng.below(600)) * 0x9e3779b97f4a7c15u;
    if (rng.below(2) == 0) {
      // At most about 2,000 closings fit into the longest quarantine, so the ring is never full.
      const Instant until = now + Duration::ms(static_cast<std::int64_t>(rng.below(1000)));
      w.quarantine.add(hash, now, until);
      model[hash] = at_ms((until.count_us() + 999) / 1000);
    }
    const auto known = model.find(hash);
    REQUIRE(w.quarantine.contains(hash, now) == (known != model.end() && now < known->second));
  }
}

TEST_CASE("the quarantine's key holds the conv in every mode", "[quarantine]") {
  const net::Path path{.local = {net::IpAddress::v4(10, 0, 0, 1), 4000},
                       .remote = {net::IpAddress::v4(10, 0, 9, 2), 5000}};
  net::Path roamed = path;
  roamed.remote.port = 1;
  for (const SessionKeyMode mode : {SessionKeyMode::address, SessionKeyMode::address_conv, SessionKeyMode::conv}) {
    CHECK_FALSE(quarantine_key(mode, path, 1) == quarantine_key(mode, path, 2));
    CHECK((quarantine_key(mode, path, 1) == quarantine_key(mode, roamed, 1)) == (mode == SessionKeyMode::conv));
  }
  CHECK(quarantine_key(SessionKeyMode::address_conv, path, 1) == flow_key(SessionKeyMode::address_conv, path, 1));
}
