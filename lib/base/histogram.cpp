#include "base/histogram.hpp"

#include <algorithm>

namespace penstock {

std::uint64_t Histogram::upper_end(std::uint32_t index) {
  if (index < sub_buckets) return index;
  const std::uint32_t octave = index / sub_buckets - 1;
  const std::uint64_t low = std::uint64_t{sub_buckets + index % sub_buckets} << octave;
  return low + (std::uint64_t{1} << octave) - 1;
}

void Histogram::merge(const Histogram& other) {
  for (std::uint32_t i = 0; i < bucket_count; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

std::uint64_t Histogram::percentile(std::uint32_t per_mille) const {
  if (count_ == 0) return 0;
  const std::uint64_t rank = std::max<std::uint64_t>(1, (count_ * per_mille + 999) / 1000);
  std::uint64_t seen = 0;
  for (std::uint32_t i = 0; i < bucket_count; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(upper_end(i), max_);
  }
  return max_;
}

}  // namespace penstock
