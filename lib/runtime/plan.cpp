#include "runtime/plan.hpp"

#include <algorithm>

#include "control/impair_settings.hpp"

namespace penstock::runtime {

namespace {

std::uint32_t share(std::uint32_t whole, std::uint32_t workers) {
  if (workers == 1) return whole;
  const std::uint64_t part = (std::uint64_t{whole} * 5 / 4 + workers - 1) / workers;
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(part, 1));
}

net::InterfaceConfig interface_of(const control::InterfaceConfig& from, std::uint16_t port) {
  net::InterfaceConfig to;
  to.port = port;
  to.tags = from.tags;
  to.addresses = from.addresses;
  for (const control::RouteConfig& route : from.routes) to.routes.push_back({route.prefix, route.via});
  to.local_prefixes = from.local_prefixes;
  if (from.gateway) to.routes.push_back({{net::IpAddress::v4(0, 0, 0, 0), 0}, *from.gateway});
  if (from.gateway6) to.routes.push_back({{net::IpAddress(), 0}, *from.gateway6});
  return to;
}

SessionKeyMode key_mode_of(control::SessionKey key) {
  switch (key) {
    case control::SessionKey::address: return SessionKeyMode::address;
    case control::SessionKey::conv: return SessionKeyMode::conv;
    default: return SessionKeyMode::address_conv;
  }
}

// A stranger is remembered for a round trip; so many are 100,000 new ones a second, each for more than half of one.
constexpr std::uint32_t half_open_default_max = 65'536;

congestion::Kind controller_of(control::Congestion named) {
  switch (named) {
    case control::Congestion::none: return congestion::Kind::none;
    case control::Congestion::kcp: return congestion::Kind::kcp;
    case control::Congestion::newreno: return congestion::Kind::newreno;
    case control::Congestion::cubic: return congestion::Kind::cubic;
    case control::Congestion::bbr: break;
  }
  return congestion::Kind::bbr;
}

ListenerSetup listener_of(const control::ListenerConfig& from, std::uint32_t node_sessions, std::uint32_t workers) {
  ListenerSetup to;
  const std::uint32_t sessions = from.sessions_max == 0 ? node_sessions : std::min(from.sessions_max, node_sessions);
  const std::uint32_t half_open =
      from.half_open_max == 0 ? std::clamp(sessions / 4, 1u, half_open_default_max) : from.half_open_max;
  const std::uint32_t half_open_prefix = from.half_open_per_prefix_max == 0 ? half_open : from.half_open_per_prefix_max;
  const std::uint32_t per_prefix = from.per_prefix_max == 0 ? sessions : from.per_prefix_max;
  ListenerConfig& limits = to.admission;
  limits.name = from.name;
  limits.address = from.address;
  limits.port = from.port;
  limits.key_mode = key_mode_of(from.key);
  limits.roaming = from.roaming;
  limits.service = static_cast<std::uint16_t>(from.service);
  limits.sessions_max = share(sessions, workers);
  limits.challenge = from.challenge;
  limits.half_open_max = share(half_open, workers);
  limits.half_open_per_prefix_max = share(half_open_prefix, workers);
  limits.per_prefix_max = share(per_prefix, workers);
  limits.idle_timeout = Duration::seconds(from.idle_timeout_s);
  limits.liveness_probes = from.liveness_probes;
  limits.half_open_timeout = Duration::seconds(from.half_open_timeout_s);
  limits.quarantine = Duration::seconds(from.quarantine_s);
  kcp::Options& kcp = to.kcp;
  kcp.nodelay = static_cast<std::uint8_t>(from.nodelay);
  kcp.stream = from.mode == control::Mode::stream;
  kcp.no_congestion_window = from.nc || from.congestion == control::Congestion::none;
  kcp.recovery = from.recovery == control::Recovery::rack ? kcp::Recovery::rack : kcp::Recovery::ikcp;
  kcp.congestion = controller_of(from.congestion);
  kcp.loss_percent = static_cast<std::uint8_t>(from.loss_percent);
  kcp.search_mtu = from.search_mtu;
  kcp.fastack_conserve = from.fastack_conserve;
  kcp.resend = static_cast<std::uint8_t>(from.resend);
  kcp.dead_link = static_cast<std::uint8_t>(std::min(from.dead_link, 255u));
  kcp.mtu = static_cast<std::uint16_t>(from.mtu);
  kcp.interval_ms = from.interval_ms;
  kcp.ack_delay_ms = from.ack_delay_ms;
  kcp.snd_wnd = from.snd_wnd;
  kcp.rcv_wnd = from.rcv_wnd;
  kcp.send_queue_segments_max = std::clamp(from.snd_wnd, 256u, kcp::Options::window_max);
  kcp.probe_initial_ms = from.probe_ms;
  kcp.stall_timeout_ms = from.stall_timeout_s * 1000;
  to.service = limits.service;
  return to;
}

}  // namespace

Plan plan_node(const control::Config& config, std::uint32_t workers) {
  Plan plan;
  NodeConfig& node = plan.node;
  node.workers = workers;
  node.sessions_max = share(config.limits.sessions_max, workers);
  node.stack.neighbors_max = config.limits.neighbors_max;
  node.stack.shares_news = workers > 1;
  std::uint32_t impair_frames = 0;
  bool links = false;
  for (const control::PortConfig& port : config.ports) {
    const auto number = static_cast<std::uint16_t>(node.stack.ports.size());
    node.stack.ports.push_back({.mtu = static_cast<std::uint16_t>(port.mtu)});
    node.stack.rx_checksum.push_back(port.rx_checksum == control::RxChecksum::trust_local
                                         ? net::RxChecksumPolicy::trust_local
                                         : net::RxChecksumPolicy::verify);
    for (const control::InterfaceConfig& interface : port.interfaces) {
      node.stack.interfaces.push_back(interface_of(interface, number));
    }
    plan.impairments.push_back(port.impair ? std::optional(control::impairment_of(*port.impair)) : std::nullopt);
    if (port.impair) impair_frames += 2 * port.impair->queue_packets + 64;
    links = links || port.tx_mode == control::TxMode::link;
    plan.buffers.block_bytes = std::max(plan.buffers.block_bytes, net::headroom_bytes + port.mtu + 64);
  }
  for (const control::ListenerConfig& listener : config.listeners) {
    node.listeners.push_back(listener_of(listener, config.limits.sessions_max, workers));
    plan.stream.push_back(listener.mode == control::Mode::stream);
  }
  MemoryPlan asked;
  for (std::size_t i = 0; i < 3; ++i) asked.small_blocks.blocks[i] = config.limits.small_blocks[i];
  asked.window_bytes = std::size_t{config.limits.window_memory_mb} << 20;
  asked.chunks = 0;
  node.memory = planned_memory(node, asked);
  // Below 512 bytes a copy costs less than a second buffer's descriptor.
  if (links) node.copy_break = 512;
  plan.buffers.ports = static_cast<std::uint32_t>(config.ports.size());
  plan.buffers.rx_descriptors = config.limits.rx_descriptors;
  plan.buffers.tx_descriptors = config.limits.tx_descriptors;
  plan.buffers.impair_frames = impair_frames;
  plan.buffers.links_payload = links;
  plan.buffers.blocks = config.limits.mbufs;
  return plan;
}

std::optional<std::string> shortfall(const Plan& plan) { return penstock::shortfall(plan.node, plan.buffers); }

}  // namespace penstock::runtime
