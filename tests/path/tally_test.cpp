// What a tally counts as resent, lost and spurious, and which delays it tells.
#include "path/tally.hpp"

#include <catch2/catch.hpp>

#include "diff/ledger.hpp"

namespace penstock::path {

namespace {

Instant at(std::int64_t us) { return Instant::at_us(us); }

}  // namespace

TEST_CASE("the copies after the first are resent, and spurious once an earlier one came across") {
  Tally tally(2);
  tally.on_handed(at(0));
  tally.on_handed(at(0));
  tally.on_sent(0, 100, at(10));
  tally.on_fate(0, 100, true);
  tally.on_sent(0, 100, at(30));
  tally.on_fate(0, 100, false);
  CHECK(tally.first().bytes == 100);
  CHECK(tally.resent().count == 1);
  CHECK(tally.lost().bytes == 100);
  CHECK(tally.spurious().count == 0);
  // Not needed, even though it is lost.
  tally.on_sent(0, 100, at(50));
  tally.on_fate(0, 100, true);
  CHECK(tally.spurious().count == 1);
  CHECK(tally.resent().bytes == 200);
  CHECK(tally.lost().count == 2);
}

TEST_CASE("delays are from the handing and from the first copy") {
  Tally tally(2);
  tally.on_handed(at(0));
  tally.on_handed(at(5));
  tally.on_sent(0, 10, at(20));
  tally.on_sent(1, 10, at(21));
  tally.on_fate(1, 10, false);
  CHECK_THROWS_AS(tally.on_delivered(at(40)), diff::Broken);  // 0 has not come across
  tally.on_sent(0, 10, at(50));
  tally.on_fate(0, 10, false);
  tally.on_delivered(at(60));
  tally.on_delivered(at(60));
  CHECK(tally.delays_from_handing_us() == std::vector<std::int64_t>{60, 55});
  CHECK(tally.delays_from_first_copy_us() == std::vector<std::int64_t>{40, 39});
  CHECK(tally.delivered() == 2);
}

TEST_CASE("what cannot be is an error") {
  Tally tally(1);
  CHECK_THROWS_AS(tally.on_sent(0, 10, at(0)), diff::Broken);
  tally.on_handed(at(0));
  CHECK_THROWS_AS(tally.on_handed(at(0)), diff::Broken);
  CHECK_THROWS_AS(tally.on_fate(1, 10, false), diff::Broken);
}

TEST_CASE("quantiles of few and of many values") {
  std::vector<std::int64_t> none, one = {7}, many;
  for (std::int64_t i = 1000; i > 0; --i) many.push_back(i);
  CHECK(quantile(none, 500) == 0);
  CHECK(quantile(one, 0) == 7);
  CHECK(quantile(one, 1000) == 7);
  CHECK(quantile(many, 500) == 501);
  CHECK(quantile(many, 990) == 991);
  CHECK(quantile(many, 1000) == 1000);
}

}  // namespace penstock::path
