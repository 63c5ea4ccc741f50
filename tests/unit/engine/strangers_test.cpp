// Shows that a stranger has no session before an ACK of his echoes the challenge that we sent to his address: what he is
// answered and how often, what is kept for him, what proves him and what does not, and that neither a flood nor a full table
// keeps anybody out or makes anything grow.
// How: whole workers over a port in memory; strangers by hand.
#include "engine/strangers.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/admission.hpp"
#include "stranger.hpp"

using namespace penstock;
using namespace penstock::test;
using net::DropReason;
using Kind = ConnectionEvent::Kind;

TEST_CASE("a first datagram is answered by one empty PUSH of the past, and no service hears of it", "[challenge]") {
  Rig rig(wary_node());
  Peer peer(rig, client_ip(), 77);
  const Kcp asked = challenge_of(peer, {1, 2, 3});
  CHECK(asked.conv == 77);
  CHECK(asked.command == Kcp::push);
  CHECK(asked.fragment == 0);
  CHECK(asked.window == 128);
  CHECK(asked.una == 0);
  CHECK(asked.data.empty());
  CHECK(asked.sn >= 0xc000'0000);
  CHECK(rig.world().sessions.count() == 0);
  CHECK(rig.service().events.empty());
  CHECK(rig.world().half_open[0]->count() == 1);
  CHECK(rig.snapshot().listeners[0].half_open_now == 1);
  CHECK(rig.snapshot().worker.half_open_now == 1);
  CHECK(rig.stats().challenges_sent == 1);
}

TEST_CASE("its echo opens the session with what was begun, and nothing need be sent twice", "[challenge]") {
  Rig rig(wary_node());
  rig.service().react = echo;
  Peer peer(rig, client_ip());
  const Kcp asked = challenge_of(peer, {1, 2, 3});
  // The proof may have company, before and behind it.
  const bool more = GENERATE(false, true);
  const Bytes next = peer.push({4}).bytes();
  peer.bring(more ? join({Kcp{.command = Kcp::wins}.bytes(), echo_of(asked), next}) : echo_of(asked));
  rig.turn();
  rig.turn();
  CHECK(rig.world().sessions.count() == 1);
  CHECK(rig.service().story() == "opened readable");
  CHECK(rig.world().half_open[0]->count() == 0);
  CHECK(rig.stats().challenges_proven == 1);
  Bytes back;
  std::vector<std::uint32_t> acknowledged;
  for (const Datagram& sent : rig.take()) {
    for (const Kcp& segment : sent.segments) {
      if (segment.command == Kcp::ack) acknowledged.push_back(segment.sn);
      else back.insert(back.end(), segment.data.begin(), segment.data.end());
    }
  }
  CHECK(back == (more ? Bytes{1, 2, 3, 4} : Bytes{1, 2, 3}));
  CHECK(acknowledged == (more ? std::vector<std::uint32_t>{0, 1} : std::vector<std::uint32_t>{0}));
  CHECK(rig.world().sessions[0].path.remote == peer.endpoint);
}

// As ikcp with nc = 1 does: a whole window, full datagrams, before it has heard a word.
TEST_CASE("an opening window waits for the proof, and none of it has to come again", "[challenge]") {
  NodeConfig node = wary_node();
  node.memory.small_blocks = {{512, 512, 512}};
  node.memory.window_bytes = 1 << 20;
  Rig rig(node);
  const std::uint32_t window = GENERATE(2u, 32u, 128u);
  const std::size_t bytes = GENERATE(4u, 400u, 1376u);
  CAPTURE(window, bytes);
  Peer peer(rig, client_ip());
  std::vector<Bytes> sent;
  for (std::uint32_t i = 0; i < window; ++i) sent.push_back(Bytes(bytes, static_cast<std::uint8_t>(i)));
  const Kcp asked = challenge_of(peer, sent[0]);
  // Two places change, as they may on the way, and one comes twice.
  std::vector<Bytes> rest;
  for (std::uint32_t i = 1; i < window; ++i) rest.push_back(peer.push(sent[i]).bytes());
  if (window > 4) {
    std::swap(rest[1], rest[2]);
    rest.push_back(rest[3]);
  }
  const StatsSnapshot before = rig.snapshot();
  for (std::size_t i = 0; i < rest.size(); ++i) {
    peer.bring(rest[i]);
    if (i % 16 == 15) rig.turn();
  }
  rig.turn();
  CHECK(rig.dropped_since(before) == "");
  CHECK(rig.take().empty());
  CHECK(rig.snapshot().worker.half_open_held == window);
  CHECK(rig.world().sessions.count() == 0);
  peer.bring(echo_of(asked));
  rig.turn();
  rig.turn();
  REQUIRE(rig.world().sessions.count() == 1);
  std::vector<bool> acknowledged(window);
  std::uint32_t una = 0;
  for (const Datagram& answer : rig.take()) {
    for (const Kcp& segment : answer.segments) {
      una = segment.una;
      if (segment.command == Kcp::ack) acknowledged.at(segment.sn) = true;
    }
  }
  CHECK(una == window);
  CHECK(std::ranges::count(acknowledged, true) == window);
  CHECK(take_all(rig.worker().connections().get(rig.world().sessions.id_of(0))) == sent);
  for (std::uint32_t i = 0; i < 3; ++i) CHECK(rig.world().small_blocks.pool(i).available() == 512);
}

TEST_CASE("a chain ends with the window that the listener offers, and with half of the small blocks", "[challenge]") {
  NodeConfig node = wary_node();
  node.listeners[0].kcp.rcv_wnd = 200;
  const bool scarce = GENERATE(false, true);
  node.memory.small_blocks = {{scarce ? 40u : 512u, 256, 256}};
  Rig rig(node);
  Peer peer(rig, client_ip());
  challenge_of(peer);
  const StatsSnapshot before = rig.snapshot();
  for (std::uint32_t i = 1; i < 140; ++i) {
    peer.send({1});
    if (i % 16 == 0) rig.turn();
  }
  rig.turn();
  const std::uint32_t kept = scarce ? 20 : opening_window_max;
  CHECK(rig.snapshot().worker.half_open_held == kept);
  CHECK(rig.dropped_since(before) == "session_not_opening " + std::to_string(140 - kept));
  CHECK(rig.snapshot().worker.half_open_not_held == (scarce ? opening_window_max - 20 : 0u));
  CHECK(rig.take().empty());
}

TEST_CASE("an echo given twice, or with the first datagram again, opens one session", "[challenge]") {
  Rig rig(wary_node());
  Peer peer(rig, client_ip());
  const Kcp asked = challenge_of(peer);
  peer.sn = 0;
  const Bytes again = peer.push({1}).bytes();
  for (int i = 0; i < 3; ++i) peer.bring(join({echo_of(asked), again}));
  rig.turn();
  CHECK(rig.world().sessions.count() == 1);
  CHECK(rig.stats().challenges_proven == 1);
  CHECK(take_all(rig.worker().connections().get(rig.world().sessions.id_of(0))) == std::vector<Bytes>{{1}});
}

TEST_CASE("nothing but the echo from the same address in time is a proof", "[challenge]") {
  Rig rig(wary_node());
  Peer peer(rig, client_ip());
  const Kcp asked = challenge_of(peer);
  Kcp other = asked;
  Peer from = peer;
  SECTION("another stamp") { other.stamp ^= 1; }
  SECTION("another number") { other.sn ^= 1; }
  SECTION("another conversation") { other.conv = 2; }
  SECTION("another address") { from.endpoint.address = client_ip(7); }
  SECTION("another port") { from.endpoint.port = 5001; }
  SECTION("another of our addresses") { from.server.address = second_ip; }
  SECTION("after eight seconds") { rig.pass(Duration::ms(8'001)); }
  rig.take();
  const StatsSnapshot before = rig.snapshot();
  from.bring(echo_of(other));
  rig.turn();
  CHECK(rig.dropped_since(before) == "session_not_opening 1");
  CHECK(rig.world().sessions.count() == 0);
  CHECK(rig.take().empty());
}

TEST_CASE("an echo as a PUSH, or behind what is no KCP, is no proof", "[challenge]") {
  Rig rig(wary_node());
  Peer peer(rig, client_ip());
  const Kcp asked = challenge_of(peer);
  const StatsSnapshot before = rig.snapshot();
  SECTION("as a PUSH") {
    peer.bring(asked.bytes());
    rig.turn();
    CHECK(rig.dropped_since(before) == "session_not_opening 1");
  }
  SECTION("with a una that nothing was sent for") {
    peer.bring(Kcp{1, Kcp::ack, 0, 128, asked.stamp, asked.sn, 1, {}}.bytes());
    rig.turn();
    CHECK(rig.dropped_since(before) == "kcp_una_ahead 1");
  }
  SECTION("before a segment that is cut short") {
    peer.bring(join({echo_of(asked), cut(Kcp{.sn = 1, .data = {1, 2, 3}}.bytes(), 25)}));
    rig.turn();
    CHECK(rig.dropped_since(before) == "kcp_bad_length 1");
  }
  SECTION("behind so many others that it is not looked for") {
    Bytes many;
    for (std::uint32_t i = 0; i < 8; ++i) many = join({many, Kcp{.command = Kcp::ack, .sn = 0xf000'0000 + i}.bytes()});
    peer.bring(join({many, echo_of(asked)}));
    rig.turn();
    CHECK(rig.dropped_since(before) == "session_not_opening 1");
  }
  CHECK(rig.world().sessions.count() == 0);
  // He is who he was, and comes in with the right one.
  peer.bring(echo_of(asked));
  rig.turn();
  CHECK(rig.world().sessions.count() == 1);
}

TEST_CASE("who repeats himself is challenged again, and holds one place", "[challenge]") {
  Rig rig(wary_node());
  Peer peer(rig, client_ip());
  challenge_of(peer);
  for (int i = 0; i < 5; ++i) {
    rig.pass(Duration::seconds(1));
    peer.sn = 0;
    const Kcp asked = challenge_of(peer);
    CHECK(rig.world().half_open[0]->count() == 1);
    if (i == 4) peer.bring(echo_of(asked));
  }
  rig.turn();
  CHECK(rig.world().sessions.count() == 1);
  CHECK(rig.service().story() == "opened readable");
  CHECK(rig.stats().challenges_sent == 6);
}

TEST_CASE("who proves nothing in time is forgotten, and comes in when he repeats himself", "[challenge]") {
  NodeConfig node = wary_node();
  node.listeners[0].admission.half_open_timeout = Duration::seconds(5);
  Rig rig(node);
  Peer peer(rig, client_ip());
  const Kcp asked = challenge_of(peer);
  CHECK(rig.world().small_blocks.pool(0).available() == 255);
  CHECK(rig.worker().next_deadline() <= rig.now + Duration::seconds(5));
  rig.pass(Duration::ms(5'001));
  CHECK(rig.world().half_open[0]->count() == 0);
  CHECK(rig.snapshot().worker.half_open_expired == 1);
  CHECK(rig.world().small_blocks.pool(0).available() == 256);
  // The answer comes too late to be his who was remembered: it may be an old one.
  const StatsSnapshot before = rig.snapshot();
  peer.bring(echo_of(asked));
  rig.turn();
  CHECK(rig.dropped_since(before) == "session_not_opening 1");
  peer.sn = 0;
  peer.bring(echo_of(challenge_of(peer)));
  rig.turn();
  CHECK(rig.world().sessions.count() == 1);
  CHECK(rig.service().story() == "opened readable");
}

TEST_CASE("where no place is left a stranger comes in by his proof alone and sends again what he began with",
          "[challenge]") {
  NodeConfig node = wary_node();
  const bool by_prefix = GENERATE(false, true);
  (by_prefix ? node.listeners[0].admission.half_open_per_prefix_max : node.listeners[0].admission.half_open_max) = 2;
  Rig rig(node);
  for (std::uint16_t i = 0; i < 2; ++i) {
    Peer silent(rig, client_ip(i), 1);
    challenge_of(silent);
  }
  CHECK(rig.snapshot().worker.half_open_stateless == 0);
  Peer peer(rig, client_ip(5), 9);
  const Kcp asked = challenge_of(peer);
  CHECK(rig.world().half_open[0]->count() == 2);
  CHECK(rig.snapshot().worker.half_open_stateless == 1);
  CHECK(rig.snapshot().listeners[0].stateless_now == (by_prefix ? 0u : 1u));
  peer.bring(echo_of(asked));
  rig.turn();
  CHECK(rig.world().sessions.count() == 1);
  CHECK(rig.service().story() == "opened");
  peer.sn = 0;
  peer.send({1});
  rig.turn();
  CHECK(rig.service().story() == "opened readable");
  rig.take();
  // Somebody else's prefix has its own share.
  Peer elsewhere(rig, net::IpAddress::v4(203, 0, 113, 1), 9);
  challenge_of(elsewhere);
  CHECK(rig.world().half_open[0]->count() == (by_prefix ? 3u : 2u));
  rig.pass(Duration::seconds(6));
  CHECK(rig.snapshot().listeners[0].stateless_now == 0);
}

TEST_CASE("a proof of nobody opens nothing while everybody is remembered", "[challenge]") {
  Rig rig(wary_node());
  Peer peer(rig, client_ip());
  const Kcp asked = challenge_of(peer);
  peer.bring(echo_of(asked));
  rig.turn();
  REQUIRE(rig.world().sessions.count() == 1);
  // The session ends, and its quarantine is shorter than the cookie's life: the network gives the echo once more.
  const_cast<ListenerConfig&>(rig.world().listeners[0].config()).quarantine = Duration::ms(10);
  rig.worker().connections().get(rig.world().sessions.id_of(0)).close();
  rig.pass(Duration::ms(50));
  const StatsSnapshot before = rig.snapshot();
  peer.bring(echo_of(asked));
  rig.turn();
  CHECK(rig.dropped_since(before) == "session_not_opening 1");
  CHECK(rig.world().sessions.count() == 0);
}

TEST_CASE("with no block or room for a challenge the datagram is dropped, and no place is taken", "[challenge]") {
  Rig rig(wary_node());
  const bool ring = GENERATE(false, true);
  if (ring) rig.port.room = 0;
  else rig.seats[0]->blocks.keep_back(rig.seats[0]->blocks.capacity());
  // A full ring first takes what the batch holds.
  const unsigned waiting = ring ? rig.config.burst : 0;
  for (unsigned i = 0; i < waiting; ++i) Peer(rig, client_ip(i), i).send({1});
  if (ring) rig.turn();
  const StatsSnapshot before = rig.snapshot();
  Peer peer(rig, client_ip(100), 7);
  peer.send({1});
  rig.turn();
  CHECK(rig.dropped_since(before) == "challenge_unsent 1");
  CHECK(rig.world().half_open[0]->count() == waiting);
  rig.port.room = ~0u;
  rig.seats[0]->blocks.keep_back(0);
  rig.turn();
  rig.take();
  peer.sn = 0;
  peer.bring(echo_of(challenge_of(peer)));
  rig.turn();
  CHECK(rig.world().sessions.count() == 1);
}

TEST_CASE("what was begun is not kept when small blocks are scarce, and comes again", "[challenge]") {
  NodeConfig node = wary_node();
  node.memory.small_blocks = {{4, 4, 4}};
  Rig rig(node);
  for (unsigned i = 0; i < 2; ++i) {
    Peer other(rig, client_ip(i), i + 10);
    challenge_of(other);
  }
  CHECK(rig.world().small_blocks.pool(0).available() == 2);
  Peer peer(rig, client_ip(5), 9);
  peer.bring(echo_of(challenge_of(peer)));
  CHECK(rig.world().small_blocks.pool(0).available() == 2);
  rig.turn();
  CHECK(rig.service().story() == "opened");
  peer.sn = 0;
  peer.send({1});
  rig.turn();
  CHECK(rig.service().story() == "opened readable");
}

TEST_CASE("a datagram with another conv from a known address ends nothing; its proof does", "[challenge]") {
  NodeConfig node = wary_node();
  node.listeners[0].admission.key_mode = SessionKeyMode::address;
  Rig rig(node);
  Peer old(rig, client_ip(), 1);
  const SessionId id = old.open();
  const StatsSnapshot before = rig.snapshot();
  Peer next(rig, client_ip(), 2);
  // What a spoofer can do: begin, and go on without an answer.
  const Kcp asked = challenge_of(next);
  next.send({2});
  next.bring(Kcp{.conv = 2, .command = Kcp::wask}.bytes());
  rig.turn();
  CHECK(rig.dropped_since(before) == "session_not_opening 1");
  old.send({5});
  rig.turn();
  CHECK(take_all(rig.worker().connections().get(id)).back() == Bytes{5});
  CHECK(rig.service().count(Kind::closed) == 0);
  // What only the client can do, who has started anew on the same port.
  rig.take();
  next.bring(echo_of(asked));
  rig.turn();
  CHECK(rig.service().count(Kind::closed) == 1);
  REQUIRE(rig.world().sessions.count() == 1);
  const SessionId now_there = rig.service().events.back().id;
  CHECK_FALSE(now_there == id);
  const Connection connection = rig.worker().connections().get(now_there);
  CHECK(connection.conv() == 2);
  CHECK(take_all(connection) == std::vector<Bytes>{{1}, {2}});
  // Late datagrams of the old one are kept out.
  old.send({6});
  rig.turn();
  CHECK(rig.drops(DropReason::session_quarantined) == 1);
  CHECK(rig.world().sessions.count() == 1);
}

TEST_CASE("without a challenge nobody takes over an address, and strangers come in at once", "[challenge]") {
  NodeConfig node = small_node();
  node.listeners[0].admission.key_mode = SessionKeyMode::address;
  Rig rig(node);
  Peer old(rig, client_ip(), 1);
  old.send({1});
  rig.turn();
  CHECK(rig.service().story() == "opened readable");
  rig.take();
  Peer next(rig, client_ip(), 2);
  next.send({1});
  rig.turn();
  CHECK(rig.drops(DropReason::kcp_wrong_conv) == 1);
  CHECK(rig.service().count(Kind::closed) == 0);
  CHECK(rig.stats().challenges_sent == 0);
  CHECK(rig.world().half_open[0]->capacity() == 1);
}

TEST_CASE("where the conv is the key, the first to prove himself has it", "[challenge]") {
  NodeConfig node = wary_node();
  node.listeners[0].admission.key_mode = SessionKeyMode::conv;
  Rig rig(node);
  Peer first(rig, client_ip(1), 9), second(rig, client_ip(2), 9);
  const Kcp asked_first = challenge_of(first), asked_second = challenge_of(second);
  CHECK(rig.world().half_open[0]->count() == 2);
  second.bring(echo_of(asked_second));
  rig.turn();
  first.bring(echo_of(asked_first));
  rig.turn();
  REQUIRE(rig.world().sessions.count() == 1);
  CHECK(rig.world().sessions[0].path.remote == second.endpoint);
}

TEST_CASE("first datagram and proof go to the worker that owns the flow", "[challenge]") {
  Rig rig(wary_node(2));
  unsigned proven = 0;
  for (std::uint16_t port = 5000; port < 5008; ++port) {
    Peer peer(rig, client_ip(), 1, port);
    peer.send({1}, static_cast<std::uint16_t>(port % 2));
    rig.turn();
    rig.turn();
    const Datagram sent = only(rig);
    peer.bring(echo_of(sent.segments.at(0)), static_cast<std::uint16_t>(port / 2 % 2));
    rig.turn();
    rig.turn();
    CHECK(rig.world(0).sessions.count() + rig.world(1).sessions.count() == ++proven);
    rig.take();
  }
  CHECK(rig.world(0).sessions.count() > 0);
  CHECK(rig.world(1).sessions.count() > 0);
}

TEST_CASE("a draining worker forgets whom it challenged", "[challenge]") {
  Rig rig(wary_node());
  Peer peer(rig, client_ip());
  const Kcp asked = challenge_of(peer);
  rig.worker().drain(rig.now);
  rig.turn();
  CHECK(rig.worker().quiet());
  CHECK(rig.world().small_blocks.pool(0).available() == 256);
  peer.bring(echo_of(asked));
  rig.turn();
  CHECK(rig.drops(DropReason::session_draining) == 1);
}

TEST_CASE("a listener's limits refuse the proof, and the next one comes in", "[challenge]") {
  NodeConfig node = wary_node();
  node.listeners[0].admission.sessions_max = 1;
  Rig rig(node);
  Peer there(rig, client_ip(1), 1), peer(rig, client_ip(2), 2);
  const SessionId id = there.open();
  const Kcp asked = challenge_of(peer);
  peer.bring(echo_of(asked));
  rig.turn();
  CHECK(rig.drops(DropReason::listener_full) == 1);
  CHECK(rig.world().half_open[0]->count() == 1);
  rig.worker().connections().get(id).close();
  rig.pass(Duration::ms(1));
  peer.bring(echo_of(asked));
  rig.turn();
  CHECK(rig.world().sessions.count() == 1);
  CHECK(rig.service().story(rig.service().events.back().id) == "opened readable");
}
