// Host, its beginnings and ends: how its workers come to be, and what is left of them when their process crashes.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "engine/world.hpp"
#include "sim/broken.hpp"
#include "sim/host_core.hpp"

namespace penstock::sim {

namespace {

constexpr std::uint32_t block_bytes = 2176;
constexpr std::uint32_t icmp_per_second = 20;
// Turns within which a worker that was stopped has told its services and sent what it had.
constexpr std::uint32_t turns_to_end = 1000;

net::InterfaceConfig interface_of(const Plan& plan, std::uint32_t number) {
  net::InterfaceConfig made;
  made.tags = plan.tags;
  made.mac = mac_of(number);
  made.addresses = {{address_of(number, false), prefix_length4}, {address_of(number, true), prefix_length6}};
  return made;
}

ListenerSetup listener_of(const HostPlan& host, std::string name, std::uint32_t port, bool stream,
                          std::uint32_t service) {
  ListenerSetup setup{.admission = host.limits, .kcp = host.kcp, .service = service};
  setup.admission.name = std::move(name);
  setup.admission.port = static_cast<std::uint16_t>(port);
  setup.admission.service = static_cast<std::uint16_t>(service);
  setup.kcp.stream = stream;
  return setup;
}

// Indexes of a server's services.
enum Service : std::uint32_t { service_echo, service_sink, service_discard };

std::vector<ListenerSetup> listeners_of(const HostPlan& host) {
  std::vector<ListenerSetup> made;
  if (!host.is_server) {
    for (std::uint32_t i = 0; i < 2 * client_ports; ++i) {
      made.push_back(listener_of(host, fmt::format("client{}", i), client_port_first + i, i >= client_ports, 0));
    }
    return made;
  }
  for (std::uint32_t i = 0; i < target_count; ++i) {
    const auto target = static_cast<Target>(i);
    const Service service = target == Target::sink_message     ? service_sink
                            : target == Target::discard_stream ? service_discard
                                                               : service_echo;
    made.push_back(listener_of(host, fmt::format("server{}", i), server_port_first + i, is_stream(target), service));
    if (target == Target::echo_by_conv) made.back().admission.key_mode = SessionKeyMode::conv;
    if (target == Target::echo_message) made.back().admission.roaming = true;
    if (target == Target::echo_by_address) made.back().admission.key_mode = SessionKeyMode::address;
  }
  return made;
}

}  // namespace

Host::Host(const Plan& plan, std::uint32_t number, Book& book, SimPort::Transmit transmit)
    : number_(number),
      plan_(plan.hosts[number]),
      book_(book),
      clock_(plan.start, plan_.clock_ppm),
      may_freeze_(plan.has(Fault::freeze)),
      port_holds_(plan_.port.has_value() || plan.has(Fault::tx_ring_full)),
      rng_(Rng(plan.seed).child(500 + number)),
      node_(plan_.node) {
  node_.stack.interfaces = {interface_of(plan, number)};
  node_.stack.icmp_per_second = icmp_per_second;
  node_.stack.rx_checksum = {net::RxChecksumPolicy::verify};
  node_.stack.neighbors_max = plan_.neighbors_max;
  node_.stack.pending_frames_max = 32;
  node_.stack.pending_per_hop_max = 8;
  node_.listeners = listeners_of(plan_);
  node_.stack.ports.resize(1);
  std::vector<HeapPool*> pools;
  for (std::uint32_t i = 0; i < plan_.workers; ++i) {
    pools_.push_back(std::make_unique<HeapPool>(block_bytes, plan_.blocks));
    pools.push_back(pools_.back().get());
  }
  const auto leave = [this, out = std::move(transmit)](std::span<const std::uint8_t> frame, Instant) {
    if (!mute_) out(frame, world_now_);
  };
  port_ = std::make_unique<SimPort>(number, plan_, pools, rng_.child(100), book.coverage, leave);
  if (plan_.neighbors_max < HostPlan{}.neighbors_max) book.coverage.count(Fault::few_neighbors);
  if (clock_.drifts()) book.coverage.count(Fault::clock_drift);
  boot(plan.start);
}

// Each start draws its secrets anew: nothing that an earlier one gave away is worth anything to this one.
void Host::boot(Instant now) {
  const Rng rng = boots_ == 0 ? rng_ : rng_.child(1000 + boots_);
  ++boots_;
  for (std::uint32_t i = 0; i < plan_.workers; ++i) {
    cores_.push_back(std::make_unique<Core>(plan_, node_, book_, number_, clock_, *pools_[i], rng.child(i)));
  }
  Port* port = port_.get();
  if (plan_.port) {
    std::vector<BlockPool*> copies;
    for (const auto& pool : pools_) copies.push_back(pool.get());
    impaired_memory_ = std::make_unique<HeapMemory>(
        impair::ImpairedPort::cost(*plan_.port, static_cast<std::uint16_t>(plan_.workers)));
    impaired_arena_ = std::make_unique<Arena>(impaired_memory_->bytes());
    impaired_ = std::make_unique<impair::ImpairedPort>(*impaired_arena_, *port_, *plan_.port, copies);
    port = impaired_.get();
  }
  node_.stack.ports = {port->info().traits};
  handoff_ = std::make_unique<HandoffRings>(plan_.workers);
  Rng keys = rng.child(200);
  const SipKey key{keys.next(), keys.next()};
  for (std::uint32_t i = 0; i < plan_.workers; ++i) {
    Core& core = *cores_[i];
    core.ports = {port};
    core.worker = std::make_unique<Worker>(node_, i,
                                           WorkerParts{.arena = core.arena,
                                                       .blocks = core.pool,
                                                       .ports = core.ports,
                                                       .services = core.services,
                                                       .handoff = handoff_.get(),
                                                       .mailbox = &core.mailbox,
                                                       .published = &core.published,
                                                       .key = key,
                                                       .seed = keys.next()},
                                           clock_.local(now));
  }
}

// A worker may hold blocks of another one's pool, so all of them end before any pool does.
Host::~Host() { end_process(); }

// Lets go of everything that the process held, in the order that its parts lie in each other.
void Host::end_process() {
  if (handoff_ != nullptr) drop_records();
  impaired_.reset();
  port_->clear();
  // A message that waits to be sent lies in its worker's chunks.
  for (const auto& core : cores_) core->client.let_go();
  for (const auto& core : cores_) core->worker.reset();
  cores_.clear();
  places_.clear();
}

// What lies in the rings between workers: each record that carries a datagram holds a block.
void Host::drop_records() {
  HandoffRecord record;
  for (std::uint32_t from = 0; from < plan_.workers; ++from) {
    for (std::uint32_t to = 0; to < plan_.workers; ++to) {
      while (from != to && handoff_->ring(from, to).pop(record)) {
        if (record.block != nullptr) Segment::adopt(record.block, record.offset, record.length).reset();
      }
    }
  }
}

// A process that dies says nothing more. Its sessions are ended here as if it stopped, with its wire cut, so that what they
// held can be counted: no turn of it is seen by anybody.
void Host::crash(Instant now) {
  if (is_down()) return;
  mute_ = true;
  port_->clear();
  const std::uint32_t tx_room = port_->tx_room();
  port_->set_tx_room(~0u);
  stop(now);
  for (std::uint32_t turn = 0; turn < turns_to_end && has_sessions(); ++turn) {
    for (const auto& core : cores_) run(*core, now);
  }
  require(!has_sessions(), "a worker that was stopped has sessions after many turns");
  for (const auto& core : cores_) {
    core->worker->snapshot(*core->seen, clock_.local(now));
    book_.coverage.add(*core->seen);
    unasked_before_ += core->seen->worker.timers_fired + core->seen->worker.sessions_opened + greetings_per_boot;
    segments_before_ += core->worker->world().machine_counters.segments_received;
  }
  end_process();
  check_pools();
  port_->set_tx_room(tx_room);
  mute_ = false;
}

bool Host::has_sessions() const {
  return std::ranges::any_of(cores_, [](const auto& core) { return core->worker->world().sessions.count() > 0; });
}

void Host::restart(Instant now) {
  if (is_down()) boot(now);
}

void Host::switch_off() {
  end_process();
  check_pools();
}

void Host::check_pools() const {
  for (const auto& pool : pools_) require(pool->whole(), "a block of a host's pool did not come home");
}

}  // namespace penstock::sim
