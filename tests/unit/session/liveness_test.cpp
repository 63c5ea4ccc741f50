// Shows when a silent peer is asked and given up: at even distances in the second half of the timeout, the end within it, no
// two neighbours at one moment; and that without questions the timeout is the least that a peer may be silent.
// How: the schedule as a table, for many places.
#include "session/liveness.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace penstock;

TEST_CASE("questions stand evenly in the second half, and the end comes within the timeout", "[liveness]") {
  for (const Duration timeout : {Duration::seconds(1), Duration::seconds(30), Duration::seconds(86'400)}) {
    for (std::uint32_t place = 0; place < 1000; ++place) {
      const auto at = [&](std::uint32_t asked) { return silence_allowed(timeout, 3, asked, place); };
      CHECK(at(0) <= timeout / 2);
      CHECK(at(0) >= timeout / 2 - timeout / 32);
      for (std::uint32_t asked = 0; asked < 3; ++asked) {
        const Duration step = at(asked + 1) - at(asked);
        CHECK(step >= timeout / 6 - Duration::us(1));
        CHECK(step <= timeout / 6 + Duration::us(1));
        CHECK(step >= answer_time_min(timeout, 3));
      }
      CHECK(at(3) <= timeout);
      CHECK(at(4) == at(3));
    }
  }
}

TEST_CASE("without questions nobody is given up before the timeout", "[liveness]") {
  for (std::uint32_t place = 0; place < 1000; ++place) {
    const Duration allowed = silence_allowed(Duration::seconds(30), 0, 0, place);
    CHECK(allowed >= Duration::seconds(30));
    CHECK(allowed <= Duration::ms(31'049));
  }
}

TEST_CASE("sessions of one moment are set apart", "[liveness]") {
  std::set<std::int64_t> moments;
  for (std::uint32_t place = 0; place < 1000; ++place) {
    moments.insert(silence_allowed(Duration::seconds(30), 3, 0, place).count_ms() / 10);
  }
  CHECK(moments.size() > 80);
}
