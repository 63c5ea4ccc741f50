#include "packets/bench.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <stdexcept>

#include "engine/world.hpp"

namespace penstock::packets {

namespace {

constexpr std::uint32_t block_bytes = 2176;
constexpr std::uint32_t headroom = 128;
constexpr Duration settling = Duration::seconds(10);  // links up, addresses checked and announced
constexpr Duration step_min = Duration::us(1);
// A worker looks at its port's link now and then, and no deadline tells of that.
constexpr Duration idle_step = Duration::seconds(1);
constexpr Duration backlog_step = Duration::us(100);
constexpr std::size_t ethernet_header = 14;

std::uint16_t get16(const Bytes& b, std::size_t at) { return static_cast<std::uint16_t>(b[at] << 8 | b[at + 1]); }

}  // namespace

Wire::Wire(BlockPool& pool, std::uint16_t queues) : arriving(queues), pool_(pool) {
  info_.name = "wire";
  info_.mac = node_mac;
  info_.queues = queues;
}

std::uint32_t Wire::receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters&, Instant) {
  std::uint32_t count = 0;
  for (auto& waiting = arriving[queue]; count < frames.size() && !waiting.empty(); waiting.pop_front()) {
    Block* block = pool_.allocate();
    if (block == nullptr) break;
    const Bytes& bytes = waiting.front();
    frames[count] = {};
    frames[count].bytes = Segment::adopt(block, headroom, static_cast<std::uint32_t>(bytes.size()));
    std::ranges::copy(bytes, frames[count].bytes.writable().begin());
    ++count;
  }
  return count;
}

std::uint32_t Wire::send(std::uint16_t, std::span<net::TxFrame> frames, net::DropCounters&, Instant now) {
  const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(frames.size(), room));
  for (net::TxFrame& frame : frames.first(count)) {
    Bytes bytes(frame.head.bytes().begin(), frame.head.bytes().end());
    sim::append(bytes, frame.link.bytes());
    sent.push_back({now, std::move(bytes)});
    frame = {};
  }
  return count;
}

ListenerSetup standard_listener(std::uint16_t port) {
  ListenerSetup setup;
  setup.admission.name = fmt::format("port{}", port);
  setup.admission.port = port;
  setup.admission.sessions_max = setup.admission.half_open_max = setup.admission.per_prefix_max = 64;
  setup.kcp.nodelay = 1;
  setup.kcp.no_congestion_window = true;
  setup.service = service_app;
  return setup;
}

BenchSetup BenchSetup::standard() {
  BenchSetup setup;
  NodeConfig& node = setup.node;
  node.sessions_max = 64;
  node.memory = {.small_blocks = {{512, 256, 256}}, .window_bytes = 1 << 20, .chunks = 512};
  net::InterfaceConfig interface;
  interface.mac = node_mac;
  interface.addresses = {{node_ip4, 24}, {node_ip6, 64}};
  interface.routes = {{{*net::parse_ip("0.0.0.0"), 0}, gateway_ip4}, {{*net::parse_ip("::"), 0}, gateway_ip6}};
  node.stack.ports = {{}};
  node.stack.rx_checksum = {net::RxChecksumPolicy::verify};
  node.stack.interfaces = {interface};
  node.stack.neighbors_max = 64;
  node.stack.pending_frames_max = 64;
  node.stack.pending_per_hop_max = 8;
  return setup;
}

struct Bench::Seat {
  Seat(const NodeConfig& node, std::uint32_t blocks_count, const std::vector<bool>& streams)
      : memory(Worker::arena_bytes(node) + Echo::cost(node.sessions_max)),
        arena(memory.bytes()),
        blocks(block_bytes, blocks_count),
        echo(arena, node.sessions_max, streams) {}

  HeapMemory memory;
  Arena arena;
  HeapPool blocks;
  App app;
  Echo echo;
  Discard discard;
  std::vector<Application*> services{&app, &echo, &discard};
  bool stalled = false;
  std::unique_ptr<Worker> worker;
};

Bench::Bench(const BenchSetup& setup)
    : setup_(setup),
      rx_blocks_(block_bytes, setup.rx_blocks),
      wire_(rx_blocks_, static_cast<std::uint16_t>(setup.node.workers)) {
  NodeConfig& node = setup_.node;
  std::vector<bool> streams;
  for (std::size_t i = 0; i < node.listeners.size(); ++i) {
    node.listeners[i].admission.service = static_cast<std::uint16_t>(node.listeners[i].service);
    streams.push_back(node.listeners[i].kcp.stream);
  }
  for (std::uint32_t i = 0; i < node.workers; ++i) {
    seats_.push_back(std::make_unique<Seat>(node, setup_.blocks, streams));
  }
  ports_ = {&wire_};
  if (setup_.impair) {
    std::vector<BlockPool*> copies;
    for (const auto& seat : seats_) copies.push_back(&seat->blocks);
    impaired_memory_ = std::make_unique<HeapMemory>(
        impair::ImpairedPort::cost(*setup_.impair, static_cast<std::uint16_t>(node.workers)));
    impaired_arena_ = std::make_unique<Arena>(impaired_memory_->bytes());
    impaired_ = std::make_unique<impair::ImpairedPort>(*impaired_arena_, wire_, *setup_.impair, copies);
    impaired_->change({});
    ports_ = {impaired_.get()};
  }
  if (node.workers > 1) handoff_ = std::make_unique<HandoffRings>(node.workers);
  for (std::uint32_t i = 0; i < node.workers; ++i) {
    Seat& seat = *seats_[i];
    seat.worker = std::make_unique<Worker>(setup_.node, i,
                                           WorkerParts{.arena = seat.arena,
                                                       .blocks = seat.blocks,
                                                       .ports = ports_,
                                                       .services = seat.services,
                                                       .handoff = handoff_.get(),
                                                       .key = {1, 2},
                                                       .seed = 3 + i},
                                           now_);
  }
  turn();
  pass_for(settling);
  sent_.clear();
  zero_ = now_;
  // Only now, so that no chance is rolled over what the link does by itself.
  if (impaired_) impaired_->change(*setup_.impair);
}

// A worker may hold blocks of another one's pool, so all of them end before any pool does.
Bench::~Bench() {
  impaired_.reset();  // what it holds may lie in the blocks of a worker
  for (const auto& seat : seats_) seat->worker.reset();
}

void Bench::turn() {
  if (++turns_ > setup_.turns_max) throw std::runtime_error("the node does not come to rest");
  now_ = now_ + step_min;
  for (const auto& seat : seats_) {
    if (!seat->stalled) seat->worker->run_once(now_);
  }
  read_wire();
  check();
}

void Bench::pass_until(Duration until, bool stop_when_sent) {
  const Instant end = zero_ + until;
  while (now_ < end && !(stop_when_sent && !sent_.empty())) {
    Instant next = earlier(end, now_ + idle_step);
    for (const auto& seat : seats_) {
      if (!seat->stalled) next = earlier(next, seat->worker->next_deadline());
    }
    next = waits() ? now_ : earlier(later(next, now_ + backlog_step), end);
    now_ = later(next - step_min, now_);
    turn();
  }
}

// Frames or what other workers handed over, for a worker that is not stalled.
bool Bench::waits() const {
  for (std::uint32_t to = 0; to < seats_.size(); ++to) {
    if (seats_[to]->stalled) continue;
    if (!wire_.arriving[to].empty()) return true;
    for (std::uint32_t from = 0; from < seats_.size(); ++from) {
      if (from != to && handoff_->ring(from, to).read_available() > 0) return true;
    }
  }
  return false;
}

void Bench::take_in() {
  turn();
  while (waits()) turn();
}

void Bench::bring(Bytes frame, std::uint16_t queue) {
  queue_up(std::move(frame), queue);
  turn();
}

// Takes what left; the gateway answers what is asked of it, on every queue.
void Bench::read_wire() {
  std::vector<Sent> fresh;
  std::swap(fresh, wire_.sent);
  for (Sent& frame : fresh) {
    if (!serve_gateway(frame.bytes)) sent_.push_back(std::move(frame));
  }
}

bool Bench::serve_gateway(const Bytes& frame) {
  const std::size_t l3 = ethernet_header;
  Bytes answer;
  if (get16(frame, 12) == 0x0806) {
    const bool asks =
        frame[l3 + 7] == 1 && std::ranges::equal(std::span(frame).subspan(l3 + 24, 4), gateway_ip4.v4_bytes());
    if (!asks) return false;
    const Bytes arp = sim::arp(2, gateway_mac, gateway_ip4, node_mac, node_ip4);
    answer = sim::ethernet(node_mac, gateway_mac, {}, 0x0806, arp);
  } else if (get16(frame, 12) == 0x86dd && frame[l3 + 6] == 58 && frame[l3 + 40] == 135) {
    if (!std::ranges::equal(std::span(frame).subspan(l3 + 48, 16), gateway_ip6.bytes())) return false;
    Bytes message{136, 0, 0, 0, 0x60, 0, 0, 0};
    sim::put_address(message, gateway_ip6);
    sim::append(message, Bytes{2, 1});
    sim::append(message, gateway_mac.bytes);
    sim::write_checksum(message, 0, 2,
                        sim::pseudo_sum(gateway_ip6, node_ip6, 58, static_cast<std::uint32_t>(message.size())));
    answer = sim::ethernet(node_mac, gateway_mac, {}, 0x86dd, sim::ip(gateway_ip6, node_ip6, 58, message, 255));
  } else {
    return false;
  }
  if (gateway_silent_) return true;
  for (auto& queue : wire_.arriving) queue.push_back(answer);
  return true;
}

void Bench::check() const {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  for (const auto& seat : seats_) {
    const World& world = seat->worker->world();
    in += world.stats.rx_packets + world.stats.handed_in;
    out += world.stats.delivered + world.stats.handed_out + world.stats.held_now + world.drops.received_total();
  }
  if (in != out) throw NodeFault("what was received is not what was delivered, handed over, held and dropped");
}

void Bench::with_app(const std::function<void(App&, Connections&)>& job) {
  const auto found = std::ranges::find_if(seats_, [](const auto& seat) { return seat->app.has_sessions(); });
  Seat& seat = found == seats_.end() ? *seats_[0] : **found;
  seat.app.job = job;
  turn();
}

void Bench::drain() {
  for (const auto& seat : seats_) seat->worker->drain(now_);
}

void Bench::stop() {
  for (const auto& seat : seats_) seat->worker->stop(now_);
}

void Bench::stall(std::uint32_t worker, bool on) { seats_[worker]->stalled = on; }

void Bench::keep_back(std::uint32_t blocks) {
  for (const auto& seat : seats_) seat->blocks.keep_back(blocks);
}

StatsSnapshot Bench::counters() const {
  StatsSnapshot sum;
  for (const auto& seat : seats_) {
    StatsSnapshot one;
    seat->worker->snapshot(one, now_);
    const auto add = [](auto& to, const auto& from) {
      auto* a = reinterpret_cast<std::uint64_t*>(&to);
      const auto* b = reinterpret_cast<const std::uint64_t*>(&from);
      for (std::size_t i = 0; i < sizeof(to) / sizeof(std::uint64_t); ++i) a[i] += b[i];
    };
    add(sum.worker, one.worker);
    add(sum.machine, one.machine);
    add(sum.drops, one.drops);
    sum.listener_count = one.listener_count;
    for (std::uint32_t i = 0; i < one.listener_count; ++i) add(sum.listeners[i], one.listeners[i]);
  }
  return sum;
}

std::uint64_t Bench::closed(CloseReason reason) const {
  const StatsSnapshot s = counters();
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < s.listener_count; ++i) sum += s.listeners[i].closed[static_cast<std::size_t>(reason)];
  return sum;
}

// Whatever lies in the rings when all have stopped belongs to nobody else.
void Bench::empty_rings() {
  for (std::uint32_t from = 0; from < seats_.size(); ++from) {
    for (std::uint32_t to = 0; to < seats_.size(); ++to) {
      if (from == to) continue;
      handoff_->ring(from, to).consume_all([](const HandoffRecord& record) {
        if (record.block != nullptr) Segment::adopt(record.block, record.offset, record.length).reset();
      });
    }
  }
}

// A node that is stopped, as every node is: services hear that their sessions are closed and let go of what they hold.
std::string Bench::switch_off() {
  turns_ = 0;
  for (const auto& seat : seats_) seat->stalled = false;
  stop();
  turn();
  turn();
  // What an impairment holds goes first, as it may lie in a worker's blocks.
  impaired_.reset();
  for (const auto& seat : seats_) seat->worker.reset();
  empty_rings();
  for (auto& queue : wire_.arriving) queue.clear();
  for (const auto& seat : seats_) {
    if (!seat->blocks.whole()) return "a block of the node's pool did not come home";
  }
  return rx_blocks_.whole() ? "" : "a block of a receive queue did not come home";
}

}  // namespace penstock::packets
