// Shows that PrefixQuota counts sessions per IPv4 /24 and IPv6 /56 and listener, exactly, and holds its limit.
// How: by example at the prefixes' borders, and a random run against std::map.
#include "session/prefix_quota.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <utility>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"

using namespace penstock;
using net::IpAddress;

namespace {

struct Quota {
  explicit Quota(std::uint32_t sessions_max)
      : memory(PrefixQuota::cost(sessions_max)), arena(memory.bytes()), quota(arena, sessions_max, SipKey{1, 2}) {}
  HeapMemory memory;
  Arena arena;
  PrefixQuota quota;
};

IpAddress v6(std::uint8_t byte6, std::uint8_t byte7) {
  return IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0, 1, byte6, byte7, 0, 0, 0, 0, 0, 0, 0, 9});
}

}  // namespace

TEST_CASE("addresses of one IPv4 /24 share a quota, the next /24 has its own", "[prefix_quota]") {
  Quota q(10);
  CHECK(q.quota.acquire(0, IpAddress::v4(192, 0, 2, 0), 2));
  CHECK(q.quota.acquire(0, IpAddress::v4(192, 0, 2, 255), 2));
  CHECK_FALSE(q.quota.acquire(0, IpAddress::v4(192, 0, 2, 77), 2));
  CHECK(q.quota.acquire(0, IpAddress::v4(192, 0, 3, 0), 2));
  CHECK(q.quota.held(0, IpAddress::v4(192, 0, 2, 1)) == 2);
  CHECK(q.quota.prefix_count() == 2);
}

TEST_CASE("addresses of one IPv6 /56 share a quota, the next /56 has its own", "[prefix_quota]") {
  Quota q(10);
  CHECK(q.quota.acquire(0, v6(5, 0x00), 2));
  CHECK(q.quota.acquire(0, v6(5, 0xff), 2));
  CHECK_FALSE(q.quota.acquire(0, v6(5, 0x10), 2));
  CHECK(q.quota.acquire(0, v6(6, 0x00), 2));
}

TEST_CASE("an IPv4 prefix is not the IPv6 prefix of the same bits", "[prefix_quota]") {
  const IpAddress six = IpAddress::v6({192, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  Quota q(10);
  CHECK(q.quota.acquire(0, IpAddress::v4(192, 0, 2, 1), 1));
  CHECK(q.quota.acquire(0, IpAddress::v4(0, 0, 0, 1), 1));
  CHECK(q.quota.held(0, six) == 0);
  CHECK(q.quota.held(0, IpAddress{}) == 0);
}

TEST_CASE("each listener has quotas of its own", "[prefix_quota]") {
  Quota q(10);
  CHECK(q.quota.acquire(0, IpAddress::v4(192, 0, 2, 1), 1));
  CHECK(q.quota.acquire(1, IpAddress::v4(192, 0, 2, 1), 1));
  CHECK_FALSE(q.quota.acquire(1, IpAddress::v4(192, 0, 2, 1), 1));
}

TEST_CASE("what is released can be acquired again", "[prefix_quota]") {
  Quota q(10);
  const IpAddress address = IpAddress::v4(192, 0, 2, 1);
  for (int round = 0; round < 1000; ++round) {
    REQUIRE(q.quota.acquire(0, address, 1));
    REQUIRE_FALSE(q.quota.acquire(0, address, 1));
    q.quota.release(0, address);
    REQUIRE(q.quota.held(0, address) == 0);
  }
  CHECK(q.quota.prefix_count() == 0);
  CHECK_FALSE(q.quota.acquire(0, address, 0));
}

TEST_CASE("sessions_max prefixes fit", "[prefix_quota]") {
  Quota q(1000);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    REQUIRE(
        q.quota.acquire(0, IpAddress::v4(10, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 1), 5));
  }
  CHECK_FALSE(q.quota.acquire(0, IpAddress::v4(11, 0, 0, 1), 5));
  CHECK(q.quota.acquire(0, IpAddress::v4(10, 0, 0, 99), 5));  // a known prefix needs no new entry
}

TEST_CASE("random sessions agree with a map", "[prefix_quota]") {
  constexpr std::uint32_t sessions_max = 500;
  constexpr std::uint32_t limit = 4;
  Quota q(sessions_max);
  Rng rng(8);
  std::map<std::pair<std::uint16_t, int>, std::uint32_t> model;
  std::vector<std::pair<std::uint16_t, IpAddress>> live;
  for (int i = 0; i < 200'000; ++i) {
    if (rng.below(2) == 0 && live.size() < sessions_max) {
      const auto listener = static_cast<std::uint16_t>(rng.below(3));
      const auto prefix = static_cast<std::uint8_t>(rng.below(90));
      const IpAddress address = IpAddress::v4(10, 0, prefix, static_cast<std::uint8_t>(rng.below(256)));
      std::uint32_t& count = model[{listener, prefix}];
      REQUIRE(q.quota.held(listener, address) == count);
      const bool acquired = q.quota.acquire(listener, address, limit);
      REQUIRE(acquired == (count < limit));
      if (acquired) {
        ++count;
        live.emplace_back(listener, address);
      }
    } else if (!live.empty()) {
      const std::size_t at = rng.below(live.size());
      q.quota.release(live[at].first, live[at].second);
      --model[{live[at].first, live[at].second.v4_bytes()[2]}];
      live[at] = live.back();
      live.pop_back();
    }
  }
}

TEST_CASE("releasing what nobody holds is our own mistake", "[prefix_quota]") {
  Quota q(10);
  CHECK(test::aborts([&] { q.quota.release(0, IpAddress::v4(192, 0, 2, 1)); }));
}
