// Shows that a SessionId keeps its three parts apart, that zeroed memory is no session, and that generations skip 0.
// How: by example, at both ends of each part's range.
#include "session/session_id.hpp"

#include <catch2/catch.hpp>

#include "aborts.hpp"

using namespace penstock;

TEST_CASE("the parts of an id come out as they went in", "[session_id]") {
  const SessionId id(0xfedcba98, 0x123456, 0xab);
  CHECK(id.index() == 0xfedcba98);
  CHECK(id.generation() == 0x123456);
  CHECK(id.worker() == 0xab);
  CHECK(id.raw() == 0xab123456fedcba98);
  CHECK(SessionId::from_raw(id.raw()) == id);

  const SessionId largest(0xffffffff, SessionId::generation_max, 0xff);
  CHECK(largest.raw() == ~std::uint64_t{0});
  CHECK(largest.is_valid());
}

TEST_CASE("an id without a generation names no session", "[session_id]") {
  CHECK_FALSE(SessionId{}.is_valid());
  CHECK(SessionId{}.raw() == 0);
  CHECK_FALSE(SessionId::from_raw(0xff000000ffffffff).is_valid());
  CHECK(SessionId(0, 1, 0).is_valid());
}

TEST_CASE("generations count from 1 to 2^24 - 1 and around", "[session_id]") {
  CHECK(SessionId::next_generation(1) == 2);
  CHECK(SessionId::next_generation(SessionId::generation_max - 1) == SessionId::generation_max);
  CHECK(SessionId::next_generation(SessionId::generation_max) == 1);
}

TEST_CASE("a generation out of range is our own mistake", "[session_id]") {
  // Read at run time, or the compiler would already refuse the id.
  volatile std::uint32_t zero = 0;
  volatile std::uint32_t large = SessionId::generation_max + 1;
  CHECK(test::aborts([&] { static_cast<void>(SessionId(7, zero, 0)); }));
  CHECK(test::aborts([&] { static_cast<void>(SessionId(7, large, 0)); }));
}
