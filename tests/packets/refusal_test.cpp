// Shows that a script which asks for what the bench cannot give is refused with the line and a sentence, instead of breaking an
// assertion of the engine or asking for memory without end.
#include <catch2/catch.hpp>

#include "packets/player.hpp"

using namespace penstock;
using namespace penstock::packets;

namespace {

std::string refusal_of(const std::string& text) {
  try {
    Player("a.pkt", text).play();
  } catch (const ScriptError& error) {
    return error.what();
  }
  return "";
}

struct Row {
  const char* script;
  const char* refusal;
};

constexpr Row rows[] = {
    {"", "a.pkt:1: the script does nothing"},
    {"# comment\nlistener port=0", "a.pkt:2: 'port' must be 1 to 65535"},
    {"listener port=4000 half_open_ms=3600001", "a.pkt:1: 'half_open_ms' must be 1 to 3600000"},
    {"listener port=4000 sessions=0", "a.pkt:1: 'sessions' must be 1 to 1024"},
    {"listener port=4000\nlistener port=4000", "a.pkt:2: two listeners have the same port"},
    {"node workers=5", "a.pkt:1: 'workers' must be 1 to 4"},
    {"node blocks=4000000000", "a.pkt:1: 'blocks' must be 1 to 4096"},
    {"node mtu=60", "a.pkt:1: 'mtu' must be 576 to 9000"},
    {"node routes=4000000000", "a.pkt:1: 'routes' must be 0 to 2"},
    {"node window_bytes=4000000000", "a.pkt:1: 'window_bytes' must be 4096 to 16777216"},
    {"impair queue=0", "a.pkt:1: 'queue' must be 1 to 4096"},
    {"stall worker=1", "a.pkt:1: there is no such worker"},
    {"< kcp push 4000000000*\"\"", "a.pkt:1: more data than a script may hold"},
    {"< kcp push run=0", "a.pkt:1: a run has 1 to 1000 segments"},
    {"< kcp push 3000*\"x\"", "a.pkt:1: a frame has 2048 B at most"},
    {"connect 3000*\"x\"", "a.pkt:1: a frame has 2048 B at most"},
    {"< kcp push pad=4000000000", "a.pkt:1: a frame is padded to 9000 B at most"},
    {"< arp sum=ip", "a.pkt:1: sum= is ip or udp, of a frame that has it"},
    {"< ip6 sum=ip", "a.pkt:1: sum= is ip or udp, of a frame that has it"},
    {"< ip4 \"x\" sum=udp", "a.pkt:1: sum= is ip or udp, of a frame that has it"},
    {"connect poke=l4+4:0009", "a.pkt:1: 'connect' takes conv=, from= and to= only"},
};

}  // namespace

TEST_CASE("a script that asks for too much is refused with its line") {
  for (const Row& row : rows) CHECK(refusal_of(row.script) == row.refusal);
}

TEST_CASE("a script that does not come to an end is stopped") {
  BenchSetup setup = BenchSetup::standard();
  setup.turns_max = 1'000;
  try {
    Player("a.pkt", "wait\nat 100000 wait", setup).play();
    FAIL("it came to an end");
  } catch (const ScriptError& error) {
    CHECK(std::string(error.what()) == "a.pkt:2: the node does not come to rest");
  }
}

TEST_CASE("what was handed over to a worker that stands still is no block lost") {
  Player("a.pkt", "node workers=2\nlistener port=4000\nstall worker=1\n< kcp push conv=8 from=192.0.2.200:5001").play();
}

TEST_CASE("what a service holds when the node ends is no block lost") {
  Player(
      "a.pkt",
      "node window_bytes=4096\nlistener port=4000 service=echo\n< kcp push ts=1 run=60 + push ts=2 + push ts=3\n> some")
      .play();
}
