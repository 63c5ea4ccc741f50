// Shows that a report tells what was measured in the units its keys name, that its JSON is one line that programs can read,
// and in which order a run's failures are told.
#include "load/report.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>

using namespace penstock;
using namespace penstock::load;

namespace {

RunPlan plan_of() {
  RunPlan plan;
  plan.sessions = 100;
  return plan;
}

Results good_results() {
  Results results;
  results.connected = 100;
  results.connect_ns = 500'000'000;
  results.connect_rtt_ns.record(1000);
  results.measured_ns = 2'000'000'000;
  results.requests = 4000;
  results.payload_bytes = 256'000;
  for (std::uint64_t i = 1; i <= 4000; ++i) results.rtt_ns.record(i);
  results.traffic = {
      .tx_packets = 6000, .tx_bytes = 600'000, .rx_packets = 4000, .rx_bytes = 500'000, .segments_resent = 7};
  results.complete = true;
  return results;
}

// The value of a key in a line of JSON without nesting.
std::string value_of(const std::string& json, const std::string& key) {
  const std::string head = "\"" + key + "\":";
  const std::size_t found = json.find(head);
  REQUIRE(found != std::string::npos);
  const std::size_t begin = found + head.size();
  const std::size_t end = json[begin] == '"' ? json.find('"', begin + 1) + 1 : json.find_first_of(",}", begin);
  return json.substr(begin, end - begin);
}

}  // namespace

TEST_CASE("the JSON object is one line, its keys are told in the header, and its values have their units", "[report]") {
  const std::string json = json_of(plan_of(), good_results());
  CHECK(json.front() == '{');
  CHECK(json.back() == '}');
  CHECK(json.find('\n') == std::string::npos);
  CHECK(value_of(json, "shape") == "\"closed\"");
  CHECK(value_of(json, "requests") == "4000");
  CHECK(value_of(json, "requests_per_s") == "2000.000");
  CHECK(value_of(json, "connects_per_s") == "200.000");
  CHECK(value_of(json, "goodput_bits_per_s") == "1024000.000");
  CHECK(std::stoi(value_of(json, "rtt_p50_ns")) >= 2000);
  CHECK(std::stoi(value_of(json, "rtt_p50_ns")) <= 2125);
  CHECK(value_of(json, "rtt_max_ns") == "4000");
  CHECK(value_of(json, "rtt_mean_ns") == "2000");
  CHECK(value_of(json, "datagrams_out_per_request") == "1.500");
  CHECK(value_of(json, "bytes_out_per_request") == "150.000");
  CHECK(value_of(json, "bytes_in_per_request") == "125.000");
  CHECK(value_of(json, "retransmitted") == "7");
  CHECK(value_of(json, "ok") == "true");
  CHECK(value_of(json, "failure") == "\"\"");
  std::set<std::string> keys;
  for (std::size_t end = json.find("\":"); end != std::string::npos; end = json.find("\":", end + 1)) {
    const std::size_t begin = json.rfind('"', end - 1) + 1;
    CHECK(keys.insert(json.substr(begin, end - begin)).second);
  }
  CHECK(keys.size() == 39);
}

TEST_CASE("a run of nothing divides by nothing", "[report]") {
  const std::string json = json_of(plan_of(), Results());
  CHECK(value_of(json, "requests_per_s") == "0.000");
  CHECK(value_of(json, "bytes_in_per_request") == "0.000");
  CHECK(value_of(json, "rtt_mean_ns") == "0");
  CHECK(value_of(json, "ok") == "false");
  CHECK(text_of(plan_of(), Results()).find("FAILED: the run was interrupted") != std::string::npos);
}

TEST_CASE("what failed is told, the worst first", "[report]") {
  RunPlan plan = plan_of();
  Results results = good_results();
  CHECK(results.ok(plan));
  plan.requests = 4001;
  CHECK(results.failure(plan) == "4000 of 4001 requests were answered");
  plan.requests = 0;
  results.connected = 99;
  CHECK(results.failure(plan) == "99 of 100 sessions were connected");
  plan.shape = ShapeKind::churn;
  CHECK(results.ok(plan));
  plan.shape = ShapeKind::closed;
  results.closed_early = 2;
  CHECK(results.failure(plan) == "2 sessions ended before their time");
  results.lost = 3;
  CHECK(results.failure(plan) == "3 requests had no answer");
  results.complete = false;
  results.stopped_by = "answers stopped coming";
  CHECK(results.failure(plan) == "answers stopped coming");
  results.mismatches = 4;
  CHECK(results.failure(plan) == "4 answers were not what was sent");
}

TEST_CASE("no answer at all is a failure, but in the shape that asks nothing", "[report]") {
  RunPlan plan = plan_of();
  Results results = good_results();
  results.requests = 0;
  CHECK_FALSE(results.ok(plan));
  plan.shape = ShapeKind::idle;
  CHECK(results.ok(plan));
}

TEST_CASE("a flood is told by what was sent and what was not, and one that sent nothing is a failure", "[report]") {
  RunPlan plan = plan_of();
  plan.flood = FloodKind::unproven;
  Results results = good_results();
  CHECK(results.failure(plan) == "the flood sent nothing");
  results.flood_sent = 3000;
  results.flood_missed = 500;
  CHECK(results.ok(plan));
  const std::string json = json_of(plan, results);
  CHECK(value_of(json, "flood") == "\"unproven\"");
  CHECK(value_of(json, "flood_per_s") == "1500.000");
  CHECK(value_of(json, "flood_missed_per_s") == "250.000");
  CHECK(text_of(plan, results).find("unproven: 3000 frames sent, 1500/s; 500 missed") != std::string::npos);
}

TEST_CASE("the text says the same in words", "[report]") {
  RunPlan plan = plan_of();
  plan.check_all = true;
  Results results = good_results();
  results.checked = 100;
  const std::string text = text_of(plan, results);
  for (const char* part : {"100 sessions in 0.500 s, 200/s", "checked      100 sessions",
                           "answered     4000 in 2.000 s, 2000/s", "1.024 Mbit/s", "max 4000 ns",
                           "1.50 datagrams and 150 B out", "7 retransmitted", "good: every byte was compared"}) {
    INFO(part);
    CHECK(text.find(part) != std::string::npos);
  }
}
