// Strong time types: an Instant is a point on the worker's clock, a Duration the way between two of them.
//
// Both count whole microseconds in 64 bits (292,000 years), so that a bare integer is never mistaken for a time. Below
// `engine` nothing reads a clock: `now` is an argument. The origin of the clock is its owner's affair.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace penstock {

class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration us(std::int64_t count) { return Duration(count); }
  static constexpr Duration ms(std::int64_t count) { return Duration(count * 1'000); }
  static constexpr Duration seconds(std::int64_t count) { return Duration(count * 1'000'000); }
  static constexpr Duration max() { return Duration(std::numeric_limits<std::int64_t>::max()); }

  constexpr std::int64_t count_us() const { return us_; }
  // Whole milliseconds, cut toward zero.
  constexpr std::int64_t count_ms() const { return us_ / 1'000; }

  constexpr auto operator<=>(const Duration&) const = default;
  constexpr Duration operator+(Duration other) const { return Duration(us_ + other.us_); }
  constexpr Duration operator-(Duration other) const { return Duration(us_ - other.us_); }
  constexpr Duration operator*(std::int64_t factor) const { return Duration(us_ * factor); }
  constexpr Duration operator/(std::int64_t divisor) const { return Duration(us_ / divisor); }
  constexpr Duration& operator+=(Duration other) {
    us_ += other.us_;
    return *this;
  }

 private:
  constexpr explicit Duration(std::int64_t us) : us_(us) {}
  std::int64_t us_ = 0;
};

class Instant {
 public:
  constexpr Instant() = default;
  // `us` microseconds after the clock's origin.
  static constexpr Instant at_us(std::int64_t us) { return Instant(us); }
  // Later than every other instant: a deadline that is not armed.
  static constexpr Instant never() { return Instant(std::numeric_limits<std::int64_t>::max()); }

  constexpr std::int64_t count_us() const { return us_; }
  // Whole milliseconds since the origin; wire stamps are cut from it.
  constexpr std::int64_t count_ms() const { return us_ / 1'000; }
  constexpr bool is_never() const { return us_ == std::numeric_limits<std::int64_t>::max(); }

  constexpr auto operator<=>(const Instant&) const = default;
  // A sum with never() stays never(), and what is due after Duration::max() is never due.
  constexpr Instant operator+(Duration d) const {
    return is_never() || d == Duration::max() ? never() : Instant(us_ + d.count_us());
  }
  constexpr Instant operator-(Duration d) const { return is_never() ? *this : Instant(us_ - d.count_us()); }
  constexpr Duration operator-(Instant other) const { return Duration::us(us_ - other.us_); }

 private:
  constexpr explicit Instant(std::int64_t us) : us_(us) {}
  std::int64_t us_ = 0;
};

constexpr Instant earlier(Instant a, Instant b) { return a < b ? a : b; }
constexpr Instant later(Instant a, Instant b) { return a < b ? b : a; }

}  // namespace penstock
