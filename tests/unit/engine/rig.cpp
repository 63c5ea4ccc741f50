#include "rig.hpp"

#include <algorithm>

namespace penstock::test {

FakePort::FakePort(BlockPool& pool, std::uint16_t queues) : arriving(queues), pool_(pool) {
  information.name = "fake";
  information.mac = server_mac;
  information.queues = queues;
}

std::uint32_t FakePort::receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters&, Instant) {
  if (log != nullptr) log->push_back("receive");
  std::uint32_t count = 0;
  while (count < frames.size() && !arriving[queue].empty()) {
    Block* block = pool_.allocate();
    if (block == nullptr) break;
    const Arriving& from = arriving[queue].front();
    Segment bytes = Segment::adopt(block, 0, static_cast<std::uint32_t>(from.bytes.size()));
    std::ranges::copy(from.bytes, bytes.writable().begin());
    if (from.shared) shares.push_back(bytes.share());
    frames[count] = {};
    frames[count++].bytes = std::move(bytes);
    arriving[queue].pop_front();
  }
  return count;
}

std::uint32_t FakePort::send(std::uint16_t, std::span<net::TxFrame> frames, net::DropCounters&, Instant) {
  if (log != nullptr) log->push_back("send");
  const auto taken = static_cast<std::uint32_t>(std::min<std::size_t>(frames.size(), room));
  if (room != ~0u) room -= taken;
  for (net::TxFrame& frame : frames.first(taken)) {
    Bytes bytes(frame.head.bytes().begin(), frame.head.bytes().end());
    bytes.insert(bytes.end(), frame.link.bytes().begin(), frame.link.bytes().end());
    sent.push_back(std::move(bytes));
    frame = {};
  }
  return taken;
}

void Recorder::on_events(Connections& connections, std::span<const ConnectionEvent> told, Instant now) {
  if (log != nullptr) log->push_back("events");
  bursts.push_back(told.size());
  for (const ConnectionEvent& event : told) {
    events.push_back(event);
    if (react) react(connections, event, now);
  }
}

void Recorder::on_timeout(Connections& connections, Instant now) {
  if (log != nullptr) log->push_back("timeout");
  deadline = Instant::never();
  if (tick) tick(connections, now);
}

std::size_t Recorder::count(Kind kind) const {
  return static_cast<std::size_t>(std::ranges::count(events, kind, &ConnectionEvent::kind));
}

std::string Recorder::story(SessionId only) const {
  static constexpr std::array names = {"opened", "readable", "writable", "closed"};
  std::string text;
  for (const ConnectionEvent& event : events) {
    if (only.is_valid() && event.id != only) continue;
    if (!text.empty()) text += ' ';
    text += names[static_cast<std::size_t>(event.kind)];
    if (event.kind == Kind::closed) text += "/" + std::string(name_of(event.reason));
  }
  return text;
}

std::vector<Bytes> take_all(Connection connection) {
  std::vector<Bytes> messages;
  while (connection.receivable()) {
    Bytes& message = messages.emplace_back();
    for (bool ends = false; !ends;) {
      const auto received = connection.receive();
      REQUIRE(received);
      message.insert(message.end(), received->bytes.bytes().begin(), received->bytes.bytes().end());
      ends = received->message_ends;
    }
  }
  return messages;
}

SendResult send_bytes(Connections& connections, Connection connection, std::size_t size, std::uint8_t fill) {
  SegmentQueue message = connections.make_message();
  do {
    const auto piece = static_cast<std::uint32_t>(std::min<std::size_t>(size, 1000));
    Segment segment = connections.allocate(piece);
    REQUIRE(segment.holds());
    std::ranges::fill(segment.writable(), fill);
    REQUIRE(message.push_back(std::move(segment)));
    size -= piece;
  } while (size > 0);
  return connection.send(message);
}

void echo(Connections& connections, const ConnectionEvent& event, Instant) {
  if (event.kind != ConnectionEvent::Kind::readable) return;
  Connection connection = connections.get(event.id);
  while (connection.receivable()) {
    SegmentQueue message = connections.make_message();
    for (bool ends = false; !ends;) {
      auto received = connection.receive();
      ends = received->message_ends;
      REQUIRE(message.push_back(std::move(received->bytes)));
    }
    REQUIRE(connection.send(message) == SendResult::accepted);
  }
}

NodeConfig small_node(std::uint32_t workers) {
  NodeConfig node;
  node.workers = workers;
  node.sessions_max = 64;
  node.memory = {.small_blocks = {{256, 128, 128}}, .window_bytes = 1 << 20, .chunks = 256};
  node.stack.ports = {{}};
  node.stack.rx_checksum = {net::RxChecksumPolicy::verify};
  net::InterfaceConfig interface;
  interface.mac = server_mac;
  interface.addresses = {{server_ip, 24}, {second_ip, 24}, {server_ip6, 64}};
  interface.routes = {{{net::IpAddress::v4(0, 0, 0, 0), 0}, gateway_ip}};
  node.stack.interfaces = {interface};
  node.stack.neighbors_max = 64;
  node.stack.pending_frames_max = 64;
  ListenerSetup listener;
  listener.admission.name = "main";
  listener.admission.port = server_port;
  // Strangers come in at once; the tests of admission ask for more.
  listener.admission.challenge = false;
  listener.admission.sessions_max = 64;
  listener.admission.half_open_max = 64;
  listener.admission.half_open_per_prefix_max = 64;
  listener.admission.per_prefix_max = 64;
  listener.kcp.nodelay = 1;
  listener.kcp.no_congestion_window = true;
  node.listeners = {listener};
  return node;
}

Rig::Seat::Seat(const NodeConfig& node, std::uint32_t index, Rig& rig, const RigLimits& limits)
    : memory(Worker::arena_bytes(node)), arena(memory.bytes()), blocks(2176, limits.blocks), services(limits.services) {
  for (Recorder& service : services) service_list.push_back(&service);
  const WorkerParts parts{.arena = arena,
                          .blocks = blocks,
                          .ports = rig.ports,
                          .services = service_list,
                          .handoff = rig.handoff.get(),
                          .mailbox = &mailbox,
                          .published = published.get(),
                          .key = limits.key,
                          .seed = 3 + index};
  worker = std::make_unique<Worker>(node, index, parts, rig.now);
}

// Links come up, IPv6 addresses pass their check, and the gateway makes itself known.
Rig::Rig(const NodeConfig& node, const RigLimits& limits)
    : config(node), rx_blocks(2176, 2048), port(rx_blocks, static_cast<std::uint16_t>(node.workers)) {
  if (limits.port) limits.port(port.information);
  if (config.workers > 1) handoff = std::make_unique<HandoffRings>(config.workers);
  for (std::uint32_t i = 0; i < config.workers; ++i) seats.push_back(std::make_unique<Seat>(config, i, *this, limits));
  for (std::uint16_t queue = 0; queue < config.workers; ++queue) {
    bring(ethernet(0x0806, arp(1, gateway_mac, gateway_ip, {}, server_ip)), queue);
  }
  pass(Duration::seconds(3));
  port.sent.clear();
  read_ = 0;
}

Rig::~Rig() { finish(); }

void Rig::turn(Duration step) {
  now = now + step;
  for (const auto& seat : seats) seat->worker->run_once(now);
  answer_arp();
  check();
}

void Rig::pass(Duration duration) {
  const Instant end = now + duration;
  for (int turns = 0; turns < 200'000 && now < end; ++turns) {
    Instant next = end;
    for (const auto& seat : seats) next = earlier(next, seat->worker->next_deadline());
    for (const auto& queue : port.arriving) next = queue.empty() ? next : now;
    turn(earlier(later(next, now + Duration::us(100)), end) - now);
  }
  REQUIRE(now == end);
}

// The gateway answers whoever asks for it, on the queue that asked last for all we know: on each of them.
void Rig::answer_arp() {
  for (; read_ < port.sent.size(); ++read_) {
    const Bytes& frame = port.sent[read_];
    Datagram datagram;
    if (read_udp(frame, datagram)) datagrams_.push_back(std::move(datagram));
    const bool asks = frame.size() >= 42 && get16(frame, 12) == 0x0806 && get16(frame, 20) == 1;
    if (!asks || Bytes(frame.begin() + 38, frame.begin() + 42) != of(gateway_ip)) continue;
    for (std::uint16_t queue = 0; queue < config.workers; ++queue) {
      bring(ethernet(0x0806, arp(2, gateway_mac, gateway_ip, server_mac, server_ip)), queue);
      if (config.workers == 1) break;
    }
  }
}

std::vector<Datagram> Rig::take() { return std::exchange(datagrams_, {}); }

StatsSnapshot Rig::snapshot(std::uint32_t index) {
  StatsSnapshot s;
  worker(index).snapshot(s, now);
  return s;
}

std::string Rig::dropped_since(const StatsSnapshot& before, std::uint32_t index) {
  std::string text;
  for (std::size_t i = 0; i < net::drop_reason_count; ++i) {
    const std::uint64_t moved = world(index).drops.of(static_cast<net::DropReason>(i)) - before.drops[i];
    if (moved == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::string(net::drop_reason_names[i]) + " " + std::to_string(moved);
  }
  return text;
}

void Rig::check() {
  for (std::uint32_t i = 0; i < seats.size(); ++i) {
    const StatsSnapshot s = snapshot(i);
    std::uint64_t dropped = 0;
    for (std::size_t k = 0; k < net::drop_reason_count; ++k) {
      if (!net::is_transmit(static_cast<net::DropReason>(k))) dropped += s.drops[k];
    }
    const WorkerStats& w = s.worker;
    REQUIRE(w.rx_packets + w.handed_in == w.delivered + w.handed_out + w.held_now + dropped);
    std::uint64_t closed = 0, open = 0;
    for (std::uint32_t k = 0; k < s.listener_count; ++k) {
      open += s.listeners[k].sessions_now;
      for (const std::uint64_t count : s.listeners[k].closed) closed += count;
    }
    REQUIRE(w.sessions_opened == open + closed);
    REQUIRE(world(i).flows.count() == w.sessions_now);
  }
}

void Rig::finish() {
  for (const auto& seat : seats) seat->worker.reset();
  if (handoff != nullptr) {
    HandoffRecord record;
    for (std::uint32_t from = 0; from < config.workers; ++from) {
      for (std::uint32_t to = 0; to < config.workers; ++to) {
        while (handoff->ring(from, to).pop(record)) {
          if (record.block != nullptr) Segment::adopt(record.block, 0, 0).reset();
        }
      }
    }
  }
  port.shares.clear();
  for (const auto& seat : seats) CHECK(seat->blocks.whole());
  CHECK(rx_blocks.whole());
}

Bytes Peer::acks(const Datagram& datagram) {
  Bytes out;
  for (const Kcp& segment : datagram.segments) {
    if (segment.command != Kcp::push) continue;
    if (segment.sn == una) ++una;
    out = join({out, Kcp{conv, Kcp::ack, 0, 128, segment.stamp, segment.sn, una, {}}.bytes()});
  }
  return out;
}

Bytes Peer::talk(Bytes data) {
  send(std::move(data));
  Bytes came;
  for (int round = 0; round < 50; ++round) {
    rig.turn();
    rig.turn();
    bool any = false;
    for (const Datagram& datagram : rig.take()) {
      if (datagram.to != endpoint) continue;
      any = true;
      for (const Kcp& segment : datagram.segments) {
        if (segment.command == Kcp::push && segment.sn == una) {
          came.insert(came.end(), segment.data.begin(), segment.data.end());
        }
      }
      const Bytes answer = acks(datagram);
      if (!answer.empty()) bring(answer);
    }
    if (!any) break;
  }
  return came;
}

SessionId Peer::open() {
  talk({1});
  for (std::uint32_t i = 0; i < rig.seats.size(); ++i) {
    World& world = rig.world(i);
    for (std::uint32_t k = 0; k < world.sessions.capacity(); ++k) {
      const Session& session = world.sessions[k];
      if (!world.sessions.is_open(k) || !(session.path.remote == endpoint) || session.conv != conv) continue;
      CHECK(session.state == SessionState::proven);
      return world.sessions.id_of(k);
    }
  }
  FAIL("the session did not open");
  return {};
}

}  // namespace penstock::test
