// Shows that a survey finds the sessions at the top, that it works in bounded steps and only while somebody asks, and that
// sessions may come and go meanwhile. How: whole workers in virtual time, asked through their mailbox.
#include "engine/survey.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

NodeConfig many(std::uint32_t sessions) {
  NodeConfig node = small_node();
  node.sessions_max = sessions;
  node.memory.small_blocks = {{65'536, 128, 128}};
  node.listeners[0].admission.sessions_max = sessions;
  node.listeners[0].admission.half_open_max = sessions;
  node.listeners[0].admission.per_prefix_max = sessions;
  node.listeners[0].admission.half_open_timeout = Duration::seconds(3600);
  return node;
}

Answer ask(Rig& rig, TopBy by) {
  Mailbox& mailbox = rig.seats[0]->mailbox;
  REQUIRE(mailbox.commands.push({.kind = Command::Kind::top, .ticket = 5, .argument = static_cast<std::uint64_t>(by)}));
  rig.turn();
  Answer answer;
  REQUIRE(mailbox.answers.pop(answer));
  return answer;
}

// Each opens a session by one segment.
void open_some(Rig& rig, unsigned first, unsigned count) {
  for (unsigned i = first; i < first + count; ++i) Peer(rig, client_ip(i), i).send({1});
  while (!rig.port.arriving[0].empty()) rig.turn();
}

void pass(Rig& rig, Duration time) {
  for (const Instant end = rig.now + time; rig.now < end;) rig.turn(Duration::us(250));
}

void end(Rig& rig, std::uint32_t place) {
  rig.world().sessions.machine(place).close(CloseReason::stopped, rig.now);
  rig.world().mark_dirty(place);
}

}  // namespace

TEST_CASE("nothing is looked at until somebody asks", "[survey]") {
  Rig rig(many(100));
  open_some(rig, 0, 5);
  pass(rig, Duration::seconds(3));
  CHECK_FALSE(rig.world().survey.result().ready);
  const Answer first = ask(rig, TopBy::rate);
  CHECK(first.ticket == 5);
  CHECK(first.survey.ready == 0);
  CHECK(first.count == 0);
  pass(rig, Duration::ms(1100));
  const Answer second = ask(rig, TopBy::rate);
  CHECK(second.survey.ready == 1);
  CHECK(second.survey.looked_at == 5);
  CHECK(second.survey.took_us >= 1'000'000);
  CHECK(second.survey.ended_us <= 200'000);
  CHECK(second.count == 5);
}

TEST_CASE("a survey that nobody asks for any more ends, and what it found is not told later", "[survey]") {
  Rig rig(many(100));
  open_some(rig, 0, 5);
  ask(rig, TopBy::rate);
  pass(rig, Duration::seconds(15));
  const Instant ended = rig.world().survey.result().ended;
  pass(rig, Duration::seconds(5));
  CHECK(rig.world().survey.result().ended == ended);
  CHECK(ask(rig, TopBy::rate).survey.ready == 0);
  pass(rig, Duration::ms(1100));
  CHECK(ask(rig, TopBy::rate).survey.ready == 1);
}

TEST_CASE("it goes on as long as somebody asks", "[survey]") {
  Rig rig(many(100));
  open_some(rig, 0, 5);
  for (int i = 0; i < 20; ++i) {
    ask(rig, TopBy::rtt);
    pass(rig, Duration::seconds(2));
    CHECK(rig.now - rig.world().survey.result().ended <= Duration::ms(1100));
  }
}

TEST_CASE("the busiest come first, with their rates", "[survey]") {
  Rig rig(many(100));
  std::vector<Peer> peers;
  for (unsigned i = 0; i < 40; ++i) {
    peers.emplace_back(rig, client_ip(i), i);
    peers.back().send({1});
  }
  while (!rig.port.arriving[0].empty()) rig.turn();
  ask(rig, TopBy::rate);
  pass(rig, Duration::ms(100));
  // 7 sends nine segments between both looks, 30 four, and the others none.
  for (int i = 0; i < 9; ++i) {
    peers[7].send({1});
    if (i < 4) peers[30].send({1});
    rig.turn();
  }
  pass(rig, Duration::ms(1000));
  const Answer answer = ask(rig, TopBy::rate);
  REQUIRE(answer.survey.looked_at == 40);
  REQUIRE(answer.count == Survey::found_max);
  CHECK(answer.sessions[0].conv == 7);
  CHECK(answer.sessions[1].conv == 30);
  CHECK(answer.sessions[0].segments_per_s >= 8);
  CHECK(answer.sessions[0].segments_per_s <= 9);
  CHECK(answer.sessions[1].segments_per_s >= 3);
  CHECK(answer.sessions[2].segments_per_s == 0);
  CHECK(answer.sessions[0].segments_received == 10);
  // Of equal ones, those of lower places come first.
  for (std::uint32_t i = 3; i < answer.count; ++i) CHECK(answer.sessions[i - 1].id < answer.sessions[i].id);
  std::set<std::uint64_t> ids;
  for (std::uint32_t i = 0; i < answer.count; ++i) ids.insert(answer.sessions[i].id);
  CHECK(ids.size() == answer.count);
}

TEST_CASE("of any rates the largest are kept, in their order", "[survey]") {
  Rig rig(many(100));
  std::vector<Peer> peers;
  for (unsigned i = 0; i < 60; ++i) {
    peers.emplace_back(rig, client_ip(i), i);
    peers.back().send({1});
  }
  while (!rig.port.arriving[0].empty()) rig.turn();
  ask(rig, TopBy::rate);
  pass(rig, Duration::ms(100));
  // Session i sends some segments between both looks: each number once, in an order of chance.
  Rng rng(5);
  std::vector<int> segments(peers.size());
  for (std::size_t i = 0; i < segments.size(); ++i) segments[i] = static_cast<int>(i);
  for (std::size_t i = segments.size(); i > 1; --i) std::swap(segments[i - 1], segments[rng.below(i)]);
  for (std::size_t i = 0; i < peers.size(); ++i) {
    for (int sent = 0; sent < segments[i]; ++sent) {
      peers[i].send({1});
      rig.turn(Duration::us(10));
    }
  }
  pass(rig, Duration::ms(1000));
  const Answer answer = ask(rig, TopBy::rate);
  REQUIRE(answer.survey.looked_at == 60);
  REQUIRE(answer.count == Survey::found_max);
  for (std::uint32_t i = 0; i < answer.count; ++i) {
    // The 28 of the fewest are left out. Nobody takes what came, so the window holds the most active ones back together.
    CHECK(answer.sessions[i].segments_received >= 28);
    if (i > 0) CHECK(answer.sessions[i - 1].segments_per_s >= answer.sessions[i].segments_per_s);
  }
}

TEST_CASE("round trips and retransmissions have their own order", "[survey]") {
  Rig rig(many(100));
  Peer quick(rig, client_ip(1), 1), slow(rig, client_ip(2), 2);
  const SessionId quick_id = quick.open();
  const SessionId slow_id = slow.open();
  rig.pass(Duration::seconds(2));
  ask(rig, TopBy::rate);
  rig.pass(Duration::ms(50));
  // What is not acknowledged is sent again and again.
  Connections& connections = rig.worker().connections();
  REQUIRE(send_bytes(connections, connections.get(slow_id), 10) == SendResult::accepted);
  pass(rig, Duration::ms(1050));
  const Answer resent = ask(rig, TopBy::retransmission);
  REQUIRE(resent.count == 2);
  CHECK(resent.sessions[0].id == slow_id.raw());
  CHECK(resent.sessions[0].retransmitted_per_s >= 1);
  CHECK(resent.sessions[1].id == quick_id.raw());
  CHECK(resent.sessions[1].retransmitted_per_s == 0);
  const Answer trips = ask(rig, TopBy::rtt);
  REQUIRE(trips.count == 2);
  CHECK(trips.sessions[0].srtt_us >= trips.sessions[1].srtt_us);
}

TEST_CASE("sessions come and go during a round", "[survey]") {
  Rig rig(many(300));
  open_some(rig, 0, 200);
  Rng rng(11);
  unsigned next = 1000;
  for (int round = 0; round < 6; ++round) {
    ask(rig, TopBy::rate);
    for (int i = 0; i < 11; ++i) {
      pass(rig, Duration::ms(100));
      const auto place = static_cast<std::uint32_t>(rng.below(200));
      if (rig.world().sessions.is_open(place) && !rig.world().sessions[place].in_dirty_list) end(rig, place);
      rig.turn();
      open_some(rig, next++, 1);
    }
    const Answer answer = ask(rig, TopBy::rate);
    CHECK(answer.survey.ready == 1);
    // None is told that is over, and a new one in an old one's place has not the rate of both.
    for (std::uint32_t i = 0; i < answer.count; ++i) {
      const SessionId id = SessionId::from_raw(answer.sessions[i].id);
      CHECK(rig.world().sessions.find(id) != nullptr);
      CHECK(answer.sessions[i].segments_per_s <= 2);
    }
  }
}

TEST_CASE("a turn looks at a bounded number of sessions, however late it comes", "[survey]") {
  Rig rig(many(2000));
  open_some(rig, 0, 1500);
  ask(rig, TopBy::rate);
  constexpr std::uint32_t looks_max =
      Survey::steps_max * Survey::step_units / (1 + Survey::look_units) + 1;  // the last unit may begin one more
  // One turn each second: 1,500 sessions take at least that many for each of both looks.
  int turns = 0;
  while (!rig.world().survey.result().ready) {
    rig.turn(Duration::seconds(1));
    if (turns % 5 == 0) ask(rig, TopBy::rate);
    REQUIRE(++turns < 200);
  }
  CHECK(turns >= static_cast<int>(2 * 1500 / looks_max / 2));
  CHECK(rig.world().survey.result().looked_at == 1500);
}

TEST_CASE("of more sessions than are kept at once, those that are quiet are passed by", "[survey]") {
  Rig rig(many(Survey::window_max + 200));
  for (unsigned first = 0; first < Survey::window_max + 100; first += 64) open_some(rig, first, 64);
  REQUIRE(rig.world().sessions.count() > Survey::window_max);
  pass(rig, Duration::seconds(2));
  Peer busy(rig, client_ip(77), 77);
  busy.sn = 1;
  ask(rig, TopBy::rate);
  for (int i = 0; i < 30 && !rig.world().survey.result().ready; ++i) {
    busy.send({1});
    pass(rig, Duration::ms(100));
  }
  const Answer answer = ask(rig, TopBy::rate);
  REQUIRE(answer.survey.ready == 1);
  CHECK(answer.survey.looked_at < 10);
  REQUIRE(answer.count >= 1);
  CHECK(answer.sessions[0].conv == 77);
}

TEST_CASE("an order that nobody knows has no sessions", "[survey]") {
  Rig rig(many(10));
  open_some(rig, 0, 2);
  ask(rig, TopBy::rate);
  pass(rig, Duration::ms(1100));
  CHECK(ask(rig, static_cast<TopBy>(3)).count == 0);
}
