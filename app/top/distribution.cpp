#include "top/distribution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "top/number_text.hpp"

namespace penstock::top {

namespace {

struct Bar {
  std::uint64_t upper = 0;
  std::uint64_t count = 0;
};

// Groups of `octaves` powers of two, empty ones between others included, so that the shape is to scale.
std::vector<Bar> group(const Distribution& distribution, unsigned octaves) {
  std::vector<Bar> groups;
  unsigned last = 0;
  for (std::size_t i = 0; i < distribution.upper.size(); ++i) {
    if (distribution.counts[i] == 0) continue;
    const unsigned place = static_cast<unsigned>(std::bit_width(distribution.upper[i])) / octaves;
    while (groups.empty() || last < place) {
      last = groups.empty() ? place : last + 1;
      const unsigned bits = std::min((last + 1) * octaves - 1, 64u);
      groups.push_back({.upper = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1});
    }
    groups.back().count += distribution.counts[i];
  }
  return groups;
}

}  // namespace

std::uint64_t Distribution::total() const { return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}); }

std::uint64_t Distribution::percentile(std::uint32_t per_mille) const {
  // In floating point, as what a peer claims may not fit a product.
  const double wanted = static_cast<double>(total()) * per_mille / 1000;
  double seen = 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < upper.size(); ++i) {
    if (counts[i] == 0) continue;
    value = upper[i];
    seen += static_cast<double>(counts[i]);
    if (seen >= wanted) return value;
  }
  return value;
}

Distribution distribution_of(const HistogramSample& now, const HistogramSample* before) {
  Distribution distribution{.upper = now.upper, .counts = now.counts};
  if (before == nullptr) return distribution;
  // Buckets that were apart a sample ago may have been folded together since, never the other way round.
  for (std::size_t i = 0; i < before->upper.size(); ++i) {
    const auto bucket = std::ranges::lower_bound(distribution.upper, before->upper[i]);
    if (bucket == distribution.upper.end()) continue;
    std::uint64_t& count = distribution.counts[static_cast<std::size_t>(bucket - distribution.upper.begin())];
    count -= std::min(count, before->counts[i]);
  }
  return distribution;
}

std::string value_text(std::string_view histogram, std::uint64_t value) {
  return histogram.ends_with("_us") ? time_text(value) : count_text(value);
}

std::vector<std::string> bars(std::string_view histogram, const Distribution& distribution, std::size_t lines_max,
                              std::size_t columns_max) {
  std::vector<Bar> groups = group(distribution, 1);
  for (unsigned octaves = 2; groups.size() > std::max<std::size_t>(lines_max, 1) && octaves <= 64; octaves *= 2)
    groups = group(distribution, octaves);
  const std::uint64_t total = std::max<std::uint64_t>(distribution.total(), 1);
  std::uint64_t most = 1;
  for (const Bar& bar : groups) most = std::max(most, bar.count);
  // "<= 8.19ms  1.23M  12.3% ": what stands before the bar.
  constexpr std::size_t text_columns = 26;
  const std::size_t room = columns_max > text_columns ? columns_max - text_columns : 0;
  std::vector<std::string> lines;
  for (const Bar& bar : groups) {
    const double share = static_cast<double>(bar.count) / static_cast<double>(total);
    const double length = static_cast<double>(bar.count) / static_cast<double>(most) * static_cast<double>(room);
    std::string line = fmt::format("<= {:>7} {:>7} {:>5.1f}% ", value_text(histogram, bar.upper), count_text(bar.count),
                                   std::min(share, 1.0) * 100);
    line.append(std::min(room, static_cast<std::size_t>(length + (bar.count > 0 ? 1 : 0))), '#');
    line.resize(std::min(line.size(), columns_max));
    lines.push_back(std::move(line));
    if (lines.size() == lines_max) break;
  }
  return lines;
}

}  // namespace penstock::top
