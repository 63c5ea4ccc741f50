#include "impair/impaired_port.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace penstock::impair {

namespace {

constexpr std::size_t burst_frames = 32;
// Bursts taken from the port in one receive(): a bound on the work of a call; what is left waits in the port's ring.
constexpr int receive_bursts_max = 16;

using net::DropReason;

// Why a frame is gone, in one direction and the other; nothing for one that is not.
struct Causes {
  Fate fate;
  DropReason receive;
  DropReason send;
};
constexpr std::array causes = {
    Causes{Fate::lost, DropReason::impair_lost, DropReason::impair_tx_lost},
    Causes{Fate::burst_lost, DropReason::impair_burst_lost, DropReason::impair_tx_burst_lost},
    Causes{Fate::partitioned, DropReason::impair_partition, DropReason::impair_tx_partition},
    Causes{Fate::blackholed, DropReason::impair_blackhole, DropReason::impair_tx_blackhole},
    Causes{Fate::queue_full, DropReason::impair_queue_full, DropReason::impair_tx_queue_full},
};

void count_cause(Fate fate, DropReason Causes::*direction, net::DropCounters& drops) {
  const auto cause = std::ranges::find(causes, fate, &Causes::fate);
  if (cause != causes.end()) drops.count((*cause).*direction);
}

}  // namespace

// On cache lines of its own: neighbours belong to other cores.
struct alignas(2 * cache_line_bytes) ImpairedPort::Queue {
  Queue(Arena& arena, const Impairment& asked, BlockPool& copies, const Rng& rng)
      : arena_from(arena.rest().data()),
        faults(asked),
        from_wire(arena, asked.toward(Ways::receive), copies, rng.child(0)),
        to_wire(arena, asked.toward(Ways::send), copies, rng.child(1)),
        arena_to(arena.rest().data()) {}

  void change(const Impairment& asked) {
    faults = asked;
    from_wire.change(asked.toward(Ways::receive));
    to_wire.change(asked.toward(Ways::send));
  }
  // What the links took of the arena, less what aligns its beginning.
  std::span<const std::byte> links() const {
    const std::size_t skipped = -reinterpret_cast<std::uintptr_t>(arena_from) % cache_line_bytes;
    return std::span(arena_from, arena_to).subspan(skipped);
  }

  const std::byte* arena_from;  // where the arena stood before the links were made …
  Impairment faults;            // of both directions, as it was asked for
  Link<net::RxFrame> from_wire;
  Link<net::TxFrame> to_wire;
  const std::byte* arena_to;  // … and after
  // Frames that left to_wire and wait for room in the port, from `waiting_first` on.
  std::array<net::TxFrame, burst_frames> waiting;
  std::uint32_t waiting_first = 0;
  std::uint32_t waiting_end = 0;
};

ImpairedPort::ImpairedPort(Arena& arena, Port& inner, const Impairment& impairment, std::span<BlockPool* const> copies)
    : inner_(inner), info_(inner.info()) {
  PENSTOCK_ASSERT(copies.size() >= info_.queues);
  info_.traits.tx_ip_checksum = false;
  info_.traits.tx_udp_checksum = false;
  const Rng rng(impairment.seed);
  for (std::uint16_t q = 0; q < info_.queues; ++q) {
    queues_.push_back(std::make_unique<Queue>(arena, impairment, *copies[q], rng.child(q)));
  }
}

ImpairedPort::~ImpairedPort() = default;

std::size_t ImpairedPort::cost(const Impairment& impairment, std::uint16_t queues) {
  return queues *
         (Link<net::RxFrame>::cost(impairment.queue_frames) + Link<net::TxFrame>::cost(impairment.queue_frames));
}

std::uint32_t ImpairedPort::receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters& drops,
                                    Instant now) {
  forward(queue, drops, now);
  Link<net::RxFrame>& link = queues_[queue]->from_wire;
  std::uint32_t given = 0;
  const auto give_due = [&](std::size_t until) {
    while (given < until) {
      std::optional<net::RxFrame> frame = link.poll(now);
      if (!frame) return;
      frames[given++] = std::move(*frame);
    }
  };
  std::array<net::RxFrame, burst_frames> burst;
  for (int i = 0; i < receive_bursts_max; ++i) {
    // Where all that is held is due, what can be neither given nor held stays in the port's ring: it is no queue that is full.
    const std::size_t places = link.room() + (frames.size() - given);
    if (places == 0 && link.next_deadline() <= now) break;
    const std::size_t wanted = places == 0 ? burst.size() : std::min(places, burst.size());
    const std::uint32_t count = inner_.receive(queue, std::span(burst).first(wanted), drops, now);
    for (net::RxFrame& frame : std::span(burst).first(count)) {
      // A frame that is due makes room, so that a small queue without delay drops nothing of a burst.
      if (link.room() == 0) give_due(std::min<std::size_t>(given + 1, frames.size()));
      count_cause(link.offer(std::move(frame), now), &Causes::receive, drops);
    }
    if (count < wanted) break;
  }
  give_due(frames.size());
  return given;
}

std::uint32_t ImpairedPort::send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops,
                                 Instant now) {
  // What is due goes first: it may free places for what comes.
  forward(queue, drops, now);
  Link<net::TxFrame>& link = queues_[queue]->to_wire;
  std::uint32_t taken = 0;
  for (; taken < frames.size(); ++taken) {
    if (link.room() == 0) forward(queue, drops, now);
    // It is the port that has no room: the caller keeps what is left, as without an impairment.
    if (link.room() == 0 && link.next_deadline() <= now) break;
    count_cause(link.offer(std::move(frames[taken]), now), &Causes::send, drops);
  }
  forward(queue, drops, now);
  return taken;
}

// Gives the port what is due, as far as it takes it.
void ImpairedPort::forward(std::uint16_t queue, net::DropCounters& drops, Instant now) {
  Queue& q = *queues_[queue];
  for (;;) {
    if (q.waiting_first == q.waiting_end) {
      q.waiting_first = 0;
      q.waiting_end = 0;
      while (q.waiting_end < burst_frames) {
        std::optional<net::TxFrame> frame = q.to_wire.poll(now);
        if (!frame) break;
        q.waiting[q.waiting_end++] = std::move(*frame);
      }
      if (q.waiting_end == 0) return;
    }
    const auto waiting = std::span(q.waiting).subspan(q.waiting_first, q.waiting_end - q.waiting_first);
    q.waiting_first += inner_.send(queue, waiting, drops, now);
    if (q.waiting_first < q.waiting_end) return;
  }
}

std::uint32_t ImpairedPort::held_frames(std::uint16_t queue) const {
  return queues_[queue]->from_wire.held() + inner_.held_frames(queue);
}

// Frames that wait for room are due at once, since the port tells nobody when it has some.
Instant ImpairedPort::next_deadline(std::uint16_t queue) const {
  const Queue& q = *queues_[queue];
  if (q.waiting_first < q.waiting_end) return Instant();
  const Instant due = earlier(q.from_wire.next_deadline(), q.to_wire.next_deadline());
  return earlier(due, inner_.next_deadline(queue));
}

void ImpairedPort::add_memory(std::uint16_t queue, MemoryMap& map) const {
  map.add_object("impairment", *queues_[queue]);
  map.add("impaired frames", queues_[queue]->links());
  inner_.add_memory(queue, map);
}

const LinkCounters& ImpairedPort::receive_counters(std::uint16_t queue) const {
  return queues_[queue]->from_wire.counters();
}

const LinkCounters& ImpairedPort::send_counters(std::uint16_t queue) const {
  return queues_[queue]->to_wire.counters();
}

void ImpairedPort::change(const Impairment& impairment) {
  for (const auto& queue : queues_) queue->change(impairment);
}

bool ImpairedPort::impair(std::uint16_t queue, const Impairment& impairment) {
  queues_[queue]->change(impairment);
  return true;
}

ImpairReport ImpairedPort::impair_report(std::uint16_t queue) const {
  const Queue& q = *queues_[queue];
  return {.impaired = 1, .faults = q.faults, .receive = q.from_wire.counters(), .send = q.to_wire.counters()};
}

}  // namespace penstock::impair
