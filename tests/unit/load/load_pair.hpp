// LoadPair: a load client and a server, each a whole worker, joined by a line that may lose and delay frames, in virtual
// time.
//
// Both sides' clocks are the test's; the client's TickClock has the same time in nanoseconds. The server's service is echo,
// or the test's. At the end every buffer must be home.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "base/rng.hpp"
#include "buf/arena_pool.hpp"
#include "engine/worker.hpp"
#include "engine/world.hpp"
#include "load/client.hpp"
#include "penstock/echo.hpp"

namespace penstock::load::test {

using Bytes = std::vector<std::uint8_t>;

// One end of the line.
class LinePort final : public Port {
 public:
  LinePort(BlockPool& pool, std::uint8_t number) : pool_(pool) {
    info_.name = "line";
    info_.mac = {{0x02, 0, 0, 0, 0, number}};
  }
  const PortInfo& info() const override { return info_; }
  bool link_up() const override { return true; }
  std::uint32_t receive(std::uint16_t, std::span<net::RxFrame> frames, net::DropCounters&, Instant now) override {
    std::uint32_t count = 0;
    while (count < frames.size() && !arriving_.empty() && arriving_.front().at <= now) {
      Block* block = pool_.allocate();
      if (block == nullptr) break;
      const Bytes& bytes = arriving_.front().bytes;
      frames[count] = {};
      frames[count].bytes = Segment::adopt(block, 0, static_cast<std::uint32_t>(bytes.size()));
      std::ranges::copy(bytes, frames[count++].bytes.writable().begin());
      arriving_.pop_front();
    }
    return count;
  }
  std::uint32_t send(std::uint16_t, std::span<net::TxFrame> frames, net::DropCounters&, Instant now) override {
    for (net::TxFrame& frame : frames) {
      Bytes bytes(frame.head.bytes().begin(), frame.head.bytes().end());
      bytes.insert(bytes.end(), frame.link.bytes().begin(), frame.link.bytes().end());
      frame = {};
      if (!rng.chance_ppm(loss_ppm)) peer->arriving_.push_back({now + delay, std::move(bytes)});
    }
    return static_cast<std::uint32_t>(frames.size());
  }
  Instant next_arrival() const { return arriving_.empty() ? Instant::never() : arriving_.front().at; }

  LinePort* peer = nullptr;
  std::uint32_t loss_ppm = 0;  // of what it sends
  Duration delay = Duration::us(50);
  Rng rng{7};

 private:
  struct Arriving {
    Instant at;
    Bytes bytes;
  };
  PortInfo info_;
  BlockPool& pool_;
  std::deque<Arriving> arriving_;
};

inline const auto server_address = net::IpAddress::v4(10, 0, 0, 1);
inline const auto client_address = net::IpAddress::v4(10, 0, 0, 2);
inline const auto server_address6 = net::IpAddress::v6({0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
inline const auto client_address6 = net::IpAddress::v6({0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
inline const auto client_prefix = net::Prefix{net::IpAddress::v4(10, 128, 0, 0), 9};
inline const auto client_prefix6 = net::Prefix{net::IpAddress::v6({0xfd, 0x99}), 64};

inline NodeConfig node_of(bool client, std::uint32_t sessions) {
  NodeConfig node;
  node.sessions_max = sessions + 64;
  node.memory = {.small_blocks = {{4096, 1024, 2048}}, .window_bytes = 4 << 20, .chunks = 4096};
  node.stack.ports = {{}};
  node.stack.rx_checksum = {net::RxChecksumPolicy::verify};
  net::InterfaceConfig interface;
  interface.mac = {{0x02, 0, 0, 0, 0, static_cast<std::uint8_t>(client ? 2 : 1)}};
  interface.addresses = {{client ? client_address : server_address, 24},
                         {client ? client_address6 : server_address6, 64}};
  if (client) interface.local_prefixes = {client_prefix, client_prefix6};
  else interface.routes = {{client_prefix, client_address}, {client_prefix6, client_address6}};
  node.stack.interfaces = {interface};
  ListenerSetup listener;
  listener.admission.name = "main";
  listener.admission.port = client ? 5000 : 4000;
  listener.admission.sessions_max = listener.admission.half_open_max = listener.admission.per_prefix_max =
      node.sessions_max;
  listener.admission.idle_timeout = Duration::seconds(1000);
  listener.kcp.nodelay = 1;
  listener.kcp.interval_ms = 10;
  listener.kcp.resend = 2;
  listener.kcp.no_congestion_window = true;
  if (client) listener.kcp.ack_delay_ms = 10;
  node.listeners = {listener};
  return node;
}

struct Side {
  Side(const NodeConfig& config, std::uint8_t number, std::size_t service_bytes)
      : node(config),
        memory(Worker::arena_bytes(node) + service_bytes),
        arena(memory.bytes()),
        blocks(2176, 4096),
        port(blocks, number) {}
  void seat(Application& service, Instant now) {
    services = {&service};
    const WorkerParts parts{.arena = arena,
                            .blocks = blocks,
                            .ports = ports,
                            .services = services,
                            .handoff = nullptr,
                            .mailbox = nullptr,
                            .published = nullptr,
                            .key = {1, 2},
                            .seed = 5};
    worker = std::make_unique<Worker>(node, 0, parts, now);
  }
  Instant next() const { return earlier(worker->next_deadline(), port.next_arrival()); }

  NodeConfig node;
  HeapMemory memory;
  Arena arena;
  HeapPool blocks;
  LinePort port;
  std::vector<Port*> ports{&port};
  std::vector<Application*> services;
  std::unique_ptr<Worker> worker;
};

// A plan as the command line makes it for a small run.
inline RunPlan small_plan(ShapeKind shape = ShapeKind::closed, std::uint32_t sessions = 20) {
  RunPlan plan;
  plan.shape = shape;
  plan.sessions = plan.active = sessions;
  plan.depth = sessions;
  plan.requests_in_flight_max = 1024;
  plan.warmup_s = 0;
  plan.seconds = 1;
  plan.patience_s = 5;
  return plan;
}

class LoadPair {
 public:
  explicit LoadPair(const RunPlan& run_plan, std::uint32_t server_sessions = 1000)
      : plan(run_plan),
        server(node_of(false, server_sessions), 1, Echo::cost(server_sessions + 64)),
        client(node_of(true, plan.sessions), 2, Client::cost(plan)) {
    server.port.peer = &client.port;
    client.port.peer = &server.port;
  }
  ~LoadPair() {
    client.worker.reset();
    server.worker.reset();
    CHECK(client.blocks.whole());
    CHECK(server.blocks.whole());
  }
  // Both families, each from its prefix.
  static std::vector<Target> both() {
    return {{{server_address, 4000}, client_prefix.address, 1u << 23},
            {{server_address6, 4000}, client_prefix6.address, 1u << 23}};
  }
  // Runs until the client says that it is over, for `limit` of virtual time at most.
  void run(Duration limit = Duration::seconds(60), std::vector<Target> targets = both()) {
    const std::vector<bool> no_stream;
    if (service == nullptr) echo = std::make_unique<Echo>(server.arena, server.node.sessions_max, no_stream);
    server.seat(service == nullptr ? *echo : *service, now);
    const kcp::Options& kcp = client.node.listeners[0].kcp;
    const ClientSetup setup{plan, std::move(targets), kcp.mss(), Duration::ms(kcp.ack_delay_ms)};
    const auto read = [](const void* at) {
      return static_cast<std::uint64_t>(static_cast<const Instant*>(at)->count_us()) * 1000;
    };
    load = std::make_unique<Client>(client.arena, setup, TickClock{.read = read, .context = &now}, progress, results);
    client.seat(*load, now);
    const Instant end = now + limit;
    while (load->phase() != Phase::over && now < end) {
      client.worker->run_once(now);
      server.worker->run_once(now);
      if (each_turn) each_turn();
      now = later(now + Duration::us(5), earlier(client.next(), server.next()));
    }
  }
  std::string failure() const { return results.failure(plan); }

  const RunPlan plan;
  Instant now = Instant::at_us(1'000'000);
  Side server;
  Side client;
  Application* service = nullptr;  // the server's, instead of echo
  std::unique_ptr<Echo> echo;
  std::function<void()> each_turn;
  Progress progress;
  Results results;
  std::unique_ptr<Client> load;
};

}  // namespace penstock::load::test
