// Shows that a sample holds what was wished for and asks for no more, and that one part that is missing costs only itself.
#include "top/collector.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "told.hpp"

using namespace penstock::top;
using namespace penstock::top::test;

TEST_CASE("a sample without wishes asks for the counters only") {
  Told told;
  const Sample sample = told.sample();
  CHECK(told.asked == std::vector<std::string>{"/penstock/info", "/penstock/worker,0", "/penstock/worker,1",
                                               "/penstock/port,0", "/penstock/drops", "/penstock/listener,0",
                                               "/penstock/listener,1"});
  CHECK(sample.version == "1.2.3");
  CHECK(sample.sessions == 30);
  CHECK(sample.sessions_max == 2048);
  REQUIRE(sample.ports.size() == 1);
  CHECK(sample.ports[0].name == "net_null0");
  CHECK(sample.ports[0].driver == "net_null");
  CHECK(sample.ports[0].counters.of("rx_missed") == 77);
  REQUIRE(sample.workers.size() == 2);
  CHECK(sample.workers[1].of("sessions") == 20);
  REQUIRE(sample.listeners.size() == 2);
  CHECK(sample.listeners[1].name == "bulk");
  CHECK(sample.listeners[1].counters.of("opened") == 10);
  CHECK(sample.drops.of("no_route") == 3);
  CHECK(sample.sessions_top.empty());
  CHECK(sample.histograms.empty());
}

TEST_CASE("histograms of one worker, or of all") {
  Told told;
  Sample sample = told.sample({.histograms = 1});
  REQUIRE(sample.histograms.size() == 3);
  CHECK(sample.histograms[0].worker == 1);
  CHECK(sample.histograms[0].name == "rtt_us");
  CHECK(sample.histograms[0].upper == std::vector<std::uint64_t>{7, 1023});
  sample = told.sample({.all_histograms = true});
  CHECK(sample.histograms.size() == 6);
}

TEST_CASE("histograms whose buckets do not fit each other are left out") {
  Told told;
  told.say("/penstock/histogram,0,rtt_us", R"("upper":[1,2],"counts":[1])");
  told.say("/penstock/histogram,0,burst_packets", R"("upper":[2,1],"counts":[1,1])");
  told.say("/penstock/histogram,0,turn_gap_us", R"("upper":[1,1],"counts":[1,1])");
  CHECK(told.sample({.histograms = 0}).histograms.empty());
}

TEST_CASE("the sessions at the top of all workers") {
  Told told;
  Sample sample = told.sample({.sessions = By::rtt});
  CHECK(std::ranges::find(told.asked, "/penstock/top,1,rtt") != told.asked.end());
  REQUIRE(sample.sessions_top.size() == 3);
  CHECK(sample.sessions_top[1].fields.of("id") == 4'294'967'297);
  CHECK(sample.sessions_top[2].worker == 1);
  CHECK(sample.sessions_top[2].remote.empty());
  CHECK(sample.survey.ready);
  CHECK(sample.survey.looked_at == 21);
  CHECK(sample.survey.age_us == 101);
  sample = told.sample({.sessions = By::rate, .addresses = true});
  CHECK(sample.sessions_top[2].remote == "[fd00::9]:3");
}

TEST_CASE("a worker that has not looked at its sessions yet has none to tell") {
  Told told;
  told.say("/penstock/top,1,rate", R"("ready":0,"id":[])");
  const Sample sample = told.sample({.sessions = By::rate});
  CHECK_FALSE(sample.survey.ready);
  CHECK(sample.sessions_top.size() == 2);
}

TEST_CASE("columns that have not an element a session tell nothing") {
  Told told;
  told.say("/penstock/top,0,rate", R"("ready":1,"id":[5,6],"conv":[1],"srtt_us":[3,4])");
  const Sample sample = told.sample({.sessions = By::rate});
  CHECK_FALSE(sample.sessions_top[0].fields.find("conv"));
  CHECK(sample.sessions_top[1].fields.of("srtt_us") == 4);
}

TEST_CASE("one session, and one that is gone") {
  Told told;
  CHECK(told.sample({.session = 4'294'967'296}).session->fields.of("conv") == 7);
  told.say("/penstock/session,5", R"("error":"no such session")");
  CHECK_FALSE(told.sample({.session = 5}).session);
}

TEST_CASE("one part that is missing costs only itself") {
  Told told;
  told.say("/penstock/worker,0", R"("error":"busy: the worker did not answer in time")");
  told.answers["/penstock/drops"] = "garbage";
  told.answers.erase("/penstock/top,0,rate");
  const Sample sample = told.sample({.sessions = By::rate});
  CHECK(sample.workers[0].empty());
  CHECK(sample.workers[1].of("sessions") == 20);
  CHECK(sample.drops.empty());
  CHECK_FALSE(sample.survey.ready);
}

TEST_CASE("a worker that is busy is asked once more") {
  Told told;
  int busy = 1;
  const Ask whole = told.ask();
  const Ask sometimes = [&](std::string_view command) -> std::expected<Reply, Fault> {
    if (command == "/penstock/top,1,rate" && busy-- > 0)
      return std::unexpected(Fault{Fault::Kind::refused, "busy: the worker did not answer in time"});
    return whole(command);
  };
  const Wish wish{.sessions = By::rate};
  CHECK(collect(sometimes, wish)->survey.ready);
  busy = 2;
  const auto sample = collect(sometimes, wish);
  CHECK_FALSE(sample->survey.ready);
  CHECK(sample->survey.busy);
  CHECK(sample->sessions_top.size() == 2);
}

TEST_CASE("without its description it is no penstock") {
  Told told;
  told.answers.erase("/penstock/info");
  const auto sample = collect(told.ask(), {});
  REQUIRE_FALSE(sample.has_value());
  CHECK(sample.error().kind == Fault::Kind::unknown);
}

TEST_CASE("a connection that breaks ends the sample wherever it is") {
  for (const std::size_t break_at : {0u, 1u, 2u, 3u, 4u, 6u, 8u, 11u}) {
    Told told;
    const Ask whole = told.ask();
    const Ask breaking = [&](std::string_view command) -> std::expected<Reply, Fault> {
      if (told.asked.size() == break_at) return std::unexpected(Fault{Fault::Kind::ended, "penstock has ended"});
      return whole(command);
    };
    const auto sample = collect(breaking, {.sessions = By::rate, .session = 1, .histograms = 0});
    REQUIRE_FALSE(sample.has_value());
    CHECK(sample.error().kind == Fault::Kind::ended);
    CHECK(told.asked.size() == break_at);
  }
}

TEST_CASE("what a penstock claims to have is bounded") {
  Told told;
  told.say("/penstock/info", R"("workers":18446744073709551615,"listeners":[])");
  CHECK(told.sample().workers.size() == workers_max);
}
