// Shows that a run goes through its phases by itself and ends, and above all what the client notices: wrong bytes, cut and
// strange messages, lost answers, silent servers, and sessions that end.
// How: the client against penstock's echo, or a server that cheats, over a line in virtual time. campaign_test.cpp shows
// the shapes.
#include "load/client.hpp"

#include <catch2/catch.hpp>

#include "load_pair.hpp"

using namespace penstock;
using namespace penstock::load;
using namespace penstock::load::test;

namespace {

// An echo that sends back what `twist` makes of its n-th message.
class Cheat final : public Application {
 public:
  std::function<void(Bytes& message, int number)> twist = [](Bytes&, int) {};
  int answers_max = 1 << 30;

  void on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant) override {
    for (const ConnectionEvent& event : events) {
      Connection connection = connections.get(event.id);
      if (event.kind != ConnectionEvent::Kind::readable || !connection) continue;
      while (connection.receivable()) answer(connections, connection);
    }
  }

 private:
  void answer(Connections& connections, Connection connection) {
    Bytes message;
    for (bool ends = false; !ends;) {
      const auto received = connection.receive();
      message.insert(message.end(), received->bytes.bytes().begin(), received->bytes.bytes().end());
      ends = received->message_ends;
    }
    if (count_ >= answers_max) return;
    twist(message, count_++);
    SegmentQueue queue = connections.make_message();
    Segment bytes = connections.allocate(static_cast<std::uint32_t>(message.size()));
    std::ranges::copy(message, bytes.writable().begin());
    REQUIRE(queue.push_back(std::move(bytes)));
    REQUIRE(connection.send(queue) == SendResult::accepted);
  }
  int count_ = 0;
};

// Sends something on its own account.
void send_unasked(Connections& connections, SessionId id) {
  SegmentQueue message = connections.make_message();
  Segment bytes = connections.allocate(64);
  std::ranges::fill(bytes.writable(), std::uint8_t{1});
  REQUIRE(message.push_back(std::move(bytes)));
  REQUIRE(connections.get(id).send(message) == SendResult::accepted);
}

}  // namespace

TEST_CASE("sessions of both families are connected from their prefixes and asked in a closed loop", "[load]") {
  RunPlan plan = small_plan();
  plan.check_all = true;
  plan.size_min = 1;
  plan.size_max = 5000;
  LoadPair pair(plan);
  pair.run();
  CHECK(pair.failure().empty());
  CHECK(pair.results.complete);
  CHECK(pair.results.connected == 20);
  CHECK(pair.results.checked == 20);
  CHECK(pair.results.connect_rtt_ns.count() == 18);  // without the first one of each target
  CHECK(pair.results.requests > 1000);
  CHECK(pair.results.rtt_ns.count() == pair.results.requests);
  // Each way takes 50 us.
  CHECK(pair.results.rtt_ns.percentile(500) >= 100'000);
  CHECK(pair.results.rtt_ns.percentile(500) < 200'000);
  CHECK(pair.results.measured_ns >= 1'000'000'000);
  CHECK(pair.results.traffic.segments_resent == 0);
  CHECK(pair.results.payload_bytes > pair.results.requests * 2000);
  CHECK(pair.progress.connections == 20);
  CHECK(pair.progress.in_flight == 0);
  // Half of the sessions came from each prefix, each from an address of its own.
  std::ptrdiff_t of_v4 = 0;
  std::vector<net::IpAddress> seen;
  const auto& sessions = pair.server.worker->world().sessions;
  for (std::uint32_t i = 0; i < sessions.capacity(); ++i) {
    if (!sessions.is_open(i)) continue;
    const net::IpAddress& from = sessions[i].path.remote.address;
    CHECK((client_prefix.contains(from) || client_prefix6.contains(from)));
    of_v4 += from.is_v4() ? 1 : 0;
    seen.push_back(from);
  }
  std::ranges::sort(seen);
  CHECK(std::ranges::adjacent_find(seen) == seen.end());
  CHECK(seen.size() == 20);
  CHECK(of_v4 == 10);
}

TEST_CASE("addresses go on across bytes, and begin anew where a prefix ends", "[load]") {
  const RunPlan plan = small_plan(ShapeKind::idle, 6);
  LoadPair pair(plan);
  pair.run(Duration::seconds(60), {{{server_address, 4000}, net::IpAddress::v4(10, 200, 255, 254), 4}});
  CHECK(pair.results.ok(plan));
  std::vector<std::string> seen;
  const auto& sessions = pair.server.worker->world().sessions;
  for (std::uint32_t i = 0; i < 6; ++i) {
    seen.push_back(to_string(sessions[i].path.remote.address) + " " + std::to_string(sessions[i].conv));
  }
  CHECK(seen == std::vector<std::string>{"10.200.255.254 1", "10.200.255.255 2", "10.201.0.0 3", "10.201.0.1 4",
                                         "10.200.255.254 5", "10.200.255.255 6"});
}

TEST_CASE("a changed byte, a cut or lengthened message, and answers that change places are mismatches", "[load]") {
  LoadPair pair(small_plan());
  Cheat cheat;
  Bytes kept;
  const int kind = GENERATE(0, 1, 2, 3);
  cheat.twist = [&](Bytes& message, int number) {
    if (kind == 3 && number == 25) kept = message;
    if (kind == 3 && number == 30) message = kept;
    if (kind == 0 && number == 25) message[63] ^= 1;
    if (kind == 1 && number == 25) message.pop_back();
    if (kind == 2 && number == 25) message.push_back(0);
  };
  pair.service = &cheat;
  pair.run();
  CHECK(pair.results.mismatches == 1);
  CHECK(pair.failure() == "1 answers were not what was sent");
  CHECK(pair.results.lost == 0);
  CHECK(pair.progress.mismatches == 1);
}

TEST_CASE("an answer that nobody asked for is a mismatch", "[load]") {
  LoadPair pair(small_plan(ShapeKind::idle));
  bool sent = false;
  pair.each_turn = [&] {
    if (sent || pair.results.connected < 20) return;
    sent = true;
    send_unasked(pair.server.worker->connections(), pair.server.worker->world().sessions.id_of(0));
  };
  pair.run();
  CHECK(sent);
  CHECK(pair.results.mismatches == 1);
}

TEST_CASE("answers that stop are lost, and the run gives up", "[load]") {
  LoadPair pair(small_plan());
  Cheat cheat;
  cheat.answers_max = 100;
  pair.service = &cheat;
  pair.run();
  CHECK(pair.load->phase() == Phase::over);
  CHECK(pair.results.lost == 20);
  CHECK_FALSE(pair.results.complete);
  CHECK(pair.failure() == "answers stopped coming");
}

TEST_CASE("one lost answer is enough to fail", "[load]") {
  LoadPair pair(small_plan());
  Cheat cheat;
  pair.service = &cheat;
  pair.each_turn = [&] {
    if (pair.results.requests > 500 && cheat.answers_max > 1000) cheat.answers_max = 0;
    if (pair.load->phase() == Phase::settling) pair.server.port.loss_ppm = 1'000'000;
  };
  pair.run();
  CHECK(pair.results.lost > 0);
  CHECK_FALSE(pair.results.ok(pair.plan));
}

TEST_CASE("a peer that is not there is told of in time", "[load]") {
  LoadPair pair(small_plan());
  pair.client.port.loss_ppm = 1'000'000;
  pair.run();
  CHECK(pair.load->phase() == Phase::over);
  CHECK(pair.now < Instant::at_us(10'000'000));
  CHECK(pair.failure().starts_with("nothing answered"));
}

TEST_CASE("sessions that end before their time are told of", "[load]") {
  LoadPair pair(small_plan(ShapeKind::idle));
  pair.client.node.listeners[0].admission.idle_timeout = Duration::ms(0);
  pair.run();
  CHECK(pair.results.closed_early > 0);
  CHECK_FALSE(pair.results.ok(pair.plan));
}

TEST_CASE("a client that is stopped is interrupted, which is no success", "[load]") {
  LoadPair pair(small_plan());
  bool stopped = false;
  pair.each_turn = [&] {
    if (pair.results.requests < 100 || stopped) return;
    stopped = true;
    pair.client.worker->stop(pair.now);
  };
  pair.run();
  CHECK(pair.load->phase() == Phase::over);
  CHECK(pair.failure() == "the run was interrupted");
}

TEST_CASE("with little memory the run is slower and nothing else", "[load]") {
  RunPlan plan = small_plan(GENERATE(ShapeKind::closed, ShapeKind::bulk));
  plan.per_session = 16;
  plan.size_min = plan.size_max = 2000;
  LoadPair pair(plan);
  pair.client.node.memory.small_blocks = {{64, 64, 64}};
  pair.run();
  CHECK(pair.failure().empty());
  CHECK(pair.results.requests > 100);
}

TEST_CASE("without a local prefix sessions share our own address and differ by their conversation", "[load]") {
  LoadPair pair(small_plan());
  pair.run(Duration::seconds(60), {{.remote = {server_address, 4000}}});
  CHECK(pair.results.ok(pair.plan));
  CHECK(pair.server.worker->world().sessions[0].path.remote.address == client_address);
}

TEST_CASE("whoever calls the client is turned away", "[load]") {
  LoadPair pair(small_plan());
  bool called = false;
  pair.each_turn = [&] {
    if (called || pair.results.requests < 10) return;
    called = true;
    Connections& connections = pair.server.worker->connections();
    const auto id = connections.open({.remote = {client_address, 5000}, .conv = 77}, pair.now);
    REQUIRE(id);
    send_unasked(connections, *id);
  };
  pair.run();
  CHECK(called);
  CHECK(pair.results.ok(pair.plan));
  CHECK(pair.client.worker->world().stats.sessions_opened == 21);
}

TEST_CASE("a message that no peer can take ends the run with a word", "[load]") {
  RunPlan plan = small_plan();
  plan.size_min = plan.size_max = 400'000;
  LoadPair pair(plan);
  pair.run();
  CHECK(pair.failure() == "a message has more fragments than the peer takes");
}
