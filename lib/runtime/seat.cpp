#include "runtime/seat.hpp"

#include <fmt/format.h>
#include <rte_malloc.h>
#include <rte_pause.h>

#include <algorithm>

#include "runtime/random.hpp"

namespace penstock::runtime {

namespace {

// Some hundred nanoseconds in which the core's other hyper-thread has it to itself.
void pause() {
  for (int i = 0; i < 16; ++i) rte_pause();
}

}  // namespace

std::expected<std::unique_ptr<HugeMemory>, std::string> HugeMemory::take(std::size_t bytes, unsigned numa_node,
                                                                         std::string_view what) {
  void* memory = rte_zmalloc_socket("penstock", bytes, 4096, static_cast<int>(numa_node));
  if (memory == nullptr) {
    return std::unexpected(fmt::format(
        "{} needs {:.1f} MiB of EAL's memory on NUMA node {}, which are not there: reserve more hugepages or raise -m, "
        "or lower limits.sessions_max (--capacity shows the sum)",
        what, static_cast<double>(bytes) / (1 << 20), numa_node));
  }
  return std::unique_ptr<HugeMemory>(new HugeMemory({static_cast<std::byte*>(memory), bytes}));
}

HugeMemory::~HugeMemory() { rte_free(bytes_.data()); }

std::expected<void, std::string> Seat::reserve(const Plan& plan, const ServiceFactory& services) {
  const Capacity sum = capacity_of(plan.node, plan.buffers);
  auto pool = nic::MbufPool::create({.name = fmt::format("penstock_{}", index_),
                                     .blocks = static_cast<std::uint32_t>(sum.blocks),
                                     .block_bytes = plan.buffers.block_bytes,
                                     .lcore_cache = plan.buffers.lcore_cache,
                                     .numa_node = static_cast<int>(lcore_.numa_node)});
  if (!pool) return std::unexpected(pool.error());
  pool_ = std::move(*pool);
  if (plan.buffers.links_payload) {
    const std::uint32_t count = plan.buffers.ports * plan.buffers.tx_descriptors + plan.node.burst + 384;
    auto indirect = nic::IndirectPool::create(fmt::format("penstock_link_{}", index_), count, plan.buffers.lcore_cache,
                                              static_cast<int>(lcore_.numa_node));
    if (!indirect) return std::unexpected(indirect.error());
    indirect_ = std::move(*indirect);
  }
  const std::size_t bytes = Worker::arena_bytes(plan.node) + services.arena_bytes(plan);
  auto memory = HugeMemory::take(bytes, lcore_.numa_node, fmt::format("worker {}", index_));
  if (!memory) return std::unexpected(memory.error());
  memory_ = std::move(*memory);
  arena_ = std::make_unique<Arena>(memory_->bytes());
  return {};
}

void Seat::seat_worker(const Plan& plan, const ServiceFactory& services, std::span<Port* const> ports,
                       HandoffRings& handoff, SipKey key, TickClock ticks, Instant now) {
  services_ = services.make(plan, *arena_, ticks);
  for (const auto& service : services_) service_list_.push_back(service.get());
  const WorkerParts parts{.arena = *arena_,
                          .blocks = *pool_,
                          .ports = ports,
                          .services = service_list_,
                          .handoff = &handoff,
                          .mailbox = &mailbox_,
                          .published = published_.get(),
                          .key = key,
                          .seed = random_value<std::uint64_t>()};
  worker_ = std::make_unique<Worker>(plan.node, index_, parts, now);
  hands_over_ = plan.node.workers > 1;
}

void Seat::add_memory(MemoryMap& map) const {
  map.add_object("seat and mailbox", *this);
  map.add("sessions, tables and pools", memory_->bytes());
  map.add_object("published snapshot", *published_);
  pool_->add_memory(map);
  if (indirect_ != nullptr) indirect_->add_memory(map);
  if (wait_ != nullptr) map.add_object("wait for frames", *wait_);
  for (const auto& service : services_) map.add("service", service->memory());
  worker_->add_memory(map);
}

void Seat::loop(const nic::TscClock& clock, const std::atomic<Phase>& phase) {
  nic::TscReader reader(clock);
  Phase followed = Phase::serving;
  Instant now = reader.now();
  while (followed != Phase::ended) {
    const Phase wanted = phase.load(std::memory_order_acquire);
    if (wanted != followed) {
      if (wanted == Phase::draining) worker_->drain(now);
      if (wanted == Phase::stopping) worker_->stop(now);
      followed = wanted;
    }
    worker_->run_once(now);
    if (followed != Phase::serving && !quiet()) quiet_.store(worker_->quiet(), std::memory_order_release);

    const Duration asleep = wait_ == nullptr ? Duration() : rest(now);
    const Instant turn = now;
    const std::uint64_t began = reader.ticks();
    now = reader.now();
    worker_->took(reader.ticks() - began);
    // What it overslept was not its choice.
    if (asleep > Duration()) worker_->slept(std::min(asleep, now - turn));
  }
}

Duration Seat::rest(Instant now) {
  using Step = IdlePolicy::Step;
  const bool worked = worker_->worked();
  switch (idle_.after_turn(worked, now)) {
    case Step::poll:
      if (worked) wait_->disarm();
      return {};
    case Step::pause: pause(); return {};
    case Step::arm: frames_wake_ = wait_->arm() && !hands_over_; return {};
    case Step::sleep: break;
  }
  const Duration span = idle_.sleep_for(now, worker_->next_deadline(), frames_wake_);
  if (span > Duration()) wait_->sleep(span);
  else pause();
  wait_->disarm();
  return span;
}

}  // namespace penstock::runtime
