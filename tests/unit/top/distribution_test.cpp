// Shows that buckets give percentiles, what came since, and bars for any room. How: small distributions by hand, odd ones by
// chance.
#include "top/distribution.hpp"

#include <catch2/catch.hpp>
#include <limits>

using namespace penstock::top;

namespace {

HistogramSample histogram(std::vector<std::uint64_t> upper, std::vector<std::uint64_t> counts) {
  return {.worker = 0, .name = "rtt_us", .totals = {}, .upper = std::move(upper), .counts = std::move(counts)};
}

}  // namespace

TEST_CASE("percentiles are upper ends of buckets") {
  const Distribution values = distribution_of(histogram({1, 10, 100, 1000}, {50, 40, 9, 1}));
  CHECK(values.total() == 100);
  CHECK(values.percentile(0) == 1);
  CHECK(values.percentile(500) == 1);
  CHECK(values.percentile(501) == 10);
  CHECK(values.percentile(990) == 100);
  CHECK(values.percentile(999) == 1000);
  CHECK(values.highest() == 1000);
  CHECK(Distribution{}.percentile(500) == 0);
}

TEST_CASE("what came since the sample before") {
  const auto before = histogram({1, 100}, {50, 9});
  const Distribution since = distribution_of(histogram({1, 10, 100}, {60, 3, 9}), &before);
  CHECK(since.counts == std::vector<std::uint64_t>{10, 3, 0});
  CHECK(since.highest() == 10);
}

TEST_CASE("buckets that were folded together since count together") {
  const auto before = histogram({16, 17, 18, 40}, {1, 1, 1, 2});
  const Distribution since = distribution_of(histogram({17, 19, 41}, {4, 2, 2}), &before);
  CHECK(since.counts == std::vector<std::uint64_t>{2, 1, 0});
}

TEST_CASE("a histogram that went back has nothing new") {
  const auto before = histogram({1, 50}, {50, 3});
  CHECK(distribution_of(histogram({1}, {10}), &before).total() == 0);
}

TEST_CASE("bars stand for powers of two, to scale, empty ones between others included") {
  const auto lines = bars("rtt_us", distribution_of(histogram({3, 5, 7, 31}, {1, 2, 2, 4})), 10, 30);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "<=     3us       1  11.1% ##");
  CHECK(lines[1] == "<=     7us       4  44.4% ####");
  CHECK(lines[2] == "<=    15us       0   0.0% ");
  CHECK(lines[3] == "<=    31us       4  44.4% ####");
  CHECK(bars("burst_packets", distribution_of(histogram({3}, {1})), 10, 30)[0].starts_with("<=       3 "));
}

TEST_CASE("neighbours go together where there is no room, and nothing has no bars") {
  const auto all = histogram({0, 1, 3, 7, 15, 1023, ~std::uint64_t{0}}, {1, 1, 1, 1, 1, 1, 1});
  for (std::size_t lines = 1; lines < 70; ++lines) {
    for (const std::size_t columns : {0u, 5u, 26u, 27u, 80u}) {
      const auto shown = bars("rtt_us", distribution_of(all), lines, columns);
      CHECK(!shown.empty());
      CHECK(shown.size() <= lines);
      for (const std::string& line : shown) CHECK(line.size() <= columns);
    }
  }
  CHECK(bars("rtt_us", {}, 10, 80).empty());
  CHECK(bars("rtt_us", distribution_of(histogram({7}, {0})), 10, 80).empty());
}

TEST_CASE("counts of any size are drawn") {
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const auto huge = histogram({1, 2, most - 1, most}, {most, most, most, 1});
  CHECK(distribution_of(huge).percentile(999) >= 1);
  for (const std::string& line : bars("rtt_us", distribution_of(huge), 20, 80)) CHECK(line.size() <= 80);
}
