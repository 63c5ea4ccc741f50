// Bench: one node with whole workers of lib/engine in virtual time, between a wire in memory and an application by hand.
//
// What a packet script and the reflection audit play upon. Whoever speaks to the node lives behind a gateway, which answers
// ARP and neighbour discovery by itself until it is told to be silent; that talk is not seen in `sent`. Counters are the
// sums of all workers; after every turn the snapshot equation must hold.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "buf/arena_pool.hpp"
#include "engine/handoff.hpp"
#include "engine/worker.hpp"
#include "impair/impaired_port.hpp"
#include "packets/app.hpp"
#include "penstock/discard.hpp"
#include "penstock/echo.hpp"
#include "sim/frames.hpp"

namespace penstock::packets {

using sim::Bytes;

inline const net::MacAddress node_mac{{2, 0, 0, 0, 0, 1}};
inline const net::MacAddress gateway_mac{{2, 0, 0, 0, 0, 0xfe}};
inline const net::IpAddress node_ip4 = *net::parse_ip("10.0.0.1");
inline const net::IpAddress node_ip6 = *net::parse_ip("fd77::1");
inline const net::IpAddress gateway_ip4 = *net::parse_ip("10.0.0.254");
inline const net::IpAddress gateway_ip6 = *net::parse_ip("fd77::fe");

struct Sent {
  Instant at;
  Bytes bytes;
};

// The port: frames in by queue, frames out.
class Wire final : public Port {
 public:
  Wire(BlockPool& pool, std::uint16_t queues);
  const PortInfo& info() const override { return info_; }
  bool link_up() const override { return up; }
  std::uint32_t receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters& drops,
                        Instant now) override;
  std::uint32_t send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops,
                     Instant now) override;

  bool up = true;
  std::uint32_t room = ~0u;                 // frames that a call of send() takes at most
  std::vector<std::deque<Bytes>> arriving;  // by queue
  std::vector<Sent> sent;                   // since the gateway looked last

 private:
  BlockPool& pool_;
  PortInfo info_;
};

enum Service : std::uint32_t { service_app, service_echo, service_discard };

// The node did what it must never do, whatever the script: not a matter of what a line expects.
class NodeFault : public std::runtime_error {
 public:
  explicit NodeFault(const std::string& sentence) : std::runtime_error(sentence) {}
};

struct BenchSetup {
  NodeConfig node;  // stack, memory and workers as standard() has them unless changed
  std::uint32_t blocks = 512;
  std::uint32_t rx_blocks = 4096;       // of the port's receive queues
  std::uint32_t turns_max = 2'000'000;  // a script that needs more of them does not come to an end
  std::uint32_t frames_max = 4'000;     // that a line may bring
  std::optional<impair::Impairment> impair;
  static BenchSetup standard();
};
// A listener of the application by hand, with limits that no script meets by accident.
ListenerSetup standard_listener(std::uint16_t port);

class Bench {
 public:
  explicit Bench(const BenchSetup& setup);
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // The script's time begins at zero once the link is up and the addresses are the node's.
  Duration time() const { return now_ - zero_; }
  Duration of(Instant at) const { return at - zero_; }
  // Lets turns pass at every deadline until `time`; or until something left, if asked so.
  void pass_until(Duration time, bool stop_when_sent = false);
  // Brings a frame and lets a turn pass.
  void bring(Bytes frame, std::uint16_t queue = 0);
  // The same without a turn, for bursts.
  void queue_up(Bytes frame, std::uint16_t queue = 0) { wire_.arriving[queue].push_back(std::move(frame)); }
  void turn();
  // Turns until no frame waits in a queue of a worker that is not stalled.
  void take_in();
  // What left and nobody took yet.
  std::deque<Sent>& sent() { return sent_; }

  // Runs `job` as a service would, in a turn of the worker that has a session of the application, the first one without.
  void with_app(const std::function<void(App&, Connections&)>& job);
  void drain();
  void stop();
  void stall(std::uint32_t worker, bool on);
  void keep_back(std::uint32_t blocks);
  Wire& wire() { return wire_; }
  void silence_gateway(bool on) { gateway_silent_ = on; }

  StatsSnapshot counters() const;
  std::uint64_t closed(CloseReason reason) const;
  const NodeConfig& node() const { return setup_.node; }
  // Empty when all is well after the workers were switched off; else what did not come home.
  std::string switch_off();

 private:
  struct Seat;
  void pass_for(Duration duration) { pass_until(time() + duration); }
  bool waits() const;
  void read_wire();
  void empty_rings();
  bool serve_gateway(const Bytes& frame);
  void check() const;

  BenchSetup setup_;
  HeapPool rx_blocks_;
  Wire wire_;
  std::unique_ptr<HeapMemory> impaired_memory_;
  std::unique_ptr<Arena> impaired_arena_;
  std::unique_ptr<impair::ImpairedPort> impaired_;
  std::vector<Port*> ports_;
  std::unique_ptr<HandoffRings> handoff_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::deque<Sent> sent_;
  Instant now_ = Instant::at_us(1'000'000);
  Instant zero_ = now_;
  std::uint32_t turns_ = 0;
  bool gateway_silent_ = false;
};

}  // namespace penstock::packets
