// Shows that a batch tells by text and by JSON what was sampled; the JSON is read back.
#include "top/batch.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "told.hpp"

using namespace penstock::top;
using namespace penstock::top::test;

namespace {

const Instance edge1{"edge1", "/var/run/dpdk/edge1/dpdk_telemetry.v2"};
const Wish everything{.sessions = By::rate, .all_histograms = true, .addresses = true};

}  // namespace

TEST_CASE("a text holds the tables, and ends with an empty line") {
  const Sample before = Told(1).sample(everything), now = Told(2).sample(everything);
  const std::string text = text_of(edge1, Rates(now, &before), By::rtt);
  CHECK(text.starts_with("edge1 20"));
  for (const char* part : {"over 1.00 s: 30 of 2048 sessions\n", "port      link", "worker busy%", "2.00k",
                           "listener sessions", "bulk", "udp_bad_checksum", "4294967297", "[fd00::9]:3"}) {
    INFO(part);
    CHECK(text.find(part) != std::string::npos);
  }
  CHECK(text.ends_with("\n\n"));
  CHECK(text.find(" \n") == std::string::npos);
  // By round trip time.
  CHECK(text.find("90.0ms") < text.find("3.00ms"));
}

TEST_CASE("a text of a penstock that is quiet and young") {
  Told told;
  told.say("/penstock/drops", R"("no_route":0)");
  told.say("/penstock/top,0,rate", R"("ready":0)");
  told.say("/penstock/top,1,rate", R"("ready":0)");
  const Sample now = told.sample({.sessions = By::rate});
  const std::string text = text_of(edge1, Rates(now, nullptr), By::rate);
  CHECK(text.find("over - s") != std::string::npos);
  CHECK(text.find("nothing was dropped") != std::string::npos);
  CHECK(text.find("the workers look at their sessions") != std::string::npos);
}

TEST_CASE("a document holds everything, with rates where they are known") {
  const Sample before = Told(1).sample(everything), now = Told(2).sample(everything);
  const std::string line = json_of(edge1, Rates(now, &before), By::rate);
  CHECK(line.find('\n') == line.size() - 1);
  const auto document = nlohmann::json::parse(line);
  CHECK(document["instance"] == "edge1");
  CHECK(document["socket"] == edge1.path);
  CHECK(document["time_us"] == now.wall_us);
  CHECK(document["seconds"] == 1.0);
  CHECK(document["penstock"]["sessions_max"] == 2048);
  CHECK(document["ports"][0]["name"] == "net_null0");
  CHECK(document["ports"][0]["driver"] == "net_null");
  CHECK(document["ports"][0]["counters"]["mtu"] == 1400);
  CHECK(document["workers"][1]["counters"]["rx_packets"] == 4000);
  CHECK(document["workers"][1]["per_s"]["rx_packets"] == 2000.0);
  CHECK(document["workers"][0]["busy_percent"] == 25.0);
  CHECK(document["listeners"][0]["name"] == "echo");
  CHECK(document["listeners"][0]["per_s"]["closed_idle"] == 1.0);
  CHECK(document["drops"]["total"]["udp_bad_checksum"] == 20);
  CHECK(document["drops"]["per_s"]["udp_bad_checksum"] == 10.0);
  CHECK(document["survey"]["by"] == "rate");
  CHECK(document["survey"]["ready"] == true);
  CHECK(document["sessions"].size() == 3);
  CHECK(document["sessions"][2]["remote"] == "[fd00::9]:3");
  CHECK(document["histograms"].size() == 6);
  CHECK(document["histograms"][3]["worker"] == 1);
  CHECK(document["histograms"][3]["counts"] == std::vector<int>{12, 2});
}

TEST_CASE("what is not known is not in the document") {
  const Sample now = Told(2).sample();
  const auto document = nlohmann::json::parse(json_of(edge1, Rates(now, nullptr), By::rate));
  CHECK_FALSE(document.contains("seconds"));
  CHECK(document["workers"][0]["per_s"].empty());
  CHECK_FALSE(document["workers"][0].contains("busy_percent"));
}
