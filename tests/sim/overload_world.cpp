#include "sim/overload_world.hpp"

#include <algorithm>
#include <limits>

namespace penstock::sim {

namespace {

constexpr std::uint32_t block_bytes = 2176;
constexpr std::uint32_t blocks = 8192;
constexpr std::uint32_t burst = 16;
constexpr std::uint64_t wire_ns = 20'000;
constexpr Instant start = Instant::at_us(1'000'000);
// A client's turns are at least so far apart, so that it takes in what came meanwhile in one go.
constexpr Duration client_step = Duration::us(20);
constexpr std::uint16_t server_port = 4000;
constexpr std::uint16_t client_port = 5000;
constexpr std::uint64_t client_addresses = 1 << 16;

const net::IpAddress server_address = net::IpAddress::v4(10, 0, 0, 1);

net::MacAddress mac(std::size_t host) { return {{0x02, 0, 0, 0, 0, static_cast<std::uint8_t>(host + 1)}}; }
net::IpAddress address(std::size_t host) { return net::IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(host + 1)); }
// Where a client's sessions come from; the flood's lie in 10.64.0.0/10.
net::Prefix prefix(std::size_t host) {
  return {net::IpAddress::v4(10, static_cast<std::uint8_t>(127 + host), 0, 0), 16};
}

std::uint32_t sessions_of(const OverloadPlan& plan) {
  std::uint32_t sum = Flood::newcomers_max * 2;
  for (const load::RunPlan& client : plan.clients) sum += client.sessions;
  return sum;
}

// Host 0 is the server.
NodeConfig node_of(const OverloadPlan& plan, std::size_t host) {
  NodeConfig node;
  node.sessions_max = host == 0 ? sessions_of(plan) : plan.clients[host - 1].sessions + 64;
  node.burst = burst;
  node.memory = {.small_blocks = {{16'384, 2048, 2048}}, .window_bytes = 32 << 20, .chunks = 4096};
  node.stack.ports = {{}};
  node.stack.rx_checksum = {net::RxChecksumPolicy::verify};
  net::InterfaceConfig interface;
  interface.mac = mac(host);
  interface.addresses = {{address(host), 24}};
  if (host == 0) {
    for (std::size_t i = 1; i <= plan.clients.size(); ++i) interface.routes.push_back({prefix(i), address(i)});
    interface.routes.push_back({{net::IpAddress::v4(10, 64, 0, 0), 10}, address(1)});
  } else {
    interface.local_prefixes = {prefix(host)};
  }
  node.stack.interfaces = {interface};
  ListenerSetup listener;
  listener.admission.name = "main";
  listener.admission.port = host == 0 ? server_port : client_port;
  listener.admission.sessions_max = listener.admission.half_open_max = listener.admission.per_prefix_max =
      listener.admission.half_open_per_prefix_max = node.sessions_max;
  if (host == 0 && plan.half_open_max > 0) listener.admission.half_open_max = plan.half_open_max;
  listener.admission.idle_timeout = Duration::seconds(1000);
  listener.admission.half_open_timeout = plan.half_open_timeout;
  listener.admission.quarantine = Duration::ms(1);
  listener.kcp.nodelay = 1;
  listener.kcp.interval_ms = 10;
  listener.kcp.resend = 2;
  listener.kcp.no_congestion_window = true;
  if (host != 0) listener.kcp.ack_delay_ms = 10;
  node.listeners = {listener};
  return node;
}

std::uint64_t ns_of(Instant at) { return static_cast<std::uint64_t>(at.count_us()) * 1'000; }
// Not before it: a turn at that µs sees what arrived by it.
Instant instant_of(std::uint64_t ns) {
  if (ns == std::numeric_limits<std::uint64_t>::max()) return Instant::never();
  return Instant::at_us(static_cast<std::int64_t>((ns + 999) / 1'000));
}

}  // namespace

RingPort::RingPort(BlockPool& pool, std::uint8_t number, std::uint32_t ring_max) : pool_(pool), ring_max_(ring_max) {
  info_.name = "ring";
  info_.mac = mac(number);
}

std::uint64_t RingPort::next_arrival_ns() const {
  if (!ring_.empty()) return 0;
  const std::uint64_t flooded = flood == nullptr ? std::numeric_limits<std::uint64_t>::max() : flood->next_ns();
  return wire.empty() ? flooded : std::min(flooded, wire.front().at_ns);
}

void RingPort::fill(std::uint64_t now_ns) {
  const auto put = [this](auto&& bytes) {
    if (ring_.size() < ring_max_) ring_.emplace_back(bytes.begin(), bytes.end());
    else ++lost_at_the_ring;
  };
  for (;;) {
    const std::uint64_t from_wire = wire.empty() ? std::numeric_limits<std::uint64_t>::max() : wire.front().at_ns;
    const std::uint64_t from_flood = flood == nullptr ? std::numeric_limits<std::uint64_t>::max() : flood->next_ns();
    if (std::min(from_wire, from_flood) > now_ns) return;
    if (from_flood < from_wire) {
      put(flood->take());
    } else {
      put(wire.front().bytes);
      wire.pop_front();
    }
  }
}

std::uint32_t RingPort::receive(std::uint16_t, std::span<net::RxFrame> frames, net::DropCounters&, Instant) {
  std::uint32_t count = 0;
  while (count < frames.size() && !ring_.empty()) {
    Block* block = pool_.allocate();
    if (block == nullptr) break;
    const Bytes& bytes = ring_.front();
    frames[count] = {};
    frames[count].bytes = Segment::adopt(block, 0, static_cast<std::uint32_t>(bytes.size()));
    std::ranges::copy(bytes, frames[count++].bytes.writable().begin());
    ring_.pop_front();
  }
  return count;
}

std::uint32_t RingPort::send(std::uint16_t, std::span<net::TxFrame> frames, net::DropCounters&, Instant) {
  for (net::TxFrame& frame : frames) {
    Bytes bytes(frame.head.bytes().begin(), frame.head.bytes().end());
    append(bytes, frame.link.bytes());
    frame = {};
    sent.push_back(std::move(bytes));
  }
  return static_cast<std::uint32_t>(frames.size());
}

struct OverloadWorld::Host {
  Host(const OverloadPlan& plan, std::size_t host, Instant begins, const Instant& clock)
      : number(host),
        node(node_of(plan, host)),
        memory(Worker::arena_bytes(node) +
               (host == 0 ? Echo::cost(node.sessions_max) : load::Client::cost(plan.clients[host - 1]))),
        arena(memory.bytes()),
        pool(block_bytes, blocks),
        port(pool, static_cast<std::uint8_t>(host), host == 0 ? plan.rx_ring : blocks),
        awake_at(begins) {
    if (host == 0) {
      service = std::make_unique<Echo>(arena, node.sessions_max, std::vector<bool>{});
    } else {
      const kcp::Options& kcp = node.listeners[0].kcp;
      const load::ClientSetup setup{
          .plan = plan.clients[host - 1],
          .targets = {{{server_address, server_port}, prefix(host).address, client_addresses}},
          .segment_bytes = kcp.mss(),
          .ack_delay = Duration::ms(kcp.ack_delay_ms)};
      const auto read = [](const void* at) { return ns_of(*static_cast<const Instant*>(at)); };
      auto made =
          std::make_unique<load::Client>(arena, setup, TickClock{.read = read, .context = &clock}, progress, results);
      client = made.get();
      service = std::move(made);
    }
    services = {service.get()};
  }
  // Begins to exist for its services.
  void power_on(std::uint64_t seed, Instant now) {
    const WorkerParts parts{.arena = arena,
                            .blocks = pool,
                            .ports = ports,
                            .services = services,
                            .handoff = nullptr,
                            .mailbox = nullptr,
                            .published = nullptr,
                            .key = {seed, 2},
                            .seed = seed + number};
    worker = std::make_unique<Worker>(node, 0, parts, now);
  }

  const std::size_t number;
  const NodeConfig node;
  HeapMemory memory;
  Arena arena;
  HeapPool pool;
  RingPort port;
  std::vector<Port*> ports{&port};
  load::Progress progress;
  load::Results results;
  std::unique_ptr<Application> service;
  load::Client* client = nullptr;  // the service, on a client
  std::vector<Application*> services;
  std::unique_ptr<Worker> worker;
  Instant awake_at;  // not run before
};

OverloadWorld::OverloadWorld(const OverloadPlan& plan)
    : plan_(plan),
      server_free_ns_(ns_of(start)),
      flood_(plan.flood, plan.flood_per_second, {mac(1), mac(0), {server_address, server_port}},
             start + Duration::ms(100)),
      now_(start) {
  for (std::size_t i = 0; i <= plan_.clients.size(); ++i) {
    const Duration late = i > 0 && i <= plan_.begin.size() ? plan_.begin[i - 1] : Duration();
    hosts_.push_back(std::make_unique<Host>(plan_, i, start + late, now_));
  }
  hosts_[0]->port.flood = &flood_;
  hosts_[0]->power_on(plan_.seed, now_);
}

OverloadWorld::~OverloadWorld() { whole(); }

bool OverloadWorld::whole() {
  bool all = true;
  for (const auto& host : hosts_) {
    host->worker.reset();
    all = all && host->pool.whole();
  }
  return all;
}

bool OverloadWorld::done() const {
  return std::ranges::all_of(
      hosts_, [](const auto& host) { return host->client == nullptr || host->client->phase() == load::Phase::over; });
}

Instant OverloadWorld::wake_of(const Host& host) const {
  if (host.worker == nullptr) return host.awake_at;
  const Instant due = earlier(host.worker->next_deadline(), instant_of(host.port.next_arrival_ns()));
  return later(due, host.number == 0 ? instant_of(server_free_ns_) : host.awake_at);
}

void OverloadWorld::run(Duration limit) {
  const Instant end = start + limit;
  while (!done() && now_ < end) {
    Host* next = hosts_[0].get();
    Instant at = wake_of(*next);
    for (const auto& host : hosts_) {
      const Instant wake = wake_of(*host);
      if (wake >= at) continue;
      at = wake;
      next = host.get();
    }
    now_ = later(now_, at);
    if (next->number == 0) run_server();
    else run_client(*next, now_);
  }
}

// A turn, and then the time that it took. What it sent leaves at its end.
void OverloadWorld::run_server() {
  Host& host = *hosts_[0];
  host.port.fill(ns_of(now_));
  const World& world = host.worker->world();
  const auto work = [&world] {
    return std::pair{world.stats.rx_packets + world.stats.tx_packets, world.machine_counters.messages_received};
  };
  const auto [frames_before, requests_before] = work();
  host.worker->run_once(now_);
  const auto [frames, requests] = work();
  // A turn that began as soon as the core was free began then, not at the next whole µs.
  const std::uint64_t begun = server_free_ns_ + 1'000 > ns_of(now_) ? server_free_ns_ : ns_of(now_);
  server_free_ns_ = begun + plan_.prices.turn + (frames - frames_before) * plan_.prices.frame +
                    (requests - requests_before) * plan_.prices.request;
  for (const Bytes& bytes : host.port.sent) {
    for (std::size_t to = 1; to < hosts_.size(); ++to) {
      const bool broadcast = bytes[5] == 0xff;
      if (broadcast || bytes[5] == to + 1) hosts_[to]->port.wire.push_back({server_free_ns_ + wire_ns, bytes});
    }
  }
  host.port.sent.clear();
  if (watch) watch(world, now_);
}

void OverloadWorld::run_client(Host& host, Instant now) {
  if (host.worker == nullptr) host.power_on(plan_.seed, now);
  host.port.fill(ns_of(now));
  host.worker->run_once(now);
  host.awake_at = now + client_step;
  auto& wire = hosts_[0]->port.wire;
  for (const Bytes& bytes : host.port.sent) flood_.learn(bytes);
  for (Bytes& bytes : host.port.sent) wire.push_back({ns_of(now) + wire_ns, std::move(bytes)});
  host.port.sent.clear();
}

const load::Results& OverloadWorld::results(std::size_t client) const { return hosts_[client + 1]->results; }

double OverloadWorld::goodput(std::size_t client) const {
  const load::Results& found = results(client);
  return static_cast<double>(found.requests) * 1e9 / static_cast<double>(std::max<std::uint64_t>(found.measured_ns, 1));
}

std::string OverloadWorld::failure(std::size_t client) const { return results(client).failure(plan_.clients[client]); }

const World& OverloadWorld::server() const { return hosts_[0]->worker->world(); }

HeapPool& OverloadWorld::server_pool() { return hosts_[0]->pool; }

std::uint64_t OverloadWorld::lost_at_the_ring() const { return hosts_[0]->port.lost_at_the_ring; }

}  // namespace penstock::sim
