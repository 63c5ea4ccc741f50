// Shows that numbers fit a narrow column and keep three digits that mean something. How: rows of value and text.
#include "top/number_text.hpp"

#include <catch2/catch.hpp>
#include <limits>

using namespace penstock::top;

TEST_CASE("counts are written out or scaled") {
  CHECK(count_text(0u) == "0");
  CHECK(count_text(99'999u) == "99999");
  CHECK(count_text(100'000u) == "100k");
  CHECK(count_text(999'499u) == "999k");
  CHECK(count_text(999'500u) == "1.00M");
  CHECK(count_text(1'234'567u) == "1.23M");
  CHECK(count_text(std::numeric_limits<std::uint64_t>::max()) == "18.4E");
  CHECK(count_text(std::optional<std::uint64_t>()) == "-");
}

TEST_CASE("rates are scaled, and what is no rate is a dash") {
  CHECK(rate_text(0.0) == "0");
  CHECK(rate_text(0.25) == "0.25");
  CHECK(rate_text(9.994) == "9.99");
  CHECK(rate_text(9.996) == "10.0");
  CHECK(rate_text(99.96) == "100");
  CHECK(rate_text(1234.0) == "1.23k");
  CHECK(rate_text(std::nullopt) == "-");
  CHECK(rate_text(-1.0) == "-");
  CHECK(rate_text(std::numeric_limits<double>::infinity()) == "-");
  CHECK(rate_text(std::numeric_limits<double>::quiet_NaN()) == "-");
}

TEST_CASE("spans of time have the unit that suits them") {
  CHECK(time_text(0) == "0");
  CHECK(time_text(999) == "999us");
  CHECK(time_text(1250) == "1.25ms");
  CHECK(time_text(999'499) == "999ms");
  CHECK(time_text(12'500'000) == "12.5s");
  CHECK(time_text(307'000'000) == "5m07s");
  CHECK(time_text(11'520'000'000) == "3h12m");
  CHECK(time_text(std::uint64_t{86'400'000'000} * 12 + std::uint64_t{3'600'000'000} * 3) == "12d03h");
}

TEST_CASE("nothing is wider than its column") {
  for (unsigned bits = 0; bits < 64; ++bits) {
    for (const std::uint64_t value : {std::uint64_t{1} << bits, (std::uint64_t{1} << bits) - 1}) {
      CHECK(count_text(value).size() <= 7);
      CHECK(rate_text(static_cast<double>(value)).size() <= 7);
    }
  }
}
