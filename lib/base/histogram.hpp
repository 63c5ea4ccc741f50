// Histogram: counts of values in log-linear buckets, 16 a power of two, so that a percentile is off by at most 6.25 %.
//
// Recording is a shift and an add. One core writes; a snapshot is a copy. Values are whole units that the name tells
// (rtt_us), from 0 to 2^40 − 1; larger ones count in the last bucket.
#pragma once

#include <array>
#include <cstdint>

namespace penstock {

class Histogram {
 public:
  static constexpr std::uint32_t sub_buckets = 16;
  static constexpr std::uint32_t bucket_count = sub_buckets * 37;

  void record(std::uint64_t value);
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  std::uint64_t sum() const { return sum_; }
  std::uint64_t bucket(std::uint32_t index) const { return buckets_[index]; }
  // The upper end of the bucket in which the value at `per_mille` of a thousand lies, never above max(); 0 when empty.
  std::uint64_t percentile(std::uint32_t per_mille) const;
  // Bucket of a value, and the largest value that falls into a bucket.
  static std::uint32_t index_of(std::uint64_t value);
  static std::uint64_t upper_end(std::uint32_t index);

 private:
  std::array<std::uint64_t, bucket_count> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace penstock
