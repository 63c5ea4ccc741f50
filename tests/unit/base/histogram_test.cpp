// Shows that Histogram keeps exact counts, sums and maxima, that a percentile is never below the true one and at most
// 6.25 % above, and that merging equals recording into one.
// How: every bucket border, and random values of all sizes against a sorted vector.
#include "base/histogram.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/rng.hpp"

using namespace penstock;

namespace {

// The value at `per_mille` of a sorted list, by the nearest-rank rule.
std::uint64_t true_percentile(const std::vector<std::uint64_t>& sorted, std::uint32_t per_mille) {
  const std::size_t rank = std::max<std::size_t>(1, (sorted.size() * per_mille + 999) / 1000);
  return sorted[rank - 1];
}

}  // namespace

TEST_CASE("buckets tile the range without gap or overlap", "[histogram]") {
  for (std::uint32_t index = 0; index + 1 < Histogram::bucket_count; ++index) {
    const std::uint64_t end = Histogram::upper_end(index);
    REQUIRE(Histogram::index_of(end) == index);
    REQUIRE(Histogram::index_of(end + 1) == index + 1);
  }
  CHECK(Histogram::upper_end(Histogram::bucket_count - 1) == (std::uint64_t{1} << 40) - 1);
}

TEST_CASE("a bucket is at most a sixteenth of its values wide", "[histogram]") {
  std::uint64_t low = 0;
  for (std::uint32_t index = 0; index < Histogram::bucket_count; ++index) {
    const std::uint64_t end = Histogram::upper_end(index);
    REQUIRE((end - low) * 16 <= low);
    low = end + 1;
  }
}

TEST_CASE("small values are exact", "[histogram]") {
  Histogram histogram;
  for (std::uint64_t value = 0; value < 32; ++value) histogram.record(value);
  for (std::uint32_t index = 0; index < 32; ++index) {
    CHECK(histogram.bucket(index) == 1);
    CHECK(Histogram::upper_end(index) == index);
  }
}

TEST_CASE("values beyond the range count in the last bucket", "[histogram]") {
  Histogram histogram;
  histogram.record(std::uint64_t{1} << 40);
  histogram.record(UINT64_MAX);
  CHECK(histogram.bucket(Histogram::bucket_count - 1) == 2);
  CHECK(histogram.count() == 2);
  CHECK(histogram.max() == UINT64_MAX);
}

TEST_CASE("an empty histogram has nothing to tell", "[histogram]") {
  const Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.sum() == 0);
  CHECK(histogram.max() == 0);
  CHECK(histogram.percentile(500) == 0);
}

TEST_CASE("one value is every percentile", "[histogram]") {
  Histogram histogram;
  histogram.record(1'000'003);
  for (const std::uint32_t per_mille : {0u, 1u, 500u, 999u, 1000u}) CHECK(histogram.percentile(per_mille) == 1'000'003);
}

TEST_CASE("percentiles of random values are close from above", "[histogram]") {
  Rng rng(9);
  for (int round = 0; round < 50; ++round) {
    Histogram histogram;
    std::vector<std::uint64_t> values;
    std::uint64_t sum = 0;
    const std::uint64_t count = 1 + rng.below(2'000);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t value = rng.next() >> (24 + rng.below(40));
      values.push_back(value);
      sum += value;
      histogram.record(value);
    }
    std::ranges::sort(values);
    REQUIRE(histogram.count() == count);
    REQUIRE(histogram.sum() == sum);
    REQUIRE(histogram.max() == values.back());
    for (const std::uint32_t per_mille : {0u, 10u, 250u, 500u, 900u, 990u, 999u, 1000u}) {
      const std::uint64_t exact = true_percentile(values, per_mille);
      const std::uint64_t told = histogram.percentile(per_mille);
      REQUIRE(told >= exact);
      REQUIRE(told - exact <= exact / 16);
      REQUIRE(told <= histogram.max());
    }
  }
}

TEST_CASE("merging equals recording into one", "[histogram]") {
  Rng rng(10);
  Histogram left, right, both;
  for (int i = 0; i < 1'000; ++i) {
    const std::uint64_t value = rng.next() >> rng.below(60);
    (i % 3 == 0 ? left : right).record(value);
    both.record(value);
  }
  left.merge(right);
  CHECK(left.count() == both.count());
  CHECK(left.sum() == both.sum());
  CHECK(left.max() == both.max());
  for (std::uint32_t i = 0; i < Histogram::bucket_count; ++i) REQUIRE(left.bucket(i) == both.bucket(i));
  right.merge(Histogram());
  CHECK(right.count() == 666);
}
