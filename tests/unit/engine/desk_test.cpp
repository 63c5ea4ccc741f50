// Shows that control gets true answers: a paged walk meets each session that lives through it exactly once, a question waits
// rather than lose its answer, and snapshots add up and tell the levels of what can run dry.
// How: a whole worker whose mailbox and snapshot the test reads, while sessions come and go.
#include "engine/desk.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>

#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

NodeConfig many(std::uint32_t sessions) {
  NodeConfig node = small_node();
  node.sessions_max = sessions;
  node.memory.small_blocks = {{4096, 128, 128}};
  node.listeners[0].admission.sessions_max = sessions;
  node.listeners[0].admission.half_open_max = sessions;
  node.listeners[0].admission.per_prefix_max = sessions;
  return node;
}

Answer ask(Rig& rig, const Command& command) {
  Mailbox& mailbox = rig.seats[0]->mailbox;
  REQUIRE(mailbox.commands.push(command));
  rig.turn();
  Answer answer;
  REQUIRE(mailbox.answers.pop(answer));
  return answer;
}

void open_some(Rig& rig, unsigned first, unsigned count) {
  for (unsigned i = first; i < first + count; ++i) Peer(rig, client_ip(i), i).send({1});
  while (!rig.port.arriving[0].empty()) rig.turn();
}

void end(Rig& rig, std::uint32_t place) {
  World& world = rig.world();
  world.sessions.machine(place).close(CloseReason::stopped, rig.now);
  world.mark_dirty(place);
}

}  // namespace

TEST_CASE("an empty worker has an empty page", "[desk]") {
  Rig rig;
  const Answer answer = ask(rig, {.kind = Command::Kind::sessions, .ticket = 9});
  CHECK(answer.ticket == 9);
  CHECK(answer.count == 0);
  CHECK(answer.more == 0);
  CHECK(answer.next_cursor == 0);
  CHECK(rig.stats().mails == 1);
}

TEST_CASE("congestion control is switched where recovery is by time, and nowhere else", "[desk]") {
  NodeConfig node = many(64);
  node.listeners[0].kcp.recovery = kcp::Recovery::rack;
  node.listeners[0].kcp.congestion = congestion::Kind::cubic;
  Rig rig(node);
  open_some(rig, 0, 2);
  const std::uint64_t id = ask(rig, {}).sessions[0].id;
  const Command to_bbr{.kind = Command::Kind::switch_session, .argument = id, .controller = congestion::Kind::bbr};
  Answer answer = ask(rig, to_bbr);
  CHECK(answer.switched == 1);
  REQUIRE(answer.count == 1);
  CHECK(answer.sessions[0].id == id);
  CHECK(answer.sessions[0].congestion == congestion::Kind::bbr);
  CHECK(answer.sessions[0].by_time == 1);
  answer = ask(rig, {});
  CHECK(answer.sessions[1].congestion == congestion::Kind::cubic);
  // A session that is not there, and what a listener opens from now on.
  CHECK(ask(rig, {.kind = Command::Kind::switch_session, .argument = id + 77}).count == 0);
  CHECK(ask(rig, {.kind = Command::Kind::switch_listener, .controller = congestion::Kind::newreno}).switched == 1);
  CHECK(ask(rig, {.kind = Command::Kind::switch_listener, .argument = 9}).switched == 0);
  open_some(rig, 2, 1);
  answer = ask(rig, {});
  REQUIRE(answer.count == 3);
  CHECK(answer.sessions[1].congestion == congestion::Kind::cubic);
  CHECK(answer.sessions[2].congestion == congestion::Kind::newreno);

  Rig classic(many(64));
  open_some(classic, 0, 1);
  answer = ask(classic, {.kind = Command::Kind::switch_session, .argument = ask(classic, {}).sessions[0].id});
  CHECK(answer.count == 1);
  CHECK(answer.switched == 0);
  CHECK(answer.sessions[0].by_time == 0);
  CHECK(ask(classic, {.kind = Command::Kind::switch_listener}).switched == 0);
}

TEST_CASE("faults of a port go through the mailbox to this worker's queue of it", "[desk]") {
  Rig rig;
  // A port without them says so, and one that is not there as well.
  CHECK(ask(rig, {.kind = Command::Kind::impaired}).impair.impaired == 0);
  CHECK(ask(rig, {.kind = Command::Kind::impair, .ticket = 3}).impair.impaired == 0);
  CHECK(ask(rig, {.kind = Command::Kind::impair, .argument = 1}).impair.impaired == 0);
  CHECK(ask(rig, {.kind = Command::Kind::impaired, .argument = ~std::uint64_t{0}}).impair.impaired == 0);
  rig.port.impaired = {{{.impaired = 1}, {.impaired = 1}}};
  rig.port.impaired[0].receive.lost = 6;
  const impair::Impairment faults{.loss_ppm = 5, .partition = impair::Ways::send};
  const Answer changed = ask(rig, {.kind = Command::Kind::impair, .ticket = 4, .impairment = faults});
  CHECK(changed.ticket == 4);
  CHECK(changed.impair.faults == faults);
  CHECK(changed.impair.receive.lost == 6);
  CHECK(rig.port.impaired[0].faults == faults);
  CHECK(rig.port.impaired[1].faults == impair::Impairment{});
  // To ask is no change.
  CHECK(ask(rig, {.kind = Command::Kind::impaired}).impair.faults == faults);
}

TEST_CASE("a walk meets every session that lives through it exactly once", "[desk]") {
  Rig rig(many(300));
  open_some(rig, 0, 200);
  REQUIRE(rig.world().sessions.count() == 200);
  std::set<std::uint64_t> lived;
  for (std::uint32_t i = 0; i < 200; ++i) lived.insert(rig.world().sessions.id_of(i).raw());
  std::map<std::uint64_t, int> met;
  Rng rng(3);
  std::uint64_t cursor = 0;
  unsigned next = 1000;
  int pages = 0;
  for (bool more = true; more; ++pages) {
    REQUIRE(pages < 30);
    const Answer answer = ask(rig, {.ticket = 1, .argument = cursor});
    for (std::uint32_t i = 0; i < answer.count; ++i) ++met[answer.sessions[i].id];
    cursor = answer.next_cursor;
    more = answer.more != 0;
    CHECK((more ? answer.count == Answer::sessions_per_page : true));
    // Between pages sessions end and others begin, in the places that became free.
    for (int i = 0; i < 10; ++i) {
      const auto place = static_cast<std::uint32_t>(rng.below(200));
      if (!rig.world().sessions.is_open(place) || rig.world().sessions[place].in_dirty_list) continue;
      lived.erase(rig.world().sessions.id_of(place).raw());
      end(rig, place);
    }
    rig.turn();
    open_some(rig, next, 5);
    next += 5;
  }
  CHECK(pages >= 5);
  for (const std::uint64_t id : lived) CHECK(met[id] == 1);
  for (const auto& [id, times] : met) CHECK(times == 1);
}

TEST_CASE("a page of a large, nearly empty table is short work", "[desk]") {
  Rig rig(many(9000));
  open_some(rig, 0, 3);
  Answer answer = ask(rig, {});
  CHECK(answer.count == 3);
  CHECK(answer.more == 1);
  CHECK(answer.next_cursor == 4096);
  answer = ask(rig, {.argument = answer.next_cursor});
  CHECK(answer.count == 0);
  CHECK(answer.more == 1);
  CHECK(answer.next_cursor == 8192);
  answer = ask(rig, {.argument = answer.next_cursor});
  CHECK(answer.count == 0);
  CHECK(answer.more == 0);
}

TEST_CASE("any cursor and any id may be asked for", "[desk]") {
  Rig rig(many(300));
  open_some(rig, 0, 2);
  for (const std::uint64_t cursor : {std::uint64_t{2}, std::uint64_t{299}, std::uint64_t{300}, std::uint64_t{301},
                                     std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
    const Answer answer = ask(rig, {.argument = cursor});
    CHECK(answer.count == 0);
    CHECK(answer.more == 0);
  }
  const std::uint64_t id = rig.world().sessions.id_of(1).raw();
  const std::uint64_t generation = std::uint64_t{1} << 32;
  for (const std::uint64_t wrong :
       {std::uint64_t{0}, ~std::uint64_t{0}, id + 1, id + generation, id | std::uint64_t{1} << 56}) {
    CHECK(ask(rig, {.kind = Command::Kind::session, .argument = wrong}).count == 0);
  }
  CHECK(ask(rig, {.kind = Command::Kind::session, .argument = id}).count == 1);
  end(rig, 1);
  rig.turn();
  CHECK(ask(rig, {.kind = Command::Kind::session, .argument = id}).count == 0);
}

TEST_CASE("a report says what the session is and does", "[desk]") {
  Rig rig;
  Peer peer(rig, client_ip(), 77);
  const SessionId id = peer.open();
  const Instant opened = rig.world().sessions[id.index()].opened;
  rig.pass(Duration::seconds(2));
  Connections& connections = rig.worker().connections();
  for (int i = 0; i < 40; ++i) REQUIRE(send_bytes(connections, connections.get(id), 10) == SendResult::accepted);
  peer.send({5});
  rig.turn();
  const Instant heard = rig.now;
  rig.turn(Duration::ms(1));
  const Answer answer = ask(rig, {.kind = Command::Kind::session, .argument = id.raw()});
  REQUIRE(answer.count == 1);
  const SessionReport& report = answer.sessions[0];
  CHECK(report.id == id.raw());
  CHECK(report.local == peer.server);
  CHECK(report.remote == peer.endpoint);
  CHECK(report.conv == 77);
  CHECK(report.listener == 0);
  CHECK(report.proven == 1);
  CHECK(report.closing == 0);
  CHECK(report.age_us == (rig.now - opened).count_us());
  CHECK(report.silent_us == (rig.now - heard).count_us());
  CHECK(report.in_flight == 32);
  CHECK(report.unsent == 8);
  CHECK(report.held == 2);
  CHECK(report.peer_window == 128);
  CHECK(report.retransmitted == 0);
  CHECK(report.rto_us >= 30'000);
  // It has more to send, so it closes later; now it is on its way.
  connections.get(id).close();
  CHECK(ask(rig, {.kind = Command::Kind::session, .argument = id.raw()}).sessions[0].closing == 1);
}

TEST_CASE("a half-open session is reported as not proven", "[desk]") {
  Rig rig;
  open_some(rig, 0, 1);
  CHECK(ask(rig, {}).sessions[0].proven == 0);
}

TEST_CASE("questions wait while the ring of answers is full, and none is lost", "[desk]") {
  Rig rig;
  Mailbox& mailbox = rig.seats[0]->mailbox;
  for (std::uint64_t ticket = 1; ticket <= 10; ++ticket) REQUIRE(mailbox.commands.push({.ticket = ticket}));
  rig.turn();
  CHECK(rig.stats().mails == 1);  // one a turn
  for (int i = 0; i < 10; ++i) rig.turn();
  CHECK(rig.stats().mails == 4);
  CHECK(mailbox.commands.read_available() == 6);
  Answer answer;
  for (std::uint64_t ticket = 1; ticket <= 10; ++ticket) {
    REQUIRE(mailbox.answers.pop(answer));
    CHECK(answer.ticket == ticket);
    rig.turn();
  }
  CHECK_FALSE(mailbox.answers.pop(answer));
  CHECK(rig.stats().mails == 10);
}

TEST_CASE("a snapshot adds up while sessions come, go and are refused", "[desk]") {
  NodeConfig node = many(40);
  node.listeners[0].admission.half_open_max = 20;
  node.listeners.push_back(node.listeners[0]);
  node.listeners[1].admission.port = server_port + 1;
  Rig rig(node);
  Rng rng(17);
  for (int i = 0; i < 300; ++i) {
    Peer peer(rig, client_ip(static_cast<unsigned>(rng.below(50))), static_cast<std::uint32_t>(rng.below(3)));
    peer.server.port = static_cast<std::uint16_t>(server_port + rng.below(3));
    peer.sn = static_cast<std::uint32_t>(rng.below(2));
    peer.send({1});
    if (i % 7 == 0) rig.bring(Bytes(rng.below(60), 1));
    if (i % 11 == 0) rig.bring(ethernet(0x0806, arp(1, gateway_mac, gateway_ip, {}, server_ip)));
    const auto place = static_cast<std::uint32_t>(rng.below(40));
    if (rig.world().sessions.is_open(place)) end(rig, place);
    rig.turn();  // checks the equations
  }
  const StatsSnapshot s = rig.snapshot();
  CHECK(s.listener_count == 2);
  CHECK(s.worker.sessions_now == rig.world().sessions.count());
  CHECK(s.worker.sessions_unproven_now == s.listeners[0].half_open_now + s.listeners[1].half_open_now);
  CHECK(s.listeners[0].opened + s.listeners[1].opened == s.worker.sessions_opened);
  CHECK(s.listeners[0].closed[static_cast<std::size_t>(CloseReason::stopped)] > 0);
  CHECK(s.drops[static_cast<std::size_t>(net::DropReason::udp_no_listener)] > 0);
}

TEST_CASE("levels tell what is free and what is used", "[desk]") {
  Rig rig;
  const LevelStats idle = rig.snapshot().levels;
  CHECK(idle.blocks_total == 512);
  CHECK(idle.small_blocks_total[0] == 256);
  CHECK(idle.small_blocks_total[1] == 128);
  CHECK(idle.small_blocks_total[2] == 128);
  CHECK(idle.small_blocks_free[0] == 256);
  CHECK(idle.chunks_total == 256);
  CHECK(idle.chunks_free == 256);
  CHECK(idle.window_bytes_total == 1 << 20);
  CHECK(idle.window_bytes_used == 0);
  Peer peer(rig, client_ip());
  peer.open();
  // A message alone needs no window; the one behind it does.
  CHECK(rig.snapshot().levels.window_bytes_used == 0);
  peer.bring(peer.push({2}).bytes());
  rig.turn();
  const LevelStats busy = rig.snapshot().levels;
  CHECK(busy.small_blocks_free[0] == 254);  // the bytes that nobody took
  CHECK(busy.window_bytes_used > 0);
  SegmentQueue message = rig.worker().connections().make_message();
  REQUIRE(message.push_back(rig.worker().connections().allocate(10)));
  CHECK(rig.snapshot().levels.chunks_free == 255);
  message.clear();
}

TEST_CASE("snapshots are published at their interval, each with the next number", "[desk]") {
  NodeConfig node = small_node();
  node.snapshot_interval = Duration::ms(50);
  Rig rig(node);
  const auto read = [&] {
    StatsSnapshot s;
    REQUIRE(rig.seats[0]->published->read(s));
    return s;
  };
  rig.turn(Duration::ms(60));
  const StatsSnapshot first = read();
  CHECK(first.taken_at_us == rig.now.count_us());
  rig.turn(Duration::us(49'999));
  CHECK(read().sequence == first.sequence);
  rig.turn(Duration::us(1));
  const StatsSnapshot second = read();
  CHECK(second.sequence == first.sequence + 1);
  CHECK(second.taken_at_us == rig.now.count_us());
  CHECK(second.worker.turns == rig.stats().turns);
}

TEST_CASE("rates are those of the last whole second", "[desk]") {
  Rig rig;
  const auto read = [&] {
    StatsSnapshot s;
    REQUIRE(rig.seats[0]->published->read(s));
    return s.worker;
  };
  rig.turn(Duration::ms(60));
  Peer peer(rig, client_ip());
  const auto second = [&](int datagrams, std::uint64_t idle_cycles) {
    const std::uint64_t before = rig.stats().rx_packets;
    for (int i = 0; i < 10; ++i) {
      if (i < datagrams) peer.send({1});
      rig.turn(Duration::ms(100));
      rig.worker().took(rig.worker().worked() ? 100 : idle_cycles);
    }
    return rig.stats().rx_packets - before;
  };
  // A turn's cycles are told after it, so a window holds those of the turns before its last.
  second(0, 100);
  CHECK(read().busy_percent_now <= 20);
  const std::uint64_t received = second(10, 0);
  second(0, 100);
  CHECK(read().rx_packets_per_s_now <= received);
  second(0, 100);
  CHECK(read().rx_packets_per_s_now == 0);
  CHECK(read().busy_percent_now == 0);
  second(10, 100);
  second(10, 100);
  CHECK(read().busy_percent_now == 100);
  CHECK(read().rx_packets_per_s_now >= 10);
  CHECK(read().tx_packets_per_s_now >= 10);
}

TEST_CASE("a worker whose cycles nobody counts has no share of them", "[desk]") {
  Rig rig;
  for (int i = 0; i < 30; ++i) rig.turn(Duration::ms(100));
  CHECK(rig.stats().busy_percent_now == 0);
}
