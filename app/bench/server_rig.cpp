#include "bench/server_rig.hpp"

#include <algorithm>

#include "bench/part.hpp"
#include "engine/capacity.hpp"

namespace penstock::bench {

namespace {

constexpr std::uint32_t burst = 32;
constexpr std::uint32_t block_bytes = 2176;
// A burst each so many microseconds is 3.2 million requests a second.
constexpr Duration turn_step = Duration::us(10);

// As the configuration of a game server would have it: nodelay 1, interval 10, resend 2, nc 1.
NodeConfig node_for(std::uint32_t sessions) {
  NodeConfig node;
  node.sessions_max = sessions;
  node.burst = burst;
  node.stack.ports = {{}};
  node.stack.rx_checksum = {net::RxChecksumPolicy::verify};
  net::InterfaceConfig interface;
  interface.mac = {{2, 0, 0, 0, 0, 1}};
  interface.addresses = {{server_address, 24}};
  interface.routes = {{{net::IpAddress::v4(0, 0, 0, 0), 0}, gateway_address}};
  node.stack.interfaces = {interface};
  ListenerSetup listener;
  listener.admission.name = "echo";
  listener.admission.port = server_port;
  listener.admission.sessions_max = sessions;
  listener.admission.half_open_max = sessions;
  // The crowd speaks KCP by heart and answers no challenge. What is measured lies behind it.
  listener.admission.challenge = false;
  listener.admission.per_prefix_max = sessions;
  listener.kcp.nodelay = 1;
  listener.kcp.interval_ms = 10;
  listener.kcp.resend = 2;
  listener.kcp.no_congestion_window = true;
  node.listeners = {listener};
  node.memory = planned_memory(node, {.small_blocks = {{0, 0, 0}}, .window_bytes = 0, .chunks = 0});
  return node;
}

std::uint32_t blocks_for(const NodeConfig& node) {
  return static_cast<std::uint32_t>(capacity_of(node, {.block_bytes = block_bytes}).blocks);
}

}  // namespace

ServerRig::ServerRig(std::uint32_t sessions)
    : node_(node_for(sessions)),
      block_count_(blocks_for(node_)),
      memory_(Worker::arena_bytes(node_) + Echo::cost(sessions) + ArenaPool::cost(block_bytes, block_count_)),
      arena_(memory_.bytes()),
      blocks_(arena_, block_bytes, block_count_),
      port_(blocks_),
      ports_{&port_},
      echo_(arena_, sessions, {}),
      services_{&echo_},
      published_(std::make_unique<Published<StatsSnapshot>>()),
      crowd_(sessions, port_) {
  const WorkerParts parts{.arena = arena_,
                          .blocks = blocks_,
                          .ports = ports_,
                          .services = services_,
                          .published = published_.get(),
                          .key = {0x243f6a8885a308d3, 0x13198a2e03707344},
                          .seed = 1};
  worker_ = std::make_unique<Worker>(node_, 0, parts, now_);
  // The first reply waits for the gateway's MAC address, which the next turns bring.
  crowd_.send(0, Crowd::Kind::push, now_);
  std::uint32_t replies = 0;
  for (int i = 0; i < 10 && replies == 0; ++i) replies = turn(Duration::ms(1));
  require(replies == 1, "the server does not answer");
}

std::uint32_t ServerRig::turn(Duration step, Meter* meter) {
  now_ = now_ + step;
  if (meter != nullptr) meter->start();
  worker_->run_once(now_);
  if (meter != nullptr) meter->stop();
  return crowd_.take_replies();
}

std::uint32_t ServerRig::burst_of(std::uint32_t first, Crowd::Kind kind, Meter* meter) {
  const std::uint32_t end = std::min(first + burst, crowd_.clients());
  for (std::uint32_t client = first; client < end; ++client) crowd_.send(client, kind, now_);
  return turn(turn_step, meter);
}

std::uint64_t ServerRig::round(Crowd::Kind kind, Meter* meter) {
  std::uint64_t replies = 0;
  for (std::uint32_t first = 0; first < crowd_.clients(); first += burst) replies += burst_of(first, kind, meter);
  return replies;
}

// Burst by burst, as a round of a million takes longer than a reply may stay unacknowledged.
void ServerRig::open_all() {
  for (std::uint32_t first = 0; first < crowd_.clients(); first += burst) {
    for (int i = 0; i < 3; ++i) burst_of(first, Crowd::Kind::piggy, nullptr);
    burst_of(first, Crowd::Kind::ack, nullptr);
  }
  require(sessions_now() == sessions(), "not all sessions opened");
}

std::uint32_t ServerRig::sessions_now() { return worker_->connections().sessions_now(); }

}  // namespace penstock::bench
