// Shows that every setting of the operator's configuration reaches the engine's, that the limits of a node are shared out
// among its workers, and that what the configuration allows makes a plan that the machines accept.
// How: configurations are filled in by hand, field by field with a value of its own, and looked for in the plan.
#include "runtime/plan.hpp"

#include <catch2/catch.hpp>

using namespace penstock;
using namespace penstock::runtime;

namespace {

// One port with one interface, one listener; the rest as preset.
control::Config plain() {
  control::Config config;
  control::PortConfig port;
  port.device = "net_null0";
  control::InterfaceConfig interface;
  interface.addresses = {{net::IpAddress::v4(10, 0, 0, 1), 24}};
  port.interfaces = {interface};
  config.ports = {port};
  control::ListenerConfig listener;
  listener.name = "main";
  listener.port = 4000;
  config.listeners = {listener};
  return config;
}

Plan plan_of(const control::Config& config, std::uint32_t workers = 1) { return plan_node(config, workers); }

}  // namespace

TEST_CASE("the node's limits reach the plan", "[plan]") {
  control::Config config = plain();
  config.limits.sessions_max = 5001;
  config.limits.rx_descriptors = 333;
  config.limits.tx_descriptors = 444;
  config.limits.mbufs = 9999;
  config.limits.window_memory_mb = 77;
  config.limits.small_blocks = {11, 22, 33};
  config.limits.neighbors_max = 55;
  const Plan plan = plan_of(config);
  CHECK(plan.node.workers == 1);
  CHECK(plan.node.sessions_max == 5001);
  CHECK(plan.buffers.rx_descriptors == 333);
  CHECK(plan.buffers.tx_descriptors == 444);
  CHECK(plan.buffers.blocks == 9999);
  CHECK(plan.buffers.ports == 1);
  CHECK(plan.node.memory.window_bytes == std::size_t{77} << 20);
  CHECK(plan.node.memory.small_blocks.blocks[0] == 11);
  CHECK(plan.node.memory.small_blocks.blocks[1] == 22);
  CHECK(plan.node.memory.small_blocks.blocks[2] == 33);
  CHECK(plan.node.stack.neighbors_max == 55);
}

TEST_CASE("what the operator leaves to us is filled in, and suffices", "[plan]") {
  const control::Config config = plain();
  const Plan plan = plan_of(config);
  for (const std::uint32_t blocks : plan.node.memory.small_blocks.blocks) CHECK(blocks > 0);
  CHECK(plan.node.memory.window_bytes > 0);
  CHECK(plan.node.memory.chunks > 0);
  CHECK(plan.buffers.blocks == 0);
  CHECK_FALSE(shortfall(plan));
}

TEST_CASE("ports and interfaces reach the stack in their order", "[plan]") {
  control::Config config = plain();
  control::PortConfig first = config.ports[0];
  first.mtu = 1400;
  first.rx_checksum = control::RxChecksum::trust_local;
  control::InterfaceConfig untagged = first.interfaces[0];
  untagged.addresses.push_back({net::IpAddress::v6({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 64});
  untagged.local_prefixes = {{net::IpAddress::v4(10, 128, 0, 0), 9}};
  untagged.gateway = net::IpAddress::v4(10, 0, 0, 254);
  untagged.gateway6 = net::IpAddress::v6({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe});
  untagged.routes = {{{net::IpAddress::v4(192, 0, 2, 0), 24}, net::IpAddress::v4(10, 0, 0, 253)}};
  control::InterfaceConfig tagged;
  tagged.tags = {2, {7, 8}};
  tagged.addresses = {{net::IpAddress::v4(10, 1, 0, 1), 16}};
  first.interfaces = {untagged, tagged};
  config.ports = {first, plain().ports[0]};
  config.ports[1].mtu = 9000;
  config.ports[1].interfaces[0].addresses = {{net::IpAddress::v4(10, 2, 0, 1), 24}};

  const net::StackConfig& stack = plan_of(config).node.stack;
  REQUIRE(stack.ports.size() == 2);
  CHECK(stack.ports[0].mtu == 1400);
  CHECK(stack.ports[1].mtu == 9000);
  REQUIRE(stack.rx_checksum.size() == 2);
  CHECK(stack.rx_checksum[0] == net::RxChecksumPolicy::trust_local);
  CHECK(stack.rx_checksum[1] == net::RxChecksumPolicy::verify);
  REQUIRE(stack.interfaces.size() == 3);
  CHECK(stack.interfaces[0].port == 0);
  CHECK(stack.interfaces[0].tags.count == 0);
  CHECK(stack.interfaces[0].local_prefixes == untagged.local_prefixes);
  REQUIRE(stack.interfaces[0].addresses.size() == 2);
  CHECK(stack.interfaces[0].addresses[0].address == net::IpAddress::v4(10, 0, 0, 1));
  CHECK(stack.interfaces[0].addresses[1].length == 64);
  const std::vector<net::Route>& routes = stack.interfaces[0].routes;
  REQUIRE(routes.size() == 3);
  CHECK(routes[0].prefix.length == 24);
  CHECK(routes[0].via == net::IpAddress::v4(10, 0, 0, 253));
  CHECK(routes[1].prefix.length == 0);
  CHECK(routes[1].prefix.address.is_v4());
  CHECK(routes[1].via == net::IpAddress::v4(10, 0, 0, 254));
  CHECK(routes[2].prefix.length == 0);
  CHECK_FALSE(routes[2].prefix.address.is_v4());
  CHECK(routes[2].via.bytes()[15] == 0xfe);
  CHECK(stack.interfaces[1].port == 0);
  CHECK(stack.interfaces[1].tags == tagged.tags);
  CHECK(stack.interfaces[1].addresses[0].length == 16);
  CHECK(stack.interfaces[1].routes.empty());
  CHECK(stack.interfaces[2].port == 1);
  CHECK(plan_of(config).buffers.ports == 2);
}

TEST_CASE("blocks hold the largest frame of any port, with headroom", "[plan]") {
  control::Config config = plain();
  CHECK(plan_of(config).buffers.block_bytes == 2176);
  config.ports[0].mtu = 9000;
  CHECK(plan_of(config).buffers.block_bytes >= net::headroom_bytes + 9000 + 26);
  config.ports.push_back(plain().ports[0]);
  CHECK(plan_of(config).buffers.block_bytes >= net::headroom_bytes + 9000 + 26);
}

TEST_CASE("linking payload is planned for where a port asks for it", "[plan]") {
  control::Config config = plain();
  CHECK_FALSE(plan_of(config).buffers.links_payload);
  CHECK(plan_of(config).node.copy_break == 0xffffffff);
  config.ports.push_back(plain().ports[0]);
  config.ports[1].tx_mode = control::TxMode::link;
  CHECK(plan_of(config).buffers.links_payload);
  CHECK(plan_of(config).node.copy_break == 512);
}

TEST_CASE("an impairment reaches its port, and its frames the sum", "[plan]") {
  control::Config config = plain();
  REQUIRE(plan_of(config).impairments.size() == 1);
  CHECK_FALSE(plan_of(config).impairments[0]);
  CHECK(plan_of(config).buffers.impair_frames == 0);
  config.ports.push_back(plain().ports[0]);
  config.ports[1].impair = control::ImpairConfig{.loss_ppm = 1,
                                                 .duplicate_ppm = 2,
                                                 .reorder_ppm = 3,
                                                 .corrupt_ppm = 4,
                                                 .delay_ms = 5,
                                                 .jitter_ms = 6,
                                                 .rate_mbit = 400'000,
                                                 .queue_packets = 700,
                                                 .seed = 8};
  const Plan plan = plan_of(config);
  REQUIRE(plan.impairments.size() == 2);
  CHECK_FALSE(plan.impairments[0]);
  REQUIRE(plan.impairments[1]);
  const impair::Impairment& impairment = *plan.impairments[1];
  CHECK(impairment.loss_ppm == 1);
  CHECK(impairment.duplicate_ppm == 2);
  CHECK(impairment.reorder_ppm == 3);
  CHECK(impairment.corrupt_ppm == 4);
  CHECK(impairment.delay == Duration::ms(5));
  CHECK(impairment.jitter == Duration::ms(6));
  CHECK(impairment.rate_bits_per_second == 400'000'000'000);
  CHECK(impairment.queue_frames == 700);
  CHECK(impairment.seed == 8);
  CHECK(plan.buffers.impair_frames == 2 * 700 + 64);
}

TEST_CASE("every setting of a listener reaches its part of the engine", "[plan]") {
  control::Config config = plain();
  config.limits.sessions_max = 10'000;
  control::ListenerConfig& from = config.listeners[0];
  from.name = "game";
  from.address = net::IpAddress::v4(10, 0, 0, 1);
  from.port = 1234;
  from.service = control::Service::discard;
  from.key = control::SessionKey::conv;
  from.mode = control::Mode::stream;
  from.nodelay = 2;
  from.interval_ms = 20;
  from.ack_delay_ms = 9;
  from.resend = 3;
  from.snd_wnd = 400;
  from.rcv_wnd = 500;
  from.mtu = 600;
  from.dead_link = 70;
  from.probe_ms = 800;
  from.fastack_conserve = true;
  from.roaming = true;
  from.sessions_max = 900;
  from.challenge = false;
  from.half_open_max = 100;
  from.half_open_per_prefix_max = 50;
  from.per_prefix_max = 110;
  from.idle_timeout_s = 120;
  from.liveness_probes = 2;
  from.half_open_timeout_s = 13;
  from.stall_timeout_s = 14;
  from.quarantine_s = 15;
  const Plan plan = plan_of(config);
  REQUIRE(plan.node.listeners.size() == 1);
  const ListenerSetup& to = plan.node.listeners[0];
  CHECK(to.admission.name == "game");
  CHECK(to.admission.address == from.address);
  CHECK(to.admission.port == 1234);
  CHECK(to.service == static_cast<std::uint32_t>(control::Service::discard));
  CHECK(to.admission.service == to.service);
  CHECK(to.admission.protocol == Protocol::kcp);
  CHECK(to.admission.key_mode == SessionKeyMode::conv);
  CHECK(to.admission.roaming);
  CHECK(to.admission.sessions_max == 900);
  CHECK_FALSE(to.admission.challenge);
  CHECK(to.admission.half_open_max == 100);
  CHECK(to.admission.half_open_per_prefix_max == 50);
  CHECK(to.admission.per_prefix_max == 110);
  CHECK(to.admission.idle_timeout == Duration::seconds(120));
  CHECK(to.admission.liveness_probes == 2);
  CHECK(to.admission.half_open_timeout == Duration::seconds(13));
  CHECK(to.admission.quarantine == Duration::seconds(15));
  CHECK(to.kcp.stream);
  CHECK(to.kcp.nodelay == 2);
  CHECK(to.kcp.interval_ms == 20);
  CHECK(to.kcp.ack_delay_ms == 9);
  CHECK(to.kcp.resend == 3);
  CHECK_FALSE(to.kcp.no_congestion_window);
  CHECK(to.kcp.fastack_conserve);
  CHECK(to.kcp.dead_link == 70);
  CHECK(to.kcp.mtu == 600);
  CHECK(to.kcp.snd_wnd == 400);
  CHECK(to.kcp.rcv_wnd == 500);
  CHECK(to.kcp.send_queue_segments_max == 400);
  CHECK(to.kcp.probe_initial_ms == 800);
  CHECK(to.kcp.stall_timeout_ms == 14'000);
  CHECK_FALSE(to.kcp.validate());
  CHECK(plan.stream == std::vector<bool>{true});
}

TEST_CASE("key modes and congestion control by their names", "[plan]") {
  control::Config config = plain();
  control::ListenerConfig& from = config.listeners[0];
  const auto kcp = [&] { return plan_of(config).node.listeners[0].kcp; };
  const auto mode = [&] { return plan_of(config).node.listeners[0].admission.key_mode; };
  CHECK(mode() == SessionKeyMode::address_conv);
  from.key = control::SessionKey::address;
  CHECK(mode() == SessionKeyMode::address);
  CHECK_FALSE(kcp().no_congestion_window);
  CHECK_FALSE(kcp().stream);
  from.nc = true;
  CHECK(kcp().no_congestion_window);
  from.nc = false;
  from.congestion = control::Congestion::none;
  CHECK(kcp().no_congestion_window);
  CHECK_FALSE(kcp().by_time());
  from.recovery = control::Recovery::rack;
  CHECK(kcp().by_time());
  const std::pair<control::Congestion, congestion::Kind> all[] = {
      {control::Congestion::none, congestion::Kind::none},
      {control::Congestion::kcp, congestion::Kind::kcp},
      {control::Congestion::newreno, congestion::Kind::newreno},
      {control::Congestion::cubic, congestion::Kind::cubic},
      {control::Congestion::bbr, congestion::Kind::bbr}};
  for (const auto& [named, kind] : all) {
    from.congestion = named;
    CHECK(kcp().congestion == kind);
  }
  from.loss_percent = 9;
  CHECK(kcp().loss_percent == 9);
  CHECK_FALSE(kcp().search_mtu);
  from.search_mtu = true;
  CHECK(kcp().search_mtu);
}

TEST_CASE("limits that a listener leaves out follow from the node's", "[plan]") {
  control::Config config = plain();
  config.limits.sessions_max = 1000;
  const auto limits = [&] { return plan_of(config).node.listeners[0].admission; };
  CHECK(limits().sessions_max == 1000);
  CHECK(limits().challenge);
  CHECK(limits().half_open_max == 250);
  CHECK(limits().half_open_per_prefix_max == 1024);
  CHECK(limits().per_prefix_max == 1000);
  config.listeners[0].sessions_max = 100;
  CHECK(limits().sessions_max == 100);
  CHECK(limits().half_open_max == 25);
  CHECK(limits().per_prefix_max == 100);
  config.listeners[0].sessions_max = 5000;  // more than the node holds
  CHECK(limits().sessions_max == 1000);
  config.listeners[0].sessions_max = 1;
  CHECK(limits().half_open_max == 1);
  config.listeners[0].half_open_per_prefix_max = 0;
  CHECK(limits().half_open_per_prefix_max == 1);
  config.limits.sessions_max = 1'000'000;
  config.listeners[0].sessions_max = 0;
  CHECK(limits().half_open_max == 65'536);
}

TEST_CASE("several workers share the limits, each with a quarter to spare", "[plan]") {
  control::Config config = plain();
  config.limits.sessions_max = 1000;
  config.limits.mbufs = 4000;
  config.limits.window_memory_mb = 16;
  config.listeners[0].sessions_max = 800;
  config.listeners[0].half_open_max = 80;
  config.listeners[0].per_prefix_max = 2;
  const Plan four = plan_of(config, 4);
  CHECK(four.node.workers == 4);
  CHECK(four.node.sessions_max == 313);  // 1,250 ÷ 4, up
  CHECK(four.node.listeners[0].admission.sessions_max == 250);
  CHECK(four.node.listeners[0].admission.half_open_max == 25);
  CHECK(four.node.listeners[0].admission.half_open_per_prefix_max == 320);  // 1,280 ÷ 4
  CHECK(four.node.listeners[0].admission.per_prefix_max == 1);
  CHECK(four.node.stack.shares_news);
  CHECK_FALSE(plan_of(config, 1).node.stack.shares_news);
  // These are said per worker.
  CHECK(four.buffers.blocks == 4000);
  CHECK(four.node.memory.window_bytes == std::size_t{16} << 20);
  // Nobody is left with nothing, and the largest node does not overflow.
  config.limits.sessions_max = 1;
  CHECK(plan_of(config, 64).node.sessions_max == 1);
  config.limits.sessions_max = 16'777'216;
  CHECK(plan_of(config, 64).node.sessions_max == 327'680);
  for (std::uint32_t workers = 2; workers <= 64; ++workers) {
    CHECK(std::uint64_t{plan_of(config, workers).node.sessions_max} * workers >= 16'777'216);
  }
}

TEST_CASE("whatever the configuration's ranges allow, the machines accept", "[plan]") {
  control::Config config = plain();
  control::ListenerConfig& from = config.listeners[0];
  const bool most = GENERATE(false, true);
  from.nodelay = most ? 2 : 0;
  from.interval_ms = most ? 5'000 : 10;
  from.ack_delay_ms = most ? 1'000 : 0;
  from.resend = most ? 255 : 0;
  from.snd_wnd = most ? 32'768 : 1;
  from.rcv_wnd = most ? 32'768 : 1;
  from.mtu = most ? 9'000 : 50;
  from.dead_link = most ? 255 : 2;
  from.probe_ms = most ? 120'000 : 100;
  from.stall_timeout_s = most ? 3'600 : 1;
  const kcp::Options options = plan_of(config).node.listeners[0].kcp;
  const auto fault = options.validate();
  INFO((fault ? fault->field : ""));
  CHECK_FALSE(fault);
  CHECK(options.send_queue_segments_max == (most ? 32'768u : 256u));
  CHECK_FALSE(shortfall(plan_of(config)));
}

TEST_CASE("a plan that falls short says which limit", "[plan]") {
  control::Config config = plain();
  config.limits.mbufs = 100;
  CHECK(shortfall(plan_of(config)).value().starts_with("limits.mbufs: 100 "));
  config = plain();
  config.limits.window_memory_mb = 1;
  config.listeners[0].rcv_wnd = 32'768;
  CHECK(shortfall(plan_of(config)).value().starts_with("limits.window_memory_mb: 1 MiB "));
  config = plain();
  config.limits.small_blocks = {1000, 10, 1000};
  CHECK(shortfall(plan_of(config)).value().starts_with("limits.small_blocks: 10 "));
}

TEST_CASE("each listener keeps its place", "[plan]") {
  control::Config config = plain();
  config.listeners.push_back(config.listeners[0]);
  config.listeners[1].port = 4001;
  config.listeners[1].mode = control::Mode::stream;
  const Plan plan = plan_of(config);
  REQUIRE(plan.node.listeners.size() == 2);
  CHECK(plan.node.listeners[0].admission.port == 4000);
  CHECK(plan.node.listeners[1].admission.port == 4001);
  CHECK(plan.stream == std::vector<bool>{false, true});
}
