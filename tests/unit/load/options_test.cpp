// Shows that the command line is taken strictly, with sentences that name the option, and what each shape makes of options
// that were not given.
#include "load/options.hpp"

#include <catch2/catch.hpp>
#include <sstream>

using namespace penstock;
using namespace penstock::load;

namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

Options taken(const std::string& line) {
  const auto options = parse_options(words_of("--lcores 0@1 -- --config l.toml --to 10.0.0.1:4000 " + line));
  INFO(line << ": " << (options ? "" : options.error()));
  REQUIRE(options);
  return *options;
}

std::string refused(const std::string& line) {
  const auto options = parse_options(words_of("-- --config l.toml --to 10.0.0.1:4000 " + line));
  return options ? "" : options.error();
}

}  // namespace

TEST_CASE("EAL's words stay apart, and servers of both families are taken", "[options]") {
  const auto options =
      parse_options(words_of("-l 1 --no-pci -- --config l.toml --to 10.0.0.1:4000 --to [fd77::1]:4001 --json"));
  REQUIRE(options);
  CHECK(options->eal_words == std::vector<std::string>{"-l", "1", "--no-pci"});
  CHECK(options->config_file == "l.toml");
  REQUIRE(options->to.size() == 2);
  CHECK(to_string(options->to[0]) == "10.0.0.1:4000");
  CHECK(to_string(options->to[1]) == "[fd77::1]:4001");
  CHECK(options->json);
  CHECK(options->action == Action::run);
}

TEST_CASE("help and version are given on either side and alone", "[options]") {
  for (const char* line : {"--help", "-h", "-- --help", "-l 1 -- --sessions 3 -h"}) {
    const auto options = parse_options(words_of(line));
    REQUIRE(options);
    CHECK(options->action == Action::help);
  }
  CHECK(parse_options(words_of("--version"))->action == Action::version);
  CHECK(help_text().ends_with("\n"));
}

TEST_CASE("a flood has a kind and a rate", "[options]") {
  CHECK(taken("").plan.flood == FloodKind::none);
  const Options options = taken("--flood newcomers --flood-rate 3000000");
  CHECK(options.plan.flood == FloodKind::newcomers);
  CHECK(options.plan.flood_rate == 3'000'000);
}

TEST_CASE("what is missing or not understood is named", "[options]") {
  CHECK(parse_options(words_of("-l 1")).error().starts_with("--config: "));
  CHECK(parse_options(words_of("-- --config l.toml")).error().starts_with("--to: "));
  for (const char* wrong : {"10.0.0.1", "10.0.0.1:0", "10.0.0.1:65536", "fd77::1:4000", "[10.0.0.1]:4000", "[fd77::1]",
                            "host:4000", ":4000", "10.0.0.1:4000x"}) {
    CHECK_FALSE(parse_endpoint(wrong));
  }
  CHECK(refused("--to nowhere:1").starts_with("--to: \"nowhere:1\""));
  CHECK(refused("--shape round").starts_with("--shape: there is no shape \"round\""));
  CHECK(refused("--pick fair").starts_with("--pick: there is no pick \"fair\""));
  CHECK(refused("--flood rain --flood-rate 1").starts_with("--flood: there is no flood \"rain\""));
  CHECK(refused("--flood invalid").starts_with("--flood-rate: is missing"));
  CHECK(refused("--flood-rate 5").starts_with("--flood-rate: is for --flood"));
  CHECK(refused("--flood unknown --flood-rate 0").starts_with("--flood-rate: 0 is not within"));
  CHECK(parse_options(words_of("-- --config l.toml --to [fd77::1]:4000 --flood invalid --flood-rate 5"))
            .error()
            .starts_with("--flood: needs an IPv4 server"));
  CHECK(refused("--bogus 3").find("--bogus") != std::string::npos);
  CHECK(refused("--seconds").find("--seconds") != std::string::npos);
  CHECK(refused("--sessions ten").find("--sessions") != std::string::npos);
  CHECK(refused("--sessions -1").find("--sessions") != std::string::npos);
}

TEST_CASE("numbers keep to their ranges", "[options]") {
  const auto [option, low, high] =
      GENERATE(table<std::string, std::uint64_t, std::uint64_t>({{"--sessions", 1, 16'777'216},
                                                                 {"--connect-rate", 1, 1'000'000'000},
                                                                 {"--connect-depth", 1, 4'194'304},
                                                                 {"--ramp-s", 0, 86'400},
                                                                 {"--warmup-s", 0, 86'400},
                                                                 {"--patience-s", 1, 3'600},
                                                                 {"--seconds", 1, 864'000},
                                                                 {"--think-us", 0, 3'600'000'000}}));
  CHECK(refused(option + " " + std::to_string(low)).empty());
  CHECK(refused(option + " " + std::to_string(high)).empty());
  CHECK(refused(option + " " + std::to_string(high + 1)).starts_with(option + ": "));
  if (low > 0) CHECK(refused(option + " 0").starts_with(option + ": 0 is not within"));
}

TEST_CASE("sizes are one or a range", "[options]") {
  CHECK(taken("--size 100").plan.size_max == 100);
  CHECK(taken("--size 1-1400").plan.size_min == 1);
  CHECK(taken("--size 1-1400").plan.size_max == 1400);
  for (const char* wrong : {"0", "9-8", "1-", "-8", "1-2-3", "x", "1000001", "1-1000001"}) {
    CHECK(refused(std::string("--size=") + wrong).starts_with("--size: "));
  }
}

TEST_CASE("a closed loop has one request of each session in flight, or fewer sessions", "[options]") {
  RunPlan plan = taken("--sessions 1000").plan;
  CHECK(plan.pick == Pick::same);
  CHECK(plan.depth == 1000);
  CHECK(plan.per_session == 1);
  CHECK(plan.active == 1000);
  CHECK(plan.requests_in_flight_max == 1000);
  CHECK(plan.seconds == 10);
  plan = taken("--sessions 1000 --depth 64").plan;
  CHECK(plan.active == 64);
  CHECK(plan.per_session == 1);
  plan = taken("--sessions 1000 --depth 4096").plan;
  CHECK(plan.active == 820);
  CHECK(plan.per_session == 5);
}

TEST_CASE("a loop that goes round the sessions has room for its depth", "[options]") {
  RunPlan plan = taken("--sessions 1000 --pick round-robin --depth 4096").plan;
  CHECK(plan.active == 1000);
  CHECK(plan.per_session == 5);
  CHECK(plan.requests_in_flight_max == 4096);
  plan = taken("--sessions 1000000 --pick round-robin --depth 4096 --active-fraction 0.01").plan;
  CHECK(plan.active == 10'000);
  CHECK(plan.per_session == 1);
  CHECK(taken("--pick uniform").plan.depth == 64);
  CHECK(refused("--sessions 10 --pick uniform --depth 100 --per-session 9").starts_with("--depth: "));
}

TEST_CASE("the other shapes' values when nothing is said", "[options]") {
  CHECK(taken("--shape open --rate 1000").plan.requests_in_flight_max == 65'536);
  CHECK(taken("--shape open --rate 1000").plan.pick == Pick::round_robin);
  CHECK(taken("--shape bulk --sessions 1").plan.per_session == 256);
  CHECK(taken("--shape slow --sessions 1").plan.think_us == 20'000);
  CHECK(taken("--shape churn").plan.per_session == 1);
  CHECK(taken("--shape burst --think-us 1000").plan.requests_in_flight_max == 65'536);
  CHECK(taken("--requests 5").plan.seconds == 3'600);
  CHECK(taken("--zipf 1.25 --pick zipf").plan.zipf_permille == 1250);
}

TEST_CASE("a run toward a sink is bulk of one size, bounded by the windows alone", "[options]") {
  const RunPlan plan = taken("--shape bulk --one-way --size 1376 --sessions 3").plan;
  CHECK(plan.one_way);
  CHECK(plan.requests_in_flight_max == 0);
  CHECK(plan.per_session > 65'536);
  CHECK_FALSE(taken("--shape bulk").plan.one_way);
  CHECK(refused("--one-way").starts_with("--one-way: is for --shape bulk"));
  CHECK(refused("--shape bulk --one-way --check-all").starts_with("--check-all: "));
  CHECK(refused("--shape bulk --one-way --depth 5").starts_with("--depth: with --one-way"));
  CHECK(refused("--shape bulk --one-way --per-session 5").starts_with("--per-session: with --one-way"));
  CHECK(refused("--shape bulk --one-way --size 8-64").starts_with("--size: with --one-way"));
  CHECK(refused("--shape bulk --one-way --size 7").starts_with("--size: with --one-way"));
  CHECK(refused("--shape bulk --one-way --size 8").empty());
}

TEST_CASE("options that contradict each other are refused", "[options]") {
  CHECK(refused("--shape open").starts_with("--rate: is missing"));
  CHECK(refused("--shape bulk --rate 5").starts_with("--rate: is not for"));
  CHECK(refused("--shape burst").starts_with("--think-us: is missing"));
  CHECK(refused("--shape open --rate 5 --pick same").starts_with("--pick: same"));
  CHECK(refused("--think-us 5 --sessions 2 --depth 4").starts_with("--think-us: "));
  CHECK(refused("--shape churn --sessions 10 --depth 11").starts_with("--depth: "));
  for (const char* wrong : {"0", "1.01", "-1", "nan", "x", "inf"}) {
    CHECK(refused(std::string("--active-fraction=") + wrong).starts_with("--active-fraction: "));
  }
  for (const char* wrong : {"0", "11", "nan"}) CHECK(refused(std::string("--zipf=") + wrong).starts_with("--zipf: "));
}
