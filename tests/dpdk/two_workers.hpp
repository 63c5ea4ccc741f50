// TwoWorkers: two whole workers of the runtime over net_null's RSS set-up, on a wire that steers as the test wants.
//
// The clients, the wire and its steering are the test's; the seats, pools, rings and the device's set-up are those of a node.
// The heap memory that making a worker took is watched (HeapWatch, owner = the worker's index). The main thread makes and
// destroys it, run() starts a thread a worker and ends it.
#pragma once

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "control/config.hpp"
#include "dpdk_fixture.hpp"
#include "engine/wire.hpp"
#include "heap_watch.hpp"
#include "penstock/echo.hpp"
#include "runtime/plan.hpp"
#include "runtime/seat.hpp"
#include "session/ownership.hpp"

namespace penstock::test {

using namespace penstock::runtime;
using nic::test::Vdev;

inline constexpr std::uint32_t workers = 2;
inline constexpr std::uint32_t clients = 24;

inline constexpr const char* configuration = R"(
[limits]
sessions_max = 256
rx_descriptors = 64
tx_descriptors = 64
drain_timeout_s = 0
[[port]]
device = "net_null0"
addresses = ["10.0.0.1/24"]
gateway = "10.0.0.254"
[[listener]]
name = "echo"
port = 4000
service = "echo"
nodelay = 1
nc = true
)";

inline Bytes message_of(std::uint32_t client, std::uint32_t number) {
  Bytes bytes(1 + (client * 37 + number * 101) % 900);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(client * 31 + number * 7 + i);
  return bytes;
}

// One ikcp client, as far as an echo of one message at a time needs it.
struct Client {
  net::Endpoint endpoint;
  std::uint32_t conv = 0;
  std::uint32_t number = 0;
  std::uint32_t messages = 0;  // to be echoed, one in flight
  std::uint32_t sent = 0;      // messages sent
  std::uint32_t echoed = 0;    // … and come back right
  std::uint32_t wrong = 0;

  bool done() const { return echoed == messages; }
  Kcp question() const { return {conv, Kcp::push, 0, 128, 7, sent - 1, echoed, message_of(number, sent - 1)}; }
  // What it answers to a datagram: acknowledgements, and the next question.
  Bytes on(const Datagram& datagram) {
    Bytes out;
    for (const Kcp& segment : datagram.segments) {
      if (segment.command != Kcp::push) continue;
      if (segment.sn == echoed && !done()) {
        wrong += segment.data == message_of(number, echoed) ? 0u : 1u;
        ++echoed;
      }
      out = join({out, Kcp{conv, Kcp::ack, 0, 128, segment.stamp, segment.sn, echoed, {}}.bytes()});
    }
    if (!out.empty() && echoed == sent && sent < messages) {
      ++sent;
      out = join({out, question().bytes()});
    }
    return out;
  }
};

enum class Steering : std::uint8_t {
  wrongly,         // every datagram comes to the queue that is not its owner's
  to_first_owner,  // all flows are worker 0's, and come to it
};

// A port that says what net_null's set-up says, and steers as told. It asks all clients' first questions by itself.
class SteeredPort final : public Port {
 public:
  SteeredPort(const PortInfo& info, std::span<nic::MbufPool* const> pools, Steering steering, std::uint32_t messages)
      : info_(info), pools_(pools.begin(), pools.end()), steering_(steering) {
    info_.traits = {};
    info_.mac = server_mac;
    for (std::uint32_t i = 0; i < clients; ++i) {
      Client& client = clients_[i];
      client = {.endpoint = {net::IpAddress::v4(198, 51, 100, static_cast<std::uint8_t>(1 + i)),
                             static_cast<std::uint16_t>(5000 + i)},
                .conv = 1 + i,
                .number = i,
                .messages = messages,
                .sent = 1};
      while (steering == Steering::to_first_owner && owner_of(client) != 0) ++client.endpoint.port;
      bring(client, client.question().bytes());
    }
  }

  const PortInfo& info() const override { return info_; }
  bool link_up() const override { return true; }

  std::uint32_t receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters&, Instant) override {
    const std::scoped_lock lock(mutex_);
    std::uint32_t count = 0;
    for (auto& arriving = arriving_[queue]; count < frames.size() && !arriving.empty(); ++count) {
      Block* block = pools_[queue]->allocate();
      if (block == nullptr) break;
      const Bytes& bytes = arriving.front();
      std::memcpy(block->data + nic::mbuf_headroom_bytes, bytes.data(), bytes.size());
      frames[count] = {};
      frames[count].bytes = Segment::adopt(block, nic::mbuf_headroom_bytes, static_cast<std::uint32_t>(bytes.size()));
      arriving.pop_front();
    }
    return count;
  }

  std::uint32_t send(std::uint16_t, std::span<net::TxFrame> frames, net::DropCounters&, Instant) override {
    const std::scoped_lock lock(mutex_);
    for (net::TxFrame& frame : frames) {
      Bytes bytes(frame.head.bytes().begin(), frame.head.bytes().end());
      if (frame.link.holds()) bytes.insert(bytes.end(), frame.link.bytes().begin(), frame.link.bytes().end());
      carry(bytes);
      frame.head.reset();
      frame.link.reset();
    }
    return static_cast<std::uint32_t>(frames.size());
  }

  bool all_done() const {
    const std::scoped_lock lock(mutex_);
    return std::ranges::all_of(clients_, &Client::done);
  }
  // What each client got back so far.
  std::array<std::uint32_t, clients> echoed() const {
    const std::scoped_lock lock(mutex_);
    std::array<std::uint32_t, clients> counts{};
    std::ranges::transform(clients_, counts.begin(), &Client::echoed);
    return counts;
  }
  // Asks again for what is not answered, as a client's timer would.
  void ask_again() {
    const std::scoped_lock lock(mutex_);
    for (const Client& client : clients_) {
      if (!client.done()) bring(client, client.question().bytes());
    }
  }
  // Lets the clients finish what they asked, and ask nothing more.
  void enough() {
    const std::scoped_lock lock(mutex_);
    for (Client& client : clients_) client.messages = client.sent;
  }
  std::uint32_t owner_of(const Client& client) const {
    const std::uint32_t hash = rss_hash(info_.rss_key, client.endpoint, {server_ip, server_port}, info_.rss_udp4);
    return info_.rss_reta[hash % info_.rss_reta.size()];
  }
  const std::array<Client, clients>& all() const { return clients_; }

 private:
  void bring(const Client& client, const Bytes& payload) {
    const std::uint32_t owner = owner_of(client);
    arriving_[steering_ == Steering::wrongly ? 1 - owner : owner].push_back(
        udp_frame(client.endpoint, {server_ip, server_port}, payload));
  }
  void carry(const Bytes& frame) {
    Datagram datagram;
    if (read_udp(frame, datagram)) {
      for (Client& client : clients_) {
        if (!(datagram.to == client.endpoint)) continue;
        if (const Bytes answer = client.on(datagram); !answer.empty()) bring(client, answer);
      }
    } else if (frame.size() >= 42 && get16(frame, 12) == 0x0806 && get16(frame, 20) == 1) {
      for (auto& arriving : arriving_) {
        arriving.push_back(ethernet(0x0806, arp(2, gateway_mac, gateway_ip, server_mac, server_ip)));
      }
    }
  }

  PortInfo info_;
  std::vector<nic::MbufPool*> pools_;
  Steering steering_;
  mutable std::mutex mutex_;
  std::array<Client, clients> clients_;
  std::array<std::deque<Bytes>, workers> arriving_;
};

// A node as runtime/node makes it, with the wire between its workers and net_null.
struct TwoWorkers {
  TwoWorkers(bool adaptive, Steering steering, std::uint32_t messages) {
    const auto config = control::parse_config(configuration, "cores.toml");
    REQUIRE(config);
    plan = plan_node(*config, workers);
    const ServiceFactory services{.make =
                                      [](const Plan& of, Arena& arena, TickClock) {
                                        std::vector<std::unique_ptr<Application>> made;
                                        made.push_back(std::make_unique<Echo>(arena, of.node.sessions_max, of.stream));
                                        return made;
                                      },
                                  .arena_bytes = [](const Plan& of) { return Echo::cost(of.node.sessions_max); }};
    HeapWatch::clear();
    for (std::uint32_t i = 0; i < workers; ++i) {
      const HeapWatch watch(i);
      seats.push_back(std::make_unique<Seat>(i, nic::Lcore{.id = i}));
      REQUIRE(seats.back()->reserve(plan, services));
    }
    open_port(steering, messages);
    plan.node.stack.ports[0] = port->info().traits;
    plan.node.stack.interfaces[0].mac = port->info().mac;
    ports = {port.get()};
    for (const auto& seat : seats) {
      const HeapWatch watch(seat->index());
      seat->seat_worker(plan, services, ports, rings, {1, 2}, clock->ticks(), clock->now());
      if (!adaptive) continue;
      auto wait = nic::RxWait::make(devices, static_cast<std::uint16_t>(seat->index()));
      REQUIRE(wait);
      seat->let_rest(std::move(*wait));
    }
    for (const auto& seat : seats) {
      seat->add_memory(maps.emplace_back());
      rings.add_memory(seat->index(), maps.back());
    }
  }
  ~TwoWorkers() {
    for (const auto& seat : seats) seat->leave();
    for (const auto& seat : seats) CHECK(seat->pool().free_everywhere() == seat->pool().capacity());
    devices.clear();
  }

  void open_port(Steering steering, std::uint32_t messages) {
    std::vector<nic::QueuePools> pools;
    for (const auto& seat : seats) pools.push_back({.blocks = &seat->pool()});
    auto opened = nic::DpdkPort::open(nic::test::settings_for(device.name()), pools);
    if (!opened) FAIL(opened.error());
    devices.push_back(std::move(*opened));
    const std::vector<nic::MbufPool*> blocks{&seats[0]->pool(), &seats[1]->pool()};
    port = std::make_unique<SteeredPort>(devices[0]->info(), blocks, steering, messages);
  }

  // Both workers run until `done()`, for 30 s at most.
  template <class Done>
  void run(Done done) {
    std::atomic<Phase> phase{Phase::serving};
    std::vector<std::thread> threads;
    for (const auto& seat : seats) threads.emplace_back([&, own = seat.get()] { own->loop(*clock, phase); });
    for (int i = 0; i < 300 && !done(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      port->ask_again();
    }
    phase = Phase::stopping;
    for (int i = 0; i < 100 && !(seats[0]->quiet() && seats[1]->quiet()); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    phase = Phase::ended;
    for (std::thread& thread : threads) thread.join();
  }

  // What the workers published last; all zero where one has published nothing yet.
  std::array<StatsSnapshot, workers> snapshots() const {
    std::array<StatsSnapshot, workers> copies;
    for (const auto& seat : seats) static_cast<void>(seat->published().read(copies[seat->index()]));
    return copies;
  }

  Plan plan;
  Vdev device{"net_null", "no-rx=1"};
  std::unique_ptr<nic::TscClock> clock = std::move(*nic::TscClock::calibrate());
  std::vector<std::unique_ptr<Seat>> seats;
  std::vector<std::unique_ptr<nic::DpdkPort>> devices;
  std::unique_ptr<SteeredPort> port;
  std::vector<Port*> ports;
  HandoffRings rings{workers};
  std::vector<MemoryMap> maps;
};

}  // namespace penstock::test
