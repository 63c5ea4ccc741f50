// Serial numbers: integers on a circle, compared by RFC 1982 arithmetic only.
//
// Sequence numbers and wire stamps wrap; `<` on the raw integer is wrong once every wrap, so it does not compile. Two
// numbers exactly half the circle apart have no order by RFC 1982; here each is then `before` the other, and neither is
// `after`. Callers bound what they accept by a window far below half the circle, so that this case stays out.
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace penstock {

template <class Tag, std::unsigned_integral T>
class Serial {
 public:
  using Raw = T;
  using Signed = std::make_signed_t<T>;

  constexpr Serial() = default;
  constexpr explicit Serial(T raw) : raw_(raw) {}

  // The integer as it stands on the wire.
  constexpr T raw() const { return raw_; }

  // How many steps lead from `other` to this number; negative when this number lies behind it.
  constexpr Signed distance_from(Serial other) const { return static_cast<Signed>(static_cast<T>(raw_ - other.raw_)); }
  constexpr bool before(Serial other) const { return distance_from(other) < 0; }
  constexpr bool after(Serial other) const { return distance_from(other) > 0; }
  constexpr bool at_or_before(Serial other) const { return distance_from(other) <= 0; }
  constexpr bool at_or_after(Serial other) const { return distance_from(other) >= 0; }
  // True in the half-open stretch [first, end) of the circle.
  constexpr bool within(Serial first, Serial end) const {
    return static_cast<T>(raw_ - first.raw_) < static_cast<T>(end.raw_ - first.raw_);
  }

  constexpr bool operator==(const Serial&) const = default;
  constexpr std::strong_ordering operator<=>(const Serial&) const = delete;

  constexpr Serial operator+(T steps) const { return Serial(static_cast<T>(raw_ + steps)); }
  constexpr Serial operator-(T steps) const { return Serial(static_cast<T>(raw_ - steps)); }
  constexpr Serial& operator++() {
    ++raw_;
    return *this;
  }

 private:
  T raw_ = 0;
};

using Seq32 = Serial<struct Seq32Tag, std::uint32_t>;      // a packet number (KCP sn, una)
using Seq16 = Serial<struct Seq16Tag, std::uint16_t>;      // a packet number of 16 bits (uTP)
using Stamp32 = Serial<struct Stamp32Tag, std::uint32_t>;  // a wire stamp (KCP ts in ms, uTP in µs)

}  // namespace penstock
