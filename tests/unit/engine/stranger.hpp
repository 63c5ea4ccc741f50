// What tests of the challenge have in common: a node that challenges strangers, and a stranger's first steps.
#pragma once

#include <utility>
#include <vector>

#include "rig.hpp"

namespace penstock::test {

inline NodeConfig wary_node(std::uint32_t workers = 1) {
  NodeConfig node = small_node(workers);
  node.listeners[0].admission.challenge = true;
  return node;
}

// The one datagram that was sent since the last call.
inline Datagram only(Rig& rig) {
  std::vector<Datagram> sent = rig.take();
  REQUIRE(sent.size() == 1);
  return sent.front();
}

// A stranger's first datagram and the challenge that answers it.
inline Kcp challenge_of(Peer& peer, Bytes data = {1}) {
  peer.send(std::move(data));
  peer.rig.turn();
  const Datagram sent = only(peer.rig);
  CHECK(sent.to == peer.endpoint);
  REQUIRE(sent.segments.size() == 1);
  return sent.segments[0];
}

inline Bytes echo_of(const Kcp& challenge) {
  return Kcp{challenge.conv, Kcp::ack, 0, 128, challenge.stamp, challenge.sn, 0, {}}.bytes();
}

}  // namespace penstock::test
