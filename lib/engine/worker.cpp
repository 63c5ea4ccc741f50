#include "engine/worker.hpp"

#include <algorithm>

#include "engine/desk.hpp"
#include "engine/egress.hpp"
#include "engine/intake.hpp"
#include "engine/telling.hpp"
#include "engine/world.hpp"

namespace penstock {

namespace {

// A gap this long between two turns was not ours: the CPU was taken away, or the machine slept.
constexpr Duration stall_gap = Duration::ms(5);

// How often the links are looked at: losing one takes longer.
constexpr Duration link_interval = Duration::ms(1);

// Tells the stack of links that went up or down since it last looked.
void watch_links(World& world, Instant now) {
  if (now < world.next_link_look) return;
  world.next_link_look = now + link_interval;
  for (std::uint16_t port = 0; port < world.parts.ports.size(); ++port) {
    const bool up = world.parts.ports[port]->link_up();
    if (up == world.link_was_up[port]) continue;
    world.link_was_up[port] = up;
    world.stack.on_link(port, up, now);
  }
}

}  // namespace

Worker::Worker(const NodeConfig& config, std::uint32_t index, const WorkerParts& parts, Instant now)
    : world_(std::make_unique<World>(config, index, parts, now)), connections_(*this) {
  for (Application* service : parts.services) service->on_start(connections_, now);
}

// Sessions let go of their buffers before the pools that they came from.
Worker::~Worker() {
  if (world_->spare_head != nullptr) Segment::adopt(world_->spare_head, 0, 0).reset();
}

std::size_t Worker::arena_bytes(const NodeConfig& config) { return World::arena_bytes(config); }

void Worker::run_once(Instant asked_now) {
  World& world = *world_;
  const Instant now = world.connection_context.now = later(world.now(), asked_now);
  const Duration gap = world.last_turn.is_never() ? Duration() : now - world.last_turn;
  world.last_turn = now;
  world.worked = false;

  serve_mail(world, now);
  world.survey.run(world.sessions, now);
  watch_links(world, now);
  begin_sending(world);
  take_from_ports(world, gap > stall_gap, now);
  take_from_workers(world, now);
  if (now >= world.stack.next_deadline()) world.stack.on_timeout(now);
  bool all = fire_timers(world, now);
  tell_services(world, connections_, now);
  all = send_all(world, now) && all;
  spread_news(world);

  world.overload.end_turn(world.machine_counters.retransmit_settled, now);
  world.backlog = !all;
  ++world.stats.turns;
  if (gap > stall_gap) ++world.stats.stalls;
  if (world.worked) {
    ++world.stats.turns_with_work;
    world.histograms[static_cast<std::size_t>(HistogramId::turn_gap_us)].record(
        static_cast<std::uint64_t>(gap.count_us()));
  }
  publish_when_due(world, now);
}

bool Worker::worked() const { return world_->worked; }

void Worker::took(std::uint64_t cycles) {
  (world_->worked ? world_->stats.cycles_busy : world_->stats.cycles_idle) += cycles;
}

void Worker::slept(Duration span) {
  ++world_->stats.sleeps;
  world_->stats.slept_us += static_cast<std::uint64_t>(span.count_us());
  world_->last_turn = world_->last_turn + span;
}

Instant Worker::next_deadline() const {
  const World& world = *world_;
  if (world.backlog || world.dirty.count() > 0) return world.now();
  Instant next = earlier(world.wheel.next_due(), world.stack.next_deadline());
  for (const auto& table : world.half_open) next = earlier(next, table->next_deadline(world.now()));
  for (const Application* service : world.parts.services) next = earlier(next, service->next_deadline());
  for (const Port* port : world.parts.ports) {
    next = earlier(next, port->next_deadline(static_cast<std::uint16_t>(world.index)));
  }
  return next;
}

void Worker::drain(Instant now) {
  world_->draining = true;
  world_->clear_half_open();
  world_->close_all(CloseReason::drained, now);
}

void Worker::stop(Instant now) {
  world_->draining = true;
  world_->clear_half_open();
  world_->close_all(CloseReason::stopped, now);
}

bool Worker::quiet() const {
  const World& world = *world_;
  return world.sessions.count() == 0 && world.stack.pending_frames() == 0 &&
         std::ranges::all_of(world.half_open, [](const auto& table) { return table->count() == 0; }) &&
         std::ranges::all_of(world.batches, [](const TxBatch& b) { return b.empty(); });
}

void Worker::add_memory(MemoryMap& map) const {
  map.add_object("worker", *this);
  map.add_object("world", *world_);
  for (const auto& table : world_->half_open) map.add_object("half-open table", *table);
  map.add("stack", world_->stack.memory());
  for (const TxBatch& batch : world_->batches) map.add_object("frames to send", batch);
  for (const Port* port : world_->parts.ports) port->add_memory(static_cast<std::uint16_t>(world_->index), map);
}

void Worker::snapshot(StatsSnapshot& into, Instant now) const { fill_snapshot(*world_, into, now); }

}  // namespace penstock
