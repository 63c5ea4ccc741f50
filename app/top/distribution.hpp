// Distribution: the buckets of a histogram as penstock tells them, what came to them since, percentiles and bars. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "top/sample.hpp"

namespace penstock::top {

// Buckets by their largest value, ascending, with how many values fell into each.
struct Distribution {
  std::vector<std::uint64_t> upper;
  std::vector<std::uint64_t> counts;  // as many

  std::uint64_t total() const;
  // The largest value of the bucket in which the value at `per_mille` of a thousand lies; 0 when there is none.
  std::uint64_t percentile(std::uint32_t per_mille) const;
  std::uint64_t highest() const { return percentile(1000); }
};

// All that was recorded since start, or since the sample before when there is one.
Distribution distribution_of(const HistogramSample& now, const HistogramSample* before = nullptr);
// A value in the unit that the histogram's name tells.
std::string value_text(std::string_view histogram, std::uint64_t value);
// A line a power of two, the lowest first; neighbours together where there are more than `lines_max`. None when empty.
std::vector<std::string> bars(std::string_view histogram, const Distribution& distribution, std::size_t lines_max,
                              std::size_t columns_max);

}  // namespace penstock::top
