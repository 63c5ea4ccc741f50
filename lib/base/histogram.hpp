// Histogram: counts of values in log-linear buckets, 16 a power of two, so that a percentile is off by at most 6.25 %.
//
// Recording is a shift and an add. One core writes; a snapshot is a copy. Values are whole units that the name tells
// (rtt_us), from 0 to 2^40 − 1; larger ones count in the last bucket.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
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

inline std::uint32_t Histogram::index_of(std::uint64_t value) {
  if (value < sub_buckets) return static_cast<std::uint32_t>(value);
  const auto octave = static_cast<std::uint32_t>(std::bit_width(value)) - 5;  // 0 for 16 … 31
  const auto sub = static_cast<std::uint32_t>(value >> octave) & (sub_buckets - 1);
  return std::min((octave + 1) * sub_buckets + sub, bucket_count - 1);
}

inline void Histogram::record(std::uint64_t value) {
  ++buckets_[index_of(value)];
  ++count_;
  sum_ += value;
  max_ = std::max(max_, value);
}

}  // namespace penstock
