// TokenBucket: the burst, the long run, and clocks that jump, in virtual time.
#include <catch2/catch.hpp>

#include "net/rate_limit.hpp"

using namespace penstock;
using namespace penstock::net;

namespace {

int taken(TokenBucket& bucket, Instant now, int tries) {
  int count = 0;
  for (int i = 0; i < tries; ++i) count += bucket.take(now) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a burst, then nothing until time passes", "[net][rate]") {
  TokenBucket bucket(10, 3);
  const Instant start = Instant::at_us(5'000'000);
  CHECK(taken(bucket, start, 100) == 3);
  CHECK(taken(bucket, start + Duration::us(99'999), 100) == 0);
  CHECK(taken(bucket, start + Duration::ms(100), 100) == 1);
  CHECK(taken(bucket, start + Duration::seconds(3600), 100) == 3);
}

TEST_CASE("the long run is exact however often it is asked", "[net][rate]") {
  TokenBucket bucket(1000, 1);
  CHECK(taken(bucket, Instant::at_us(0), 10) == 1);
  int count = 0;
  for (std::int64_t us = 1; us <= 1'000'000; us += 7) count += taken(bucket, Instant::at_us(us), 2);
  CHECK(count == 999);
}

TEST_CASE("a rate of zero gives nothing, a clock that stands still or goes back neither", "[net][rate]") {
  TokenBucket none(0, 5);
  CHECK(taken(none, Instant::at_us(0), 10) == 0);
  CHECK(taken(none, Instant::at_us(1'000'000'000), 10) == 0);
  TokenBucket bucket(1, 1);
  CHECK(taken(bucket, Instant::at_us(10'000'000), 10) == 1);
  CHECK(taken(bucket, Instant::at_us(0), 10) == 0);
  CHECK(taken(bucket, Instant::at_us(10'999'999), 10) == 0);
  CHECK(taken(bucket, Instant::at_us(11'000'000), 10) == 1);
}

TEST_CASE("the largest rate and the longest gap do not overflow", "[net][rate]") {
  TokenBucket bucket(4'294'967'295u, 4'294'967'295u);
  CHECK(bucket.take(Instant::at_us(0)));
  CHECK(bucket.take(Instant::at_us(std::int64_t{1} << 60)));
}
