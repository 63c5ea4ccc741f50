// Lane: one direction of a virtual path: a bottleneck with a rate and a bounded queue, and behind it the way, which delays
// and loses.
//
// Both are Links of lib/impair, so that whatever it can do to a frame can be done here. Two of them, as what the way loses
// has passed the bottleneck and used its time, while a Link by itself loses what it is offered before it queues it. The queue
// is bounded in bytes, as a router's is, the datagram on the line included; what finds no room is lost at once. Rate and
// queue count the bytes of a datagram as they are offered, without UDP and IP.
//
// Time is an argument and may not go back. Deterministic from its Rng. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/arena.hpp"
#include "buf/arena_pool.hpp"
#include "impair/link.hpp"

namespace penstock::path {

struct LaneOptions {
  std::uint64_t rate_bits_per_second = 0;  // 0: none
  std::uint64_t queue_bytes = 0;           // of the bottleneck, 0: as many as datagrams_max takes
  Duration delay{};                        // of the way
  std::uint32_t loss_ppm = 0;              // of the way's datagrams, each by itself
  std::uint32_t datagram_bytes_max = 1400;
  std::uint32_t datagrams_max = 4096;  // on the lane at once; more is an error of the caller's
};

// Who wants to know what becomes of each datagram, at the moment in which it leaves the bottleneck or is refused by it.
class FateWatch {
 public:
  virtual ~FateWatch() = default;
  virtual void on_fate(std::span<const std::uint8_t> datagram, bool lost, Instant now) = 0;
};

class Lane {
 public:
  // `watch` may be nullptr, and else must outlive the lane.
  Lane(const LaneOptions& options, Rng rng, FateWatch* watch);

  // Copies the bytes. A datagram longer than datagram_bytes_max, or more than datagrams_max, throws Broken.
  void offer(std::span<const std::uint8_t> datagram, Instant now);
  // The next datagram that has arrived.
  std::optional<Segment> poll(Instant now);
  // When poll() may have one, or a fate is settled.
  Instant next_deadline() const;

  std::uint64_t queued_bytes() const { return queued_bytes_; }
  std::uint64_t queued_bytes_most() const { return queued_bytes_most_; }
  // Datagrams that found the queue full, and those that the way lost.
  std::uint64_t refused() const { return refused_; }
  std::uint64_t lost() const { return way_.counters().lost; }

 private:
  using Link = impair::Link<net::RxFrame>;
  void pass_bottleneck(Instant now);
  void enter_way(net::RxFrame&& frame, Instant now);

  LaneOptions options_;
  FateWatch* watch_;
  HeapMemory heap_;
  Arena arena_;
  HeapPool pool_;
  Link bottleneck_;
  Link way_;
  std::uint64_t queued_bytes_ = 0;
  std::uint64_t queued_bytes_most_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace penstock::path
