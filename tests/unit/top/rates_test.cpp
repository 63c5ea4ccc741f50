// Shows that rates are taken over the workers' own time, and are not known where they cannot be.
#include "top/rates.hpp"

#include <catch2/catch.hpp>

#include "told.hpp"

using namespace penstock::top;
using namespace penstock::top::test;

namespace {

Sample at(unsigned seconds, const Wish& wish = {}) { return Told(seconds).sample(wish); }

}  // namespace

TEST_CASE("a worker's counters change by its own clock") {
  const Sample before = at(1), now = at(3);
  const Rates rates(now, &before);
  CHECK(rates.seconds() == 2);
  CHECK(rates.worker(0, "rx_packets") == 1000);
  CHECK(rates.worker(1, "rx_packets") == 2000);
  CHECK(rates.workers("rx_packets") == 3000);
  CHECK(rates.busy_percent(0) == 25);
  CHECK(rates.drop("udp_bad_checksum") == 10);
  CHECK(rates.drop("no_route") == 0);
  CHECK(rates.listener(0, "opened") == 4);
}

TEST_CASE("before the second sample no rate is known") {
  const Sample now = at(3);
  const Rates rates(now, nullptr);
  CHECK_FALSE(rates.seconds());
  CHECK_FALSE(rates.worker(0, "rx_packets"));
  CHECK_FALSE(rates.workers("rx_packets"));
  CHECK_FALSE(rates.busy_percent(0));
  CHECK_FALSE(rates.drop("no_route"));
  CHECK_FALSE(rates.listener(0, "opened"));
  CHECK_FALSE(rates.session("segments_sent"));
  CHECK(rates.histogram_before({.worker = 0, .name = "rtt_us"}) == nullptr);
}

TEST_CASE("counts that went back, and a snapshot that stands still, have no rate") {
  const Sample before = at(3), now = at(1);
  CHECK_FALSE(Rates(now, &before).worker(0, "rx_packets"));
  CHECK_FALSE(Rates(now, &before).drop("udp_bad_checksum"));
  const Sample same = at(3);
  CHECK_FALSE(Rates(same, &before).worker(0, "rx_packets"));
  CHECK_FALSE(Rates(same, &before).busy_percent(0));
}

TEST_CASE("what is not there has no rate") {
  const Sample before = at(1), now = at(2);
  const Rates rates(now, &before);
  CHECK_FALSE(rates.worker(0, "nobody"));
  CHECK_FALSE(rates.worker(7, "rx_packets"));
  CHECK_FALSE(rates.listener(7, "opened"));
  CHECK_FALSE(rates.drop("nobody"));
}

TEST_CASE("one worker that tells nothing leaves the sum unknown and the others' time") {
  Told told(3);
  told.answers.erase("/penstock/worker,0");
  const Sample before = at(1), now = told.sample();
  const Rates rates(now, &before);
  CHECK_FALSE(rates.workers("rx_packets"));
  CHECK(rates.worker(1, "rx_packets") == 2000);
  CHECK(rates.seconds() == 2);
}

TEST_CASE("a session changes by its own age, and another session is another") {
  const Wish wish{.session = 4'294'967'296};
  const Sample before = at(1, wish);
  Sample now = at(2, wish);
  CHECK(Rates(now, &before).session("segments_sent") == 50);
  now.session->fields = Counters();
  now.session->fields.add("id", 1);
  CHECK_FALSE(Rates(now, &before).session("segments_sent"));
}

TEST_CASE("a histogram's past is that of the same worker") {
  const Sample before = at(1, {.histograms = 0}), now = at(2, {.all_histograms = true});
  const Rates rates(now, &before);
  REQUIRE(rates.histogram_before(now.histograms[0]) != nullptr);
  CHECK(rates.histogram_before(now.histograms[0])->counts[0] == 11);
  CHECK(rates.histogram_before(now.histograms[3]) == nullptr);
}
