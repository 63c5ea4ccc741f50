// Shows when the service manager hears READY, WATCHDOG, STATUS and STOPPING, and above all when not: a node is not ready
// before each worker turned and its links are known, and a single worker without progress starves the watchdog.
// How: time and tidings are played by hand.
#include "runtime/herald.hpp"

#include <array>
#include <catch2/catch.hpp>

using namespace penstock;
using namespace penstock::runtime;

namespace {

const Instant start = Instant::at_us(1'000'000);
constexpr Duration watchdog = Duration::seconds(10);
constexpr Duration drain = Duration::seconds(20);

struct Node {
  std::array<std::uint64_t, 2> turns{5, 7};
  Tidings tidings{.links_settled = true, .turns = turns};
  Herald herald{watchdog, drain};

  // What is sent at `now`, and taken.
  std::string hear(Instant now) {
    if (!herald.due(now, tidings.ending)) return "";
    std::string lines = herald.lines(now, tidings);
    if (!lines.empty()) herald.sent();
    return lines;
  }
  void all_turn() {
    for (auto& count : turns) ++count;
  }
};

}  // namespace

TEST_CASE("a node is ready when every worker turned and the links are known", "[herald]") {
  Node node;
  node.turns = {5, 0};
  CHECK(node.hear(start) == "");
  node.turns = {5, 1};
  node.tidings.links_settled = false;
  CHECK(node.hear(start + Duration::ms(100)) == "");
  node.tidings.links_settled = true;
  CHECK(node.hear(start + Duration::ms(200)) == "READY=1\nSTATUS=serving: 0 sessions, 2 workers");
  node.all_turn();
  CHECK(node.hear(start + Duration::ms(300)) == "");
}

TEST_CASE("the status tells sessions and links that are down, each few seconds", "[herald]") {
  Node node;
  node.tidings.sessions = 1;
  node.tidings.links_down = 2;
  CHECK(node.hear(start) == "READY=1\nSTATUS=serving: 1 session, 2 workers, 2 links down");
  node.tidings.sessions = 3;
  node.tidings.links_down = 1;
  CHECK(node.hear(start + Herald::status_interval - Duration::us(1)) == "");
  CHECK(node.hear(start + Herald::status_interval) == "STATUS=serving: 3 sessions, 2 workers, 1 link down");
}

TEST_CASE("the watchdog is fed at half of its time while all workers turn", "[herald]") {
  Node node;
  Instant now = start;
  node.hear(now);
  for (int feed = 0; feed < 3; ++feed) {
    node.all_turn();
    CHECK(node.hear(now + watchdog / 2 - Duration::us(1)).find("WATCHDOG") == std::string::npos);
    now = now + watchdog / 2;
    CHECK(node.hear(now).starts_with("WATCHDOG=1\nSTATUS=serving"));
  }
}

TEST_CASE("a single worker that is stuck starves the watchdog until it turns again", "[herald]") {
  Node node;
  node.hear(start);
  // The first worker goes on, the second does not.
  for (int tenth = 1; tenth < 300; ++tenth) {
    ++node.turns[0];
    const Instant now = start + Duration::ms(100 * tenth);
    CHECK(node.hear(now).find("WATCHDOG") == std::string::npos);
    const auto stuck = node.herald.stuck(now, node.tidings);
    CHECK(stuck.empty() == (tenth < 75));
    if (!stuck.empty()) CHECK(stuck == std::vector<std::size_t>{1});
  }
  ++node.turns[1];
  CHECK(node.hear(start + Duration::seconds(30)).starts_with("WATCHDOG=1\n"));
  CHECK(node.herald.stuck(start + Duration::seconds(30), node.tidings).empty());
  // What it did before the last feed does not count again.
  ++node.turns[0];
  CHECK(node.hear(start + Duration::seconds(36)).find("WATCHDOG") == std::string::npos);
}

TEST_CASE("without a watchdog none is fed, and nobody is called stuck", "[herald]") {
  Node node;
  node.herald = Herald(Duration::max(), drain);
  node.hear(start);
  for (int second = 1; second < 100; ++second) {
    const Instant now = start + Duration::seconds(second);
    CHECK(node.hear(now).find("WATCHDOG") == std::string::npos);
    CHECK(node.herald.stuck(now, node.tidings).empty());
  }
}

TEST_CASE("the stop is told once, with the time that it may take", "[herald]") {
  Node node;
  node.hear(start);
  node.tidings.ending = true;
  node.tidings.sessions = 4;
  CHECK(node.hear(start + Duration::ms(10)) ==
        "STOPPING=1\nEXTEND_TIMEOUT_USEC=35000000\nSTATUS=stopping: 4 sessions, 2 workers");
  CHECK(node.hear(start + Duration::ms(20)) == "");
  node.tidings.sessions = 1;
  CHECK(
      node.hear(start + Duration::ms(10) + Herald::status_interval).ends_with("STATUS=stopping: 1 session, 2 workers"));
}

TEST_CASE("a node that ends before it was ready never says that it is", "[herald]") {
  Node node;
  node.turns = {0, 0};
  CHECK(node.hear(start) == "");
  node.tidings.ending = true;
  CHECK(node.hear(start + Duration::ms(10)).starts_with("STOPPING=1\n"));
  node.all_turn();
  CHECK(node.hear(start + Duration::seconds(60)) == "");
}

TEST_CASE("lines that were not taken are given again", "[herald]") {
  Node node;
  CHECK(node.herald.lines(start, node.tidings).starts_with("READY=1"));
  CHECK(node.herald.due(start + Duration::ms(100), false));
  CHECK(node.hear(start + Duration::ms(100)).starts_with("READY=1"));
  node.all_turn();
  CHECK(node.herald.lines(start + watchdog, node.tidings).starts_with("WATCHDOG=1"));
  CHECK(node.hear(start + watchdog).starts_with("WATCHDOG=1"));
  node.tidings.ending = true;
  CHECK(node.herald.lines(start + watchdog, node.tidings).starts_with("STOPPING=1"));
  CHECK(node.hear(start + watchdog).starts_with("STOPPING=1"));
}
