// Rig: whole workers of one node over a port in memory, in virtual time, with services that write down what they hear.
//
// A test queues frames on the port, lets turns pass and reads what was sent. The gateway answers ARP by itself. After every
// turn the snapshot equation and the sum of sessions are checked; at the end of a Rig, that every buffer came home.
#pragma once

#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "buf/arena_pool.hpp"
#include "engine/worker.hpp"
#include "engine/world.hpp"
#include "wire.hpp"

namespace penstock::test {

// A port whose queues are two lists of frames.
class FakePort final : public Port {
 public:
  struct Arriving {
    Bytes bytes;
    bool shared = false;  // somebody else holds its block too
  };

  FakePort(BlockPool& pool, std::uint16_t queues);
  const PortInfo& info() const override { return information; }
  bool link_up() const override { return up; }
  std::uint32_t receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters& drops,
                        Instant now) override;
  std::uint32_t send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops,
                     Instant now) override;
  Instant next_deadline(std::uint16_t) const override { return deadline; }
  bool impair(std::uint16_t queue, const impair::Impairment& impairment) override {
    impaired[queue].faults = impairment;
    return impaired[queue].impaired != 0;
  }
  impair::ImpairReport impair_report(std::uint16_t queue) const override { return impaired[queue]; }

  PortInfo information;
  bool up = true;
  Instant deadline = Instant::never();
  std::array<impair::ImpairReport, 2> impaired{};  // by queue: what it says of its impairment, which it has not
  std::uint32_t room = ~0u;                        // frames that the transmit rings still take
  std::vector<std::deque<Arriving>> arriving;      // by queue
  std::vector<Bytes> sent;                         // of all queues
  std::vector<Segment> shares;                     // the other holds on shared blocks
  std::vector<std::string>* log = nullptr;         // names of calls, when a test wants to see their order

 private:
  BlockPool& pool_;
};

// A service that writes down its events and does with them what the test says.
class Recorder final : public Application {
 public:
  using Kind = ConnectionEvent::Kind;

  void on_start(Connections&, Instant) override { ++starts; }
  void on_events(Connections& connections, std::span<const ConnectionEvent> told, Instant now) override;
  void on_timeout(Connections& connections, Instant now) override;
  Instant next_deadline() const override { return deadline; }
  std::size_t count(Kind kind) const;
  // "opened readable closed/idle", of one session or of all.
  std::string story(SessionId only = {}) const;

  std::vector<ConnectionEvent> events;
  std::vector<std::size_t> bursts;  // sizes of on_events() calls
  std::function<void(Connections&, const ConnectionEvent&, Instant)> react;
  std::function<void(Connections&, Instant)> tick;
  Instant deadline = Instant::never();
  int starts = 0;
  std::vector<std::string>* log = nullptr;
};

// Takes all messages of a connection and lets them go, or sends them back.
std::vector<Bytes> take_all(Connection connection);
void echo(Connections& connections, const ConnectionEvent& event, Instant now);
// Sends `size` bytes of `fill` in segments of at most 1,000 bytes.
SendResult send_bytes(Connections& connections, Connection connection, std::size_t size, std::uint8_t fill = 0x5a);

// One worker with one listener on port 4000 of all addresses and service 0; small limits.
NodeConfig small_node(std::uint32_t workers = 1);

struct RigLimits {
  std::uint32_t services = 1;
  std::uint32_t blocks = 512;                     // of each worker's pool
  std::function<void(PortInfo&)> port = nullptr;  // changes what the port says of itself
  SipKey key = {1, 2};                            // the secret of the boot
};

class Rig {
 public:
  explicit Rig(const NodeConfig& node = small_node(), const RigLimits& limits = {});
  ~Rig();

  // One turn of every worker, `step` later; then checks what always holds.
  void turn(Duration step = Duration::us(100));
  // Turns at every deadline until `duration` has passed. Bounded.
  void pass(Duration duration);
  // Brings a frame to a queue.
  void bring(Bytes frame, std::uint16_t queue = 0) { port.arriving[queue].push_back({std::move(frame)}); }
  // Datagrams sent since the last call; the first ones of a gateway unknown may still wait.
  std::vector<Datagram> take();
  Worker& worker(std::uint32_t index = 0) { return *seats[index]->worker; }
  World& world(std::uint32_t index = 0) { return const_cast<World&>(worker(index).world()); }
  Recorder& service(std::uint32_t number = 0, std::uint32_t index = 0) { return seats[index]->services[number]; }
  const WorkerStats& stats(std::uint32_t index = 0) { return world(index).stats; }
  std::uint64_t drops(net::DropReason reason, std::uint32_t index = 0) { return world(index).drops.of(reason); }
  StatsSnapshot snapshot(std::uint32_t index = 0);
  // The drop rows that moved since `before`, with how far: "kcp_too_short 1".
  std::string dropped_since(const StatsSnapshot& before, std::uint32_t index = 0);
  void check();
  // Ends the workers and checks that no buffer is lost.
  void finish();

  struct Seat {
    Seat(const NodeConfig& node, std::uint32_t index, Rig& rig, const RigLimits& limits);
    HeapMemory memory;
    Arena arena;
    HeapPool blocks;
    std::vector<Recorder> services;
    std::vector<Application*> service_list;
    Mailbox mailbox;
    std::unique_ptr<Published<StatsSnapshot>> published = std::make_unique<Published<StatsSnapshot>>();
    std::unique_ptr<Worker> worker;
  };

  NodeConfig config;
  Instant now = Instant::at_us(1'000'000);
  HeapPool rx_blocks;
  FakePort port;
  std::vector<Port*> ports{&port};
  std::unique_ptr<HandoffRings> handoff;
  std::vector<std::unique_ptr<Seat>> seats;

 private:
  void answer_arp();
  std::size_t read_ = 0;  // frames of port.sent that take() or answer_arp() saw
  std::vector<Datagram> datagrams_;
};

// The other end of one conversation, by hand.
struct Peer {
  Peer(Rig& rig_, net::IpAddress address, std::uint32_t conv_ = 1, std::uint16_t port = 5000)
      : rig(rig_), endpoint{address, port}, conv(conv_) {}

  // The next PUSH.
  Kcp push(Bytes data, std::uint8_t fragment = 0) {
    return {conv, Kcp::push, fragment, 128, 7, sn++, una, std::move(data)};
  }
  // Acknowledges every PUSH of a datagram, as ikcp would.
  Bytes acks(const Datagram& datagram);
  void bring(const Bytes& payload, std::uint16_t queue = 0) { rig.bring(udp_frame(endpoint, server, payload), queue); }
  void send(Bytes data, std::uint16_t queue = 0) { bring(push(std::move(data)).bytes(), queue); }
  // Sends `data`, lets turns pass and acknowledges what comes until nothing more does; the data that came.
  Bytes talk(Bytes data);
  // Opens a session and proves its address.
  SessionId open();

  Rig& rig;
  net::Endpoint endpoint;
  net::Endpoint server{server_ip, server_port};
  std::uint32_t conv;
  std::uint32_t sn = 0;
  std::uint32_t una = 0;  // what we expect next from the server
};

inline net::IpAddress client_ip(unsigned number = 0) {
  return net::IpAddress::v4(198, 51, static_cast<std::uint8_t>(number >> 8),
                            static_cast<std::uint8_t>(1 + number % 250));
}

}  // namespace penstock::test
