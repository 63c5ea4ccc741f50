// Shows that serial numbers compare by RFC 1982, wrap included, and that `<` on them does not compile.
// How: every pair of an 8-bit circle against the definition, examples at the wrap of 16 and 32 bits, and concepts.
#include "base/seq.hpp"

#include <catch2/catch.hpp>
#include <cstdint>

using namespace penstock;

template <class A, class B>
concept can_order = requires(A a, B b) {
  a < b;
}
|| requires(A a, B b) { a <= b; }
|| requires(A a, B b) { a > b; };
template <class A, class B>
concept can_equal = requires(A a, B b) {
  a == b;
};
static_assert(!can_order<Seq32, Seq32> && !can_order<Seq16, Seq16> && !can_order<Stamp32, Stamp32>);
static_assert(!can_order<Seq32, std::uint32_t>);
// A packet number is no time stamp, nor a bare integer, although all are 32 bits.
static_assert(can_equal<Seq32, Seq32> && !can_equal<Seq32, Stamp32> && !can_equal<Seq32, std::uint32_t>);
static_assert(!std::is_convertible_v<std::uint32_t, Seq32> && !std::is_convertible_v<Seq32, std::uint32_t>);

using Seq8 = Serial<struct Seq8Tag, std::uint8_t>;

TEST_CASE("every pair of an 8-bit circle has the order of RFC 1982", "[seq]") {
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      const Seq8 x{static_cast<std::uint8_t>(a)}, y{static_cast<std::uint8_t>(b)};
      const bool before = (a < b && b - a < 128) || (a > b && a - b > 128);  // RFC 1982, 3.2
      const bool opposite = a != b && (a ^ b) == 128;
      INFO("a " << a << " b " << b);
      REQUIRE((x == y) == (a == b));
      REQUIRE(x.before(y) == (before || opposite));
      REQUIRE(x.at_or_before(y) == (before || opposite || a == b));
      REQUIRE(x.after(y) == (a != b && !before && !opposite));
      REQUIRE(x.at_or_after(y) == (a == b || (!before && !opposite)));
      REQUIRE(y + static_cast<std::uint8_t>(x.distance_from(y)) == x);
    }
  }
}

TEST_CASE("within is the half-open stretch, over the wrap too", "[seq]") {
  for (unsigned first = 0; first < 256; first += 5) {
    for (unsigned length = 0; length < 256; length += 3) {
      const Seq8 from{static_cast<std::uint8_t>(first)};
      const Seq8 end = from + static_cast<std::uint8_t>(length);
      for (unsigned step = 0; step < 256; ++step) {
        REQUIRE((from + static_cast<std::uint8_t>(step)).within(from, end) == (step < length));
      }
    }
  }
}

TEST_CASE("32-bit numbers order over the wrap", "[seq]") {
  const Seq32 last{0xffffffffu}, zero{0}, one{1};
  CHECK(last.before(zero));
  CHECK(one.after(last));
  CHECK(last + 1 == zero);
  CHECK(zero - 1 == last);
  CHECK(one.distance_from(last) == 2);
  CHECK(last.distance_from(one) == -2);
  CHECK(Seq32{0x7fffffffu}.after(zero));
  CHECK(Seq32{0x80000001u}.before(zero));
}

TEST_CASE("half the circle away each is before the other and none after", "[seq]") {
  const Seq32 a{5}, b{5 + 0x80000000u};
  CHECK(a.before(b));
  CHECK(b.before(a));
  CHECK_FALSE(a.after(b));
  CHECK_FALSE(b.after(a));
}

TEST_CASE("16-bit numbers wrap at 16 bits", "[seq]") {
  Seq16 seq{0xffff};
  CHECK(seq.before(Seq16{3}));
  ++seq;
  CHECK(seq.raw() == 0);
  CHECK((seq - 2).raw() == 0xfffe);
  CHECK((Seq16{0xfff0} + 0x20).raw() == 0x10);
  CHECK(Seq16{0x10}.distance_from(Seq16{0xfff0}) == 0x20);
}

TEST_CASE("a number counted up goes all the way round and stays after its predecessor", "[seq]") {
  Seq16 seq{100};
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const Seq16 previous = seq;
    ++seq;
    REQUIRE(seq.after(previous));
    REQUIRE(seq.distance_from(previous) == 1);
  }
  CHECK(seq == Seq16{100});
}
