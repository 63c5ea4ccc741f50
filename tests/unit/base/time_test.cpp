// Shows that Instant and Duration keep their unit, order like points and distances, and that `never` stays never.
// How: by example at the edges; that a bare integer is no time is checked at compile time.
#include "base/time.hpp"

#include <catch2/catch.hpp>
#include <concepts>
#include <cstdint>

using namespace penstock;

// An integer must be given a unit, two instants cannot be added, and neither kind turns into the other.
template <class A, class B>
concept can_add = requires(A a, B b) {
  a + b;
};
template <class A, class B>
concept can_compare = requires(A a, B b) {
  a < b;
};
static_assert(!std::convertible_to<std::int64_t, Duration> && !std::convertible_to<std::int64_t, Instant>);
static_assert(!std::convertible_to<Duration, Instant> && !std::convertible_to<Instant, Duration>);
static_assert(can_add<Instant, Duration> && !can_add<Instant, Instant> && !can_add<Duration, Instant>);
static_assert(can_compare<Instant, Instant> && !can_compare<Instant, Duration> && !can_compare<Instant, int>);

TEST_CASE("a duration is made and read in its unit", "[time]") {
  CHECK(Duration().count_us() == 0);
  CHECK(Duration::us(1'500).count_us() == 1'500);
  CHECK(Duration::ms(3) == Duration::us(3'000));
  CHECK(Duration::seconds(2) == Duration::ms(2'000));
  CHECK(Duration::seconds(-1).count_us() == -1'000'000);
}

TEST_CASE("whole milliseconds are cut toward zero", "[time]") {
  CHECK(Duration::us(999).count_ms() == 0);
  CHECK(Duration::us(1'000).count_ms() == 1);
  CHECK(Duration::us(-1'999).count_ms() == -1);
  CHECK(Instant::at_us(4'294'967'295'999).count_ms() == 4'294'967'295);
}

TEST_CASE("durations add, subtract, scale and order", "[time]") {
  Duration d = Duration::ms(10) + Duration::us(5);
  CHECK(d.count_us() == 10'005);
  d += Duration::us(95);
  CHECK(d == Duration::us(10'100));
  CHECK(d - Duration::ms(20) == Duration::us(-9'900));
  CHECK(Duration::ms(3) * 4 == Duration::ms(12));
  CHECK(Duration::ms(3) / 2 == Duration::us(1'500));
  CHECK(Duration::us(1) < Duration::us(2));
  CHECK(Duration::seconds(1'000'000'000) < Duration::max());
}

TEST_CASE("an instant moves by durations and tells the way between two", "[time]") {
  const Instant start = Instant::at_us(1'000);
  const Instant end = start + Duration::ms(2);
  CHECK(end.count_us() == 3'000);
  CHECK(end - start == Duration::ms(2));
  CHECK(start - end == Duration::ms(-2));
  CHECK(end - Duration::ms(2) == start);
  CHECK(start < end);
  CHECK(Instant() == Instant::at_us(0));
}

TEST_CASE("never is later than everything and does not move", "[time]") {
  const Instant never = Instant::never();
  CHECK(never.is_never());
  CHECK_FALSE(Instant::at_us(0).is_never());
  CHECK(Instant::at_us(INT64_MAX - 1) < never);
  CHECK((never + Duration::seconds(1)).is_never());
  CHECK((never - Duration::seconds(1)).is_never());
  CHECK((never + Duration::seconds(-1)).is_never());
}

TEST_CASE("what is due after the longest duration is never due", "[time]") {
  CHECK((Instant::at_us(0) + Duration::max()).is_never());
  CHECK((Instant::at_us(77) + Duration::max()).is_never());
}

TEST_CASE("earlier and later pick one of two", "[time]") {
  const Instant a = Instant::at_us(1), b = Instant::at_us(2);
  CHECK(earlier(a, b) == a);
  CHECK(earlier(b, a) == a);
  CHECK(later(a, b) == b);
  CHECK(later(b, a) == b);
  CHECK(earlier(a, Instant::never()) == a);
  CHECK(later(a, Instant::never()).is_never());
}
