// Shows that two workers on two threads serve sessions whose packets arrive at either of them, while control asks for
// sessions and reads snapshots: nothing is lost, counted twice or left over.
// How: real workers with the echo service over a port in memory; this thread plays the network and the clients, with
// frames of the simulator's own codec, and puts each frame on a random queue. ThreadSanitizer watches.
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "base/rng.hpp"
#include "engine/worker.hpp"
#include "locked_pool.hpp"
#include "penstock/echo.hpp"
#include "proto/kcp/wire.hpp"
#include "sim/frames.hpp"
#include "wire_port.hpp"

using namespace penstock;

namespace {

constexpr std::uint32_t workers = 2;
constexpr std::uint32_t clients = 40;
constexpr std::uint32_t messages = 8;  // of each client
constexpr std::uint16_t server_port = 4000;
const net::MacAddress server_mac{{2, 0, 0, 0, 0, 1}};
const net::MacAddress client_mac{{2, 0, 0, 0, 0, 2}};
const net::IpAddress server_address = net::IpAddress::v4(10, 0, 0, 1);
const net::IpAddress client_address = net::IpAddress::v4(10, 0, 0, 2);

NodeConfig node_of(const Port& port) {
  NodeConfig node;
  node.workers = workers;
  node.sessions_max = 256;
  node.memory = {.small_blocks = {{512, 256, 256}}, .window_bytes = 1 << 20, .chunks = 512};
  node.snapshot_interval = Duration::ms(1);
  net::InterfaceConfig interface;
  interface.mac = server_mac;
  interface.addresses = {{server_address, 24}};
  node.stack.ports = {port.info().traits};
  node.stack.rx_checksum = {net::RxChecksumPolicy::verify};
  node.stack.interfaces = {interface};
  ListenerSetup echo;
  echo.admission.name = "echo";
  echo.admission.port = server_port;
  echo.admission.sessions_max = 256;
  echo.admission.half_open_max = 256;
  echo.admission.per_prefix_max = 256;
  echo.kcp.nodelay = 1;
  echo.kcp.no_congestion_window = true;
  node.listeners = {echo};
  return node;
}

Instant clock_now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return Instant::at_us(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

// One lcore: a worker and its thread.
class Core {
 public:
  Core(const NodeConfig& node, std::uint32_t index, Port& port, BlockPool& pool, HandoffRings& rings)
      : memory_(Worker::arena_bytes(node) + Echo::cost(node.sessions_max)),
        arena_(memory_.bytes()),
        echo_(arena_, node.sessions_max, {false}),
        ports_{&port},
        services_{&echo_},
        worker_(std::make_unique<Worker>(node, index,
                                         WorkerParts{.arena = arena_,
                                                     .blocks = pool,
                                                     .ports = ports_,
                                                     .services = services_,
                                                     .handoff = &rings,
                                                     .mailbox = &mailbox,
                                                     .published = &published,
                                                     .key = {1, 2},
                                                     .seed = 100 + index},
                                         clock_now())) {}

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void stop() {
    stopping_ = true;
    thread_.join();
  }
  // After stop().
  StatsSnapshot last() const {
    StatsSnapshot snapshot;
    worker_->snapshot(snapshot, clock_now());
    return snapshot;
  }

  Mailbox mailbox;
  Published<StatsSnapshot> published;

 private:
  void run() {
    while (!stopping_.load()) {
      worker_->run_once(clock_now());
      std::this_thread::yield();
    }
    worker_->stop(clock_now());
    for (int turn = 0; turn < 1'000 && !worker_->quiet(); ++turn) worker_->run_once(clock_now());
  }

  HeapMemory memory_;
  Arena arena_;
  Echo echo_;
  std::array<Port*, 1> ports_;
  std::array<Application*, 1> services_;
  std::unique_ptr<Worker> worker_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

// The other end of every session: one message after the other, each answered by its echo before the next.
class Network {
 public:
  explicit Network(test::WirePort& port) : port_(port), rng_(7) {}

  void begin() {
    for (std::uint32_t client = 0; client < clients; ++client) send_message(client);
  }
  // Reads what the workers sent and answers it.
  void turn() {
    for (std::uint16_t queue = 0; queue < test::WirePort::queues; ++queue) {
      while (auto frame = port_.fetch(queue)) take(*frame);
    }
  }
  bool done() const { return finished_ == clients; }
  bool wrong() const { return wrong_; }

 private:
  static sim::Bytes payload_of(std::uint32_t client, std::uint32_t message) {
    return sim::Bytes(40 + message, static_cast<std::uint8_t>(client * 16 + message));
  }
  void send(std::uint32_t client, const sim::Bytes& segment) {
    const net::Endpoint from{client_address, static_cast<std::uint16_t>(20'000 + client)};
    const auto datagram = sim::udp(from, {server_address, server_port}, segment);
    const auto packet = sim::ip(client_address, server_address, 17, datagram);
    port_.bring(static_cast<std::uint16_t>(rng_.below(test::WirePort::queues)),
                sim::ethernet(server_mac, client_mac, {}, 0x0800, packet));
  }
  void send_message(std::uint32_t client) {
    const std::uint32_t number = echoed_[client];
    send(client, sim::kcp(client, 81, 0, number, number, payload_of(client, number), number + 1));
  }
  void take(const sim::Bytes& frame) {
    if (const auto view = sim::peek(frame)) return take_datagram(view->destination.port - 20'000u, view->payload);
    // Who has the clients' address?
    if (frame.size() >= 42 && frame[12] == 0x08 && frame[13] == 0x06 && frame[21] == 1 && frame[41] == 2) {
      const auto answer = sim::arp(2, client_mac, client_address, server_mac, server_address);
      for (std::uint16_t queue = 0; queue < test::WirePort::queues; ++queue) {
        port_.bring(queue, sim::ethernet(server_mac, client_mac, {}, 0x0806, answer));
      }
    }
  }
  void take_datagram(std::uint32_t client, std::span<const std::uint8_t> datagram) {
    kcp::SegmentReader reader(datagram);
    while (reader.next()) {
      const kcp::Header& header = reader.header();
      wrong_ = wrong_ || client >= clients || header.conv != client;
      if (wrong_ || header.command != kcp::Command::push) continue;
      // The echo, or a challenge: both are acknowledged with their stamp.
      const std::uint32_t next = echoed_[client] + (header.sn == Seq32(echoed_[client]) ? 1 : 0);
      send(client, sim::kcp(client, 82, 0, header.sn.raw(), next, {}, header.stamp.raw()));
      if (next == echoed_[client]) continue;
      const auto expected = payload_of(client, echoed_[client]);
      wrong_ = wrong_ || !std::ranges::equal(datagram.subspan(reader.payload_offset(), header.length), expected);
      echoed_[client] = next;
      if (next < messages) send_message(client);
      else ++finished_;
    }
  }

  test::WirePort& port_;
  Rng rng_;
  std::array<std::uint32_t, clients> echoed_{};
  std::uint32_t finished_ = 0;
  bool wrong_ = false;
};

// Control: asks one worker after the other for its sessions and reads its snapshots.
class Control {
 public:
  void turn(Core& core) {
    if (core.mailbox.commands.push({.kind = Command::Kind::sessions, .ticket = asked_ + 1})) ++asked_;
    Answer answer;
    while (core.mailbox.answers.pop(answer)) ++answered_;
    StatsSnapshot seen;
    if (!core.published.read(seen)) return;
    std::uint64_t dropped = 0;
    for (std::size_t i = 0; i < net::drop_reason_count; ++i) {
      if (!net::is_transmit(static_cast<net::DropReason>(i))) dropped += seen.drops[i];
    }
    const WorkerStats& w = seen.worker;
    balanced_ = balanced_ && w.rx_packets + w.handed_in == w.delivered + w.handed_out + w.held_now + dropped;
    ++read_;
  }
  bool balanced() const { return balanced_; }
  std::uint64_t answered() const { return answered_; }
  std::uint64_t read() const { return read_; }

 private:
  std::uint64_t asked_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t read_ = 0;
  bool balanced_ = true;
};

}  // namespace

TEST_CASE("two workers on two threads serve flows that arrive at either", "[workers]") {
  test::LockedPool pool(2176, 4096);
  test::WirePort port(pool, server_mac);
  const NodeConfig node = node_of(port);
  HandoffRings rings(workers);
  std::vector<std::unique_ptr<Core>> cores;
  for (std::uint32_t i = 0; i < workers; ++i) cores.push_back(std::make_unique<Core>(node, i, port, pool, rings));
  for (const auto& core : cores) core->start();

  Network network(port);
  Control control;
  network.begin();
  // A hang guard only: without a sanitizer this takes milliseconds.
  const Instant give_up = clock_now() + Duration::seconds(240);
  while ((!network.done() || control.answered() == 0 || control.read() == 0) && clock_now() < give_up) {
    network.turn();
    for (const auto& core : cores) control.turn(*core);
    std::this_thread::yield();
  }
  for (const auto& core : cores) core->stop();

  CHECK(network.done());
  CHECK_FALSE(network.wrong());
  CHECK(control.balanced());
  CHECK(control.answered() > 0);
  StatsSnapshot sum;
  for (const auto& core : cores) {
    const StatsSnapshot last = core->last();
    sum.worker.sessions_opened += last.worker.sessions_opened;
    sum.worker.handed_out += last.worker.handed_out;
    sum.worker.handed_in += last.worker.handed_in;
    CHECK(last.worker.sessions_now == 0);
    CHECK(last.worker.sessions_opened > 0);  // the keyed hash shares the flows out
  }
  CHECK(sum.worker.sessions_opened == clients);
  CHECK(sum.worker.handed_out > 0);
  // What was under way between the workers when they stopped lies in the rings still.
  std::uint64_t between = 0;
  for (std::uint32_t from = 0; from < workers; ++from) {
    HandoffRecord record;
    while (rings.ring(from, 1 - from).pop(record)) {
      if (record.kind != HandoffRecord::Kind::datagram) continue;
      Segment::adopt(record.block, record.offset, record.length).reset();
      ++between;
    }
  }
  CHECK(sum.worker.handed_out == sum.worker.handed_in + between);
  cores.clear();
  CHECK(pool.available() == pool.capacity());
}
