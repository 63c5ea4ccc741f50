// Shows that an answer counts only for the path, conversation, salt and time that it was asked for, that its sn lies where
// a KCP peer acknowledges it, across the wrap as well, and that nobody without the key answers.
// How: by example, with each part of the subject changed by itself, and by a long random run.
#include "session/challenge.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "base/rng.hpp"

using namespace penstock;

namespace {

constexpr SipKey boot{0x0123456789abcdef, 0xfedcba9876543210};

Instant at_s(std::int64_t s) { return Instant::at_us(s * 1'000'000); }

Challenge::Subject subject() {
  Challenge::Subject asked;
  asked.path.local = {net::IpAddress::v4(10, 0, 0, 2), 4000};
  asked.path.remote = {net::IpAddress::v4(192, 0, 2, 77), 50'000};
  asked.path.interface = 3;
  asked.conv = 0x11223344;
  asked.salt = 7;
  return asked;
}

bool answers(const Challenge& challenge, const Challenge::Subject& about, Challenge::Cookie cookie, Instant now) {
  return challenge.verify(about, Seq32(100), Seq32(100), cookie, now);
}

}  // namespace

TEST_CASE("an answer counts for what was asked, and for nothing else", "[challenge]") {
  const Challenge challenge(boot);
  const auto cookie = challenge.make(subject(), Seq32(100), at_s(9));
  CHECK(answers(challenge, subject(), cookie, at_s(9)));
  std::vector<Challenge::Subject> others(8, subject());
  others[0].path.remote.port = 50'001;
  others[1].path.remote.address = net::IpAddress::v4(192, 0, 2, 78);
  others[2].path.local.port = 4001;
  others[3].path.local.address = net::IpAddress::v4(10, 0, 0, 3);
  others[4].path.interface = 4;
  others[5].conv = 0x11223345;
  others[6].salt = 8;
  others[7].salt = std::uint64_t{7} << 32;
  for (const auto& other : others) CHECK_FALSE(answers(challenge, other, cookie, at_s(9)));
  // Where the next hop was last found is no part of a path.
  auto hinted = subject();
  hinted.path.next_hop_hint = 5;
  CHECK(answers(challenge, hinted, cookie, at_s(9)));
  CHECK_FALSE(answers(challenge, subject(), {cookie.sn + 1, cookie.stamp}, at_s(9)));
  CHECK_FALSE(answers(challenge, subject(), {cookie.sn - 1, cookie.stamp}, at_s(9)));
  CHECK_FALSE(answers(challenge, subject(), {cookie.sn, cookie.stamp + 1}, at_s(9)));
}

TEST_CASE("another boot asks otherwise", "[challenge]") {
  const auto cookie = Challenge(boot).make(subject(), Seq32(100), at_s(9));
  CHECK_FALSE(answers(Challenge({boot.k0 + 1, boot.k1}), subject(), cookie, at_s(9)));
  CHECK_FALSE(answers(Challenge({boot.k0, boot.k1 + 1}), subject(), cookie, at_s(9)));
}

TEST_CASE("an answer counts in the epoch of its question and in the next", "[challenge]") {
  const Challenge challenge(boot);
  const Duration us = Duration::us(1);
  for (const Instant asked : {at_s(8), at_s(10), at_s(12) - us}) {
    const auto cookie = challenge.make(subject(), Seq32(100), asked);
    CHECK(answers(challenge, subject(), cookie, at_s(8)));
    CHECK(answers(challenge, subject(), cookie, at_s(16) - us));
    CHECK_FALSE(answers(challenge, subject(), cookie, at_s(16)));
    CHECK_FALSE(answers(challenge, subject(), cookie, at_s(8) - us));  // an answer before its question
  }
  // The first epoch has none before it.
  CHECK(answers(challenge, subject(), challenge.make(subject(), Seq32(100), at_s(0)), at_s(1)));
}

TEST_CASE("a base of the range that the session may have had counts", "[challenge]") {
  const Challenge challenge(boot);
  for (const std::uint32_t base : {100u, 3u, 0u, 0xffff'fffdu, 0x8000'0000u}) {
    const auto cookie = challenge.make(subject(), Seq32(base), at_s(1));
    const auto within = [&](std::uint32_t first, std::uint32_t last) {
      return challenge.verify(subject(), Seq32(first), Seq32(last), cookie, at_s(1));
    };
    CHECK(within(base, base));
    CHECK(within(base - 5, base + 5));
    CHECK(within(base - 5, base));
    CHECK(within(base, base + 5));
    CHECK_FALSE(within(base + 1, base + 5));
    CHECK_FALSE(within(base - 5, base - 1));
  }
}

TEST_CASE("the sn lies where a KCP peer acknowledges and delivers nothing", "[challenge]") {
  const Challenge challenge(boot);
  Rng rng(4711);
  for (int i = 0; i < 20'000; ++i) {
    auto asked = subject();
    asked.conv = rng.next32();
    const Seq32 base(i % 2 == 0 ? static_cast<std::uint32_t>(i) : rng.next32());
    const auto cookie = challenge.make(asked, base, at_s(i));
    // The peer may be far ahead of our una, and its window wide.
    for (const std::uint32_t ahead : {0u, 1u, 65'535u, 1u << 29}) {
      const Seq32 rcv_nxt = base + ahead;
      CHECK(cookie.sn.before(rcv_nxt));
      CHECK(cookie.sn.before(rcv_nxt + 65'535));
      CHECK(cookie.sn.after(rcv_nxt + 65'535 - 0x7fff'ffff));
    }
    REQUIRE(base.raw() - cookie.sn.raw() <= Challenge::reach);
  }
}

// Chance finds one of 2^62; a MAC whose bits were few or fixed would show here.
TEST_CASE("who does not have the key does not answer", "[challenge]") {
  const Challenge challenge(boot);
  Rng rng(99);
  std::uint32_t sn_bits = 0;
  std::uint32_t stamp_bits = 0;
  int right = 0;
  for (int i = 0; i < 300'000; ++i) {
    auto asked = subject();
    asked.path.remote.port = static_cast<std::uint16_t>(rng.next32());
    const Challenge::Cookie guess{Seq32(100) - 1 - (rng.next32() >> 2), Stamp32(rng.next32())};
    right += answers(challenge, asked, guess, at_s(5)) ? 1 : 0;
    const auto cookie = challenge.make(asked, Seq32(100), at_s(5));
    const auto base = challenge.make(subject(), Seq32(100), at_s(5));
    sn_bits |= cookie.sn.raw() ^ base.sn.raw();
    stamp_bits |= cookie.stamp.raw() ^ base.stamp.raw();
    // Neither half alone is enough.
    right += answers(challenge, asked, {cookie.sn, guess.stamp}, at_s(5)) ? 1 : 0;
    right += answers(challenge, asked, {guess.sn, cookie.stamp}, at_s(5)) ? 1 : 0;
  }
  CHECK(right == 0);
  CHECK((sn_bits & 0x3fff'ffff) == 0x3fff'ffff);
  CHECK(stamp_bits == 0xffff'ffff);
}
