// Shows that a known conversation from a new path is asked for proof and for nothing else: no byte of it counts, the answer is
// no longer than what came and comes not twice in 20 ms, and only the ACK of that very question, from that very path and in
// time, moves the session; and what moves with it.
// How: a Rig and a peer by hand whose address changes, beside strangers that copy what it sends.
#include "engine/roaming.hpp"

#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;
using net::DropReason;
using Kind = ConnectionEvent::Kind;

namespace {

NodeConfig roaming_node(std::uint32_t workers = 1) {
  NodeConfig node = small_node(workers);
  node.listeners[0].admission.key_mode = SessionKeyMode::conv;
  return node;
}

const net::Endpoint home{client_ip(0), 5000};
const net::Endpoint abroad{net::IpAddress::v4(192, 0, 2, 7), 6000};

// What was sent to an endpoint since the last call; what went elsewhere is forgotten.
std::vector<Kcp> sent_to(Rig& rig, const net::Endpoint& to) {
  std::vector<Kcp> segments;
  for (const Datagram& datagram : rig.take()) {
    if (datagram.to == to) segments.insert(segments.end(), datagram.segments.begin(), datagram.segments.end());
  }
  return segments;
}

// An empty PUSH of a number in the past, which acknowledges nothing to whoever drew the same conv, and nothing else.
bool is_question(const std::vector<Kcp>& segments) {
  return segments.size() == 1 && segments[0].command == Kcp::push && segments[0].data.empty() &&
         static_cast<std::int32_t>(segments[0].sn) < 0 && static_cast<std::int32_t>(segments[0].una) < 0;
}

Bytes answer_to(const Kcp& question, std::uint32_t una) {
  return Kcp{question.conv, Kcp::ack, 0, 128, question.stamp, question.sn, una, {}}.bytes();
}

struct Roaming {
  explicit Roaming(const NodeConfig& node = roaming_node()) : rig(node), peer(rig, home.address, 1, home.port) {
    id = peer.open();
    rig.service().events.clear();
    rig.take();
  }
  const Session& session() { return rig.world().sessions[id.index()]; }
  // Brings a datagram from elsewhere and tells what is sent there.
  std::vector<Kcp> bring_from(const net::Endpoint& from, const Bytes& datagram, Duration pause = Duration::ms(25)) {
    rig.turn(pause);
    rig.bring(udp_frame(from, peer.server, datagram));
    rig.turn();
    return sent_to(rig, from);
  }
  // What the peer would send next, which the caller may bring from anywhere.
  Bytes next(Bytes data = {2}) { return Kcp{1, Kcp::push, 0, 128, 7, peer.sn, peer.una, std::move(data)}.bytes(); }

  Rig rig;
  Peer peer;
  SessionId id;
};

}  // namespace

TEST_CASE("a new path is asked, and its answer moves the session", "[roaming]") {
  Roaming r;
  const auto asked = r.bring_from(abroad, r.next());
  REQUIRE(is_question(asked));
  CHECK(r.rig.drops(DropReason::path_unproven) == 1);
  CHECK(r.session().path.remote == home);
  CHECK(r.rig.service().story() == "");
  r.peer.endpoint = abroad;
  r.peer.bring(answer_to(asked[0], r.peer.una));
  r.rig.turn();
  CHECK(r.session().path.remote == abroad);
  CHECK(r.rig.stats().sessions_roamed == 1);
  CHECK(r.rig.stats().path_challenges_sent == 1);
  CHECK(r.rig.drops(DropReason::path_unproven) == 1);
  // What was not taken is sent again by the peer, and goes on from where it was.
  CHECK(sent_to(r.rig, home).empty());
  r.peer.send({2});
  r.rig.turn();
  CHECK(r.rig.service().story() == "readable");
  CHECK(take_all(r.rig.worker().connections().get(r.id)) == std::vector<Bytes>{{1}, {2}});
  const auto acked = sent_to(r.rig, abroad);
  REQUIRE(acked.size() == 1);
  CHECK(acked[0].command == Kcp::ack);
  // The old path is a new one now.
  CHECK(is_question(r.bring_from(home, r.next())));
}

TEST_CASE("the datagram that brings the proof counts as a whole", "[roaming]") {
  Roaming r;
  const auto asked = r.bring_from(abroad, r.next());
  REQUIRE(is_question(asked));
  r.bring_from(abroad, join({answer_to(asked[0], r.peer.una), r.next({9})}));
  CHECK(r.session().path.remote == abroad);
  CHECK(take_all(r.rig.worker().connections().get(r.id)) == std::vector<Bytes>{{1}, {9}});
}

TEST_CASE("an answer from another path than the one that was asked moves nothing", "[roaming]") {
  Roaming r;
  const auto asked = r.bring_from(abroad, r.next());
  REQUIRE(is_question(asked));
  const net::Endpoint other_port{abroad.address, 6001};
  const net::Endpoint other_address{client_ip(8), abroad.port};
  for (const net::Endpoint& from : {other_port, other_address}) {
    const auto again = r.bring_from(from, answer_to(asked[0], r.peer.una));
    CHECK(r.session().path.remote == home);
    // It is asked for itself, by another question.
    REQUIRE(is_question(again));
    CHECK((again[0].sn != asked[0].sn || again[0].stamp != asked[0].stamp));
  }
  CHECK(r.rig.stats().sessions_roamed == 0);
}

TEST_CASE("an answer with another number or stamp moves nothing", "[roaming]") {
  Roaming r;
  const auto asked = r.bring_from(abroad, r.next());
  REQUIRE(is_question(asked));
  for (const auto& [sn, stamp] : {std::pair{1u, 0u}, std::pair{0u, 1u}, std::pair{0u - 70'000u, 0u}}) {
    Kcp wrong = asked[0];
    wrong.sn += sn;
    wrong.stamp += stamp;
    r.bring_from(abroad, answer_to(wrong, r.peer.una));
    CHECK(r.session().path.remote == home);
  }
  // A PUSH or a WINS of the right numbers is no answer.
  for (const std::uint8_t command : {Kcp::push, Kcp::wask, Kcp::wins}) {
    Kcp other = asked[0];
    other.command = command;
    other.una = r.peer.una;
    r.bring_from(abroad, other.bytes());
    CHECK(r.session().path.remote == home);
  }
  r.bring_from(abroad, answer_to(asked[0], r.peer.una));
  CHECK(r.session().path.remote == abroad);
}

TEST_CASE("an answer later than eight seconds moves nothing", "[roaming]") {
  Roaming r;
  const auto asked = r.bring_from(abroad, r.next());
  REQUIRE(is_question(asked));
  r.rig.pass(Duration::ms(8'100));
  r.bring_from(abroad, answer_to(asked[0], r.peer.una));
  CHECK(r.session().path.remote == home);
}

TEST_CASE("an answer to a question about an earlier session of the conv moves nothing", "[roaming]") {
  NodeConfig node = roaming_node();
  node.listeners[0].admission.quarantine = Duration::ms(0);
  Roaming r(node);
  const auto asked = r.bring_from(abroad, r.next());
  REQUIRE(is_question(asked));
  r.rig.worker().connections().get(r.id).close();
  r.rig.pass(Duration::ms(5));
  REQUIRE(r.rig.world().sessions.count() == 0);
  Peer again(r.rig, home.address, 1, home.port);
  again.open();
  r.bring_from(abroad, answer_to(asked[0], again.una));
  CHECK(r.rig.stats().sessions_roamed == 0);
}

TEST_CASE("nothing from an unproven path is applied", "[roaming]") {
  Roaming r;
  Connections& connections = r.rig.worker().connections();
  REQUIRE(send_bytes(connections, connections.get(r.id), 10) == SendResult::accepted);
  r.rig.turn();
  REQUIRE(sent_to(r.rig, home).size() == 1);
  const Instant heard = r.session().last_heard;
  const auto in_flight = [&] { return r.rig.world().sessions.machine(r.id.index()).stats().in_flight; };
  REQUIRE(in_flight() == 1);
  // una says that it arrived; the window is shut; data waits.
  Kcp told{1, Kcp::push, 0, 0, 7, r.peer.sn, r.peer.una + 1, {3}};
  CHECK(is_question(r.bring_from(abroad, told.bytes(), Duration::us(100))));
  CHECK(in_flight() == 1);
  CHECK(r.session().last_heard == heard);
  CHECK(r.rig.service().story() == "");
  CHECK(r.rig.world().sessions.machine(r.id.index()).stats().peer_window == 128);
}

TEST_CASE("who copies what the peer sends is answered by 24 bytes each 20 ms at the most, and changes nothing",
          "[roaming]") {
  Roaming r;
  std::size_t in = 0;
  std::size_t out = 0;
  std::size_t questions = 0;
  for (int i = 0; i < 1000; ++i) {
    const net::Endpoint spoofed{client_ip(static_cast<unsigned>(10 + i % 200)), static_cast<std::uint16_t>(7000 + i)};
    const Bytes copied = r.next(Bytes(i % 2 == 0 ? 0 : 100));
    in += copied.size();
    r.rig.bring(udp_frame(spoofed, r.peer.server, copied));
    if (i % 10 == 0) {
      r.peer.send({static_cast<std::uint8_t>(i)});
      r.rig.turn(Duration::ms(1));
      for (const Datagram& datagram : r.rig.take()) {
        if (datagram.to == home) continue;
        CHECK(datagram.udp_bytes == 24);
        out += datagram.udp_bytes;
        ++questions;
      }
    }
  }
  CHECK(questions >= 4);
  CHECK(questions <= 6);
  CHECK(out <= in);
  CHECK(r.session().path.remote == home);
  CHECK(r.rig.stats().sessions_roamed == 0);
  CHECK(take_all(r.rig.worker().connections().get(r.id)).size() == 101);
}

TEST_CASE("a datagram that the peer cannot have sent is not even asked about", "[roaming]") {
  Roaming r;
  Connections& connections = r.rig.worker().connections();
  REQUIRE(send_bytes(connections, connections.get(r.id), 10) == SendResult::accepted);
  r.rig.turn();
  const std::uint32_t una = r.peer.una;
  const std::uint32_t sn = r.peer.sn;
  const std::vector<Bytes> impossible = {
      Kcp{1, Kcp::push, 0, 128, 7, sn, una + 2, {3}}.bytes(),             // acknowledges what was never sent
      Kcp{1, Kcp::wins, 0, 128, 7, 0, una - 1, {}}.bytes(),               // an una that was passed long ago
      Kcp{1, Kcp::push, 0, 128, 7, sn + 129, una, {3}}.bytes(),           // beyond the window
      Kcp{1, Kcp::push, 0, 128, 7, sn - 129, una, {3}}.bytes(),           // from long ago
      Kcp{1, 99, 0, 128, 7, sn, una, {3}}.bytes(),                        // no command of KCP
      join({r.next(), Kcp{2, Kcp::wins, 0, 128, 7, 0, una, {}}.bytes()})  // another conv behind it
  };
  for (const Bytes& datagram : impossible) CHECK(r.bring_from(abroad, datagram, Duration::ms(1)).empty());
  CHECK(r.rig.drops(DropReason::path_unproven) == impossible.size());
  CHECK(r.rig.stats().path_challenges_sent == 0);
  CHECK(is_question(r.bring_from(abroad, r.next(), Duration::ms(1))));
}

TEST_CASE("an unproven session does not move", "[roaming]") {
  Rig rig(roaming_node());
  Peer peer(rig, home.address, 1, home.port);
  peer.send({1});
  rig.turn();
  rig.take();
  Peer elsewhere(rig, abroad.address, 1, abroad.port);
  elsewhere.send({1});
  rig.turn();
  CHECK(sent_to(rig, abroad).empty());
  CHECK(rig.drops(DropReason::path_unproven) == 1);
  CHECK(rig.stats().path_challenges_sent == 0);
}

TEST_CASE("what was lost on the old path is sent again on the new one", "[roaming]") {
  Roaming r;
  Connections& connections = r.rig.worker().connections();
  REQUIRE(send_bytes(connections, connections.get(r.id), 3000) == SendResult::accepted);
  // Long enough for several timeouts.
  r.rig.pass(Duration::seconds(2));
  CHECK(sent_to(r.rig, home).size() > 6);
  const auto asked = r.bring_from(abroad, r.next());
  REQUIRE(is_question(asked));
  r.peer.endpoint = abroad;
  const Instant moved = r.rig.now;
  r.peer.bring(answer_to(asked[0], r.peer.una));
  Bytes came;
  while (came.size() < 3000 && r.rig.now < moved + Duration::ms(300)) {
    r.rig.pass(Duration::ms(1));
    for (const Datagram& datagram : r.rig.take()) {
      CHECK(datagram.to == abroad);
      for (const Kcp& segment : datagram.segments) {
        if (segment.command == Kcp::push && segment.sn == r.peer.una + came.size() / 1000) {
          came.insert(came.end(), segment.data.begin(), segment.data.end());
        }
      }
    }
  }
  CHECK(came.size() == 3000);
  // And nothing is left of the old path's round trips.
  CHECK(r.rig.world().sessions.machine(r.id.index()).stats().srtt_us == 0);
}

TEST_CASE("the quota of the new prefix is taken and the old one's given back", "[roaming]") {
  NodeConfig node = roaming_node();
  node.listeners[0].admission.per_prefix_max = 1;
  Roaming r(node);
  const auto move = [&](const net::Endpoint& to) {
    const auto asked = r.bring_from(to, r.next());
    REQUIRE(is_question(asked));
    r.bring_from(to, answer_to(asked[0], r.peer.una));
    return r.session().path.remote == to;
  };
  CHECK(move({home.address, 5999}));
  CHECK(move(abroad));
  const auto held = [&](const net::IpAddress& address) { return r.rig.world().quota.held(0, address); };
  CHECK(held(home.address) == 0);
  CHECK(held(abroad.address) == 1);
  // A prefix that holds what it may takes nobody in.
  const net::IpAddress full = net::IpAddress::v4(203, 0, 113, 1);
  Peer(r.rig, full, 2, 5000).open();
  r.rig.take();
  CHECK_FALSE(move({full, 5001}));
  CHECK(r.rig.drops(DropReason::listener_prefix_full) == 1);
  CHECK(r.session().path.remote == abroad);
  CHECK(held(abroad.address) == 1);
  r.rig.worker().connections().get(r.id).close();
  r.rig.pass(Duration::ms(5));
  CHECK(held(abroad.address) == 0);
}

TEST_CASE("all workers agree on who owns a client that moves", "[roaming]") {
  Rig rig(roaming_node(2));
  for (std::uint32_t conv = 1; conv <= 8; ++conv) {
    Peer peer(rig, home.address, conv, home.port);
    peer.send({1}, 0);
    rig.turn();
    rig.turn();
    for (const Datagram& datagram : rig.take()) peer.bring(peer.acks(datagram), 1);
    rig.turn();
    rig.turn();
    rig.take();
    // Its new path comes in on the other queue.
    const net::Endpoint to{client_ip(conv), static_cast<std::uint16_t>(9000 + conv)};
    peer.endpoint = to;
    peer.send({2}, conv % 2);
    rig.turn(Duration::ms(30));
    rig.turn();
    const auto asked = sent_to(rig, to);
    REQUIRE(is_question(asked));
    peer.bring(answer_to(asked[0], peer.una), (conv + 1) % 2);
    rig.turn();
    rig.turn();
  }
  CHECK(rig.stats(0).sessions_roamed + rig.stats(1).sessions_roamed == 8);
  CHECK(rig.stats(0).sessions_roamed > 0);
  CHECK(rig.stats(1).sessions_roamed > 0);
}

namespace {

NodeConfig indexed_node(std::uint32_t workers = 1) {
  NodeConfig node = small_node(workers);
  node.listeners[0].admission.roaming = true;
  return node;
}

}  // namespace

TEST_CASE("with roaming a session moves although its key holds the address", "[roaming]") {
  Roaming r(indexed_node());
  const auto asked = r.bring_from(abroad, r.next());
  REQUIRE(is_question(asked));
  CHECK(r.rig.drops(DropReason::path_unproven) == 1);
  r.bring_from(abroad, join({answer_to(asked[0], r.peer.una), r.next({9})}));
  CHECK(r.session().path.remote == abroad);
  CHECK(r.rig.world().flows.count() == 1);
  // It is found by its new path at once, and asked no more.
  r.peer.endpoint = abroad;
  r.peer.sn += 1;
  r.peer.send({10});
  r.rig.turn();
  CHECK(take_all(r.rig.worker().connections().get(r.id)) == std::vector<Bytes>{{1}, {9}, {10}});
  CHECK(r.rig.drops(DropReason::path_unproven) == 1);
  // And is gone by its old one: from there it would have to move back.
  CHECK(is_question(r.bring_from(home, r.next({11}))));
  r.rig.worker().connections().get(r.id).close();
  r.rig.pass(Duration::ms(40'000));
  CHECK(r.rig.world().convs.count() == 0);
  CHECK(r.rig.world().flows.count() == 0);
}

TEST_CASE("without roaming a conversation from elsewhere belongs to nobody", "[roaming]") {
  Roaming r(small_node());
  CHECK(r.bring_from(abroad, r.next()).empty());
  CHECK(r.rig.drops(DropReason::session_not_opening) == 1);
  CHECK(r.rig.world().convs.count() == 0);
}

TEST_CASE("of two sessions with one conv neither moves", "[roaming]") {
  Roaming r(indexed_node());
  Peer second(r.rig, client_ip(3), 1, 5000);
  const SessionId other = second.open();
  CHECK(other != r.id);
  CHECK(r.rig.stats().convs_shared == 1);
  CHECK(r.rig.world().convs.count() == 1);
  CHECK(r.bring_from(abroad, r.next()).empty());
  CHECK(r.rig.drops(DropReason::path_unproven) == 1);
  CHECK(r.rig.stats().path_challenges_sent == 0);
  // Both go on where they are, and the index lets go of both.
  r.peer.send({2});
  second.send({3});
  r.rig.turn();
  CHECK(take_all(r.rig.worker().connections().get(r.id)) == std::vector<Bytes>{{1}, {2}});
  CHECK(take_all(r.rig.worker().connections().get(other)) == std::vector<Bytes>{{1}, {3}});
  for (const SessionId id : {r.id, other}) r.rig.worker().connections().get(id).close();
  r.rig.pass(Duration::ms(40'000));
  CHECK(r.rig.world().convs.count() == 0);
}

TEST_CASE("who proved nothing keeps nobody from moving", "[roaming]") {
  NodeConfig node = indexed_node();
  node.listeners[0].admission.challenge = false;
  Roaming r(node);
  Peer second(r.rig, client_ip(3), 1, 5000);
  second.send({5});
  r.rig.turn();
  REQUIRE(r.rig.world().sessions.count() == 2);
  CHECK(r.rig.stats().convs_shared == 0);
  CHECK(is_question(r.bring_from(abroad, r.next())));
  CHECK(r.rig.stats().path_challenges_sent == 1);
}

TEST_CASE("a first segment from elsewhere begins a session of its own", "[roaming]") {
  Roaming r(indexed_node());
  Peer second(r.rig, abroad.address, 1, abroad.port);
  second.send({5});
  r.rig.turn();
  CHECK(r.rig.world().sessions.count() == 2);
  CHECK(r.session().path.remote == home);
  // Its first datagram refused, it leaves nothing behind.
  Peer third(r.rig, client_ip(5), 2, 5000);
  third.bring(join({third.push({1}).bytes(), Kcp{2, 99}.bytes()}));
  r.rig.turn();
  CHECK(r.rig.world().sessions.count() == 2);
  CHECK(r.rig.world().convs.count() == 1);
}

TEST_CASE("who has heard from us moves even if his first segment is not acknowledged yet", "[roaming]") {
  Roaming r(indexed_node());
  Connections& connections = r.rig.worker().connections();
  REQUIRE(send_bytes(connections, connections.get(r.id), 10) == SendResult::accepted);
  r.rig.turn();
  const auto asked = r.bring_from(abroad, Kcp{1, Kcp::push, 0, 128, 7, 0, r.peer.una + 1, {1}}.bytes());
  REQUIRE(is_question(asked));
  CHECK(r.rig.world().sessions.count() == 1);
}

TEST_CASE("a client of a full node moves as well", "[roaming]") {
  NodeConfig node = indexed_node();
  node.sessions_max = 1;
  Roaming r(node);
  const auto asked = r.bring_from(abroad, r.next());
  REQUIRE(is_question(asked));
  r.bring_from(abroad, answer_to(asked[0], r.peer.una));
  CHECK(r.session().path.remote == abroad);
}
