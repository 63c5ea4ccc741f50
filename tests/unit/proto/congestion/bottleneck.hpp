// Bottleneck: a packet-level model of one slow link that flows share, each driven by a congestion controller, in virtual time.
//
//   sender ──> queue (tail drop, bytes) ──> link (rate) ──> half the round trip ──> receiver ──> other half ──> sender
//
// A receiver acknowledges at once, or every `flush_us` as KCP's do, 57 segments a datagram. Nothing of KCP is in it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/rng.hpp"
#include "base/time.hpp"
#include "proto/congestion/flow.hpp"

namespace penstock::congestion::test {

struct Path {
  std::uint64_t rate = 12'500'000;     // bytes a second
  std::int64_t rtt_us = 40'000;        // without queue
  std::uint64_t buffer = 500'000;      // bytes
  std::uint32_t loss_ppm = 0;          // by chance, before the queue
  std::uint8_t told_loss_percent = 2;  // what a controller is told to bear
  std::int64_t flush_us = 0;           // between acknowledgements; 0: at once
  std::int64_t detour_from_us = -1;  // what the link sends from then on for `detour_us` arrives `detour_late_us` later,
  std::int64_t detour_us = 0;        // and so after what was sent later
  std::int64_t detour_late_us = 0;
  std::uint64_t bdp() const { return rate * static_cast<std::uint64_t>(rtt_us) / 1'000'000; }
};

// What went through the link between two marks.
struct Figures {
  double utilisation = 0;      // of the link's rate
  double queue_ms = 0;         // mean wait of what was served
  double lost = 0;             // share of what was sent
  std::vector<double> shares;  // of what was served, by flow
};

class Bottleneck {
 public:
  explicit Bottleneck(const Path& path, std::uint64_t seed = 1) : path_(path), rng_(seed) {}

  Flow& add(Kind kind, double start_s = 0) {
    const auto start = static_cast<std::int64_t>(start_s * 1e9);
    flows_.push_back(Flow(kind, start, rng_.next32(), path_.told_loss_percent));
    const auto index = static_cast<std::uint32_t>(flows_.size() - 1);
    plan(start, What::wake, index);
    plan(start, What::timeout, index);
    if (path_.flush_us > 0)
      plan(start + static_cast<std::int64_t>(rng_.below(1000)) * path_.flush_us, What::flush, index);
    return flows_.back();
  }

  Path& path() { return path_; }
  Flow& flow(std::size_t index) { return flows_[index]; }
  double now_s() const { return static_cast<double>(now_) / 1e9; }

  void run(double seconds) {
    const auto until = now_ + static_cast<std::int64_t>(seconds * 1e9);
    while (!events_.empty() && events_.front().ns <= until) {
      std::pop_heap(events_.begin(), events_.end());
      const Event event = events_.back();
      events_.pop_back();
      now_ = event.ns;
      happen(event);
    }
    now_ = until;
  }

  // Figures since the last call.
  Figures measure() {
    Figures figures;
    const double seconds = static_cast<double>(now_ - mark_ns_) / 1e9;
    figures.utilisation = static_cast<double>(served_) / seconds / static_cast<double>(path_.rate);
    figures.queue_ms =
        served_ == 0 ? 0 : static_cast<double>(waited_ns_) / 1e6 / (static_cast<double>(served_) / Flow::segment);
    figures.lost = offered_ == 0 ? 0 : static_cast<double>(dropped_) / static_cast<double>(offered_);
    for (std::uint64_t& bytes : served_by_) {
      figures.shares.push_back(static_cast<double>(bytes) / static_cast<double>(std::max<std::uint64_t>(served_, 1)));
      bytes = 0;
    }
    mark_ns_ = now_;
    served_ = offered_ = dropped_ = 0;
    waited_ns_ = 0;
    return figures;
  }

 private:
  enum class What : std::uint8_t { wake, served, arrived, flush, acked, timeout };
  struct Event {
    std::int64_t ns;
    std::uint64_t order;
    std::uint64_t id;
    std::uint32_t flow;
    What what;
    bool operator<(const Event& other) const { return ns != other.ns ? ns > other.ns : order > other.order; }
  };
  struct Queued {
    std::uint64_t id;
    std::int64_t ns;
    std::uint32_t flow;
  };

  void plan(std::int64_t ns, What what, std::uint32_t flow, std::uint64_t id = 0) {
    events_.push_back({ns, order_++, id, flow, what});
    std::push_heap(events_.begin(), events_.end());
  }

  void happen(const Event& event) {
    Flow& flow = flows_[event.flow];
    switch (event.what) {
      case What::wake:
        if (event.ns == flow.wake_ns) flow.wake_ns = -1;
        send(flow, event.flow);
        break;
      case What::served: serve(event); break;
      case What::arrived: arrive(flow, event); break;
      case What::flush: flush(flow, event); break;
      case What::acked:
        flow.acknowledge(now_, event.id);
        send(flow, event.flow);
        break;
      case What::timeout:
        flow.check_timeout(now_);
        send(flow, event.flow);
        plan(now_ + 50'000'000, What::timeout, event.flow);
        break;
    }
  }

  void send(Flow& flow, std::uint32_t index) {
    if (now_ < flow.start_ns) return;
    std::int64_t blocked = 0;
    while ((blocked = flow.blocked_until(now_)) == 0) enqueue(index, flow.send(now_));
    if (blocked > 0 && flow.wake_ns != blocked) {
      flow.wake_ns = blocked;
      plan(blocked, What::wake, index);
    }
  }

  void enqueue(std::uint32_t index, std::uint64_t id) {
    offered_ += Flow::segment;
    if (rng_.chance_ppm(path_.loss_ppm) || (queue_.size() + 1) * Flow::segment > path_.buffer + Flow::segment) {
      dropped_ += Flow::segment;
      return;
    }
    queue_.push_back({id, now_, index});
    if (queue_.size() == 1) plan(now_ + service_ns(), What::served, index, id);
  }

  std::int64_t service_ns() const { return static_cast<std::int64_t>(Flow::segment * 1'000'000'000ull / path_.rate); }

  void serve(const Event& event) {
    const Queued one = queue_.front();
    queue_.pop_front();
    served_ += Flow::segment;
    served_by_.resize(flows_.size());
    served_by_[one.flow] += Flow::segment;
    waited_ns_ += now_ - one.ns - service_ns();
    std::int64_t way = path_.rtt_us * 500;
    const std::int64_t now_us = now_ / 1000;
    if (path_.detour_from_us >= 0 && now_us >= path_.detour_from_us &&
        now_us < path_.detour_from_us + path_.detour_us) {
      way += path_.detour_late_us * 1000;
    }
    plan(now_ + way, What::arrived, event.flow, event.id);
    if (!queue_.empty()) plan(now_ + service_ns(), What::served, queue_.front().flow, queue_.front().id);
  }

  void arrive(Flow& flow, const Event& event) {
    if (path_.flush_us > 0) {
      flow.waiting.push_back(event.id);
      return;
    }
    flow.arriving.push_back(event.id);
    plan(back(), What::acked, event.flow, 1);
  }

  void flush(Flow& flow, const Event& event) {
    constexpr std::size_t named_max = 57;
    const std::int64_t at = back();
    for (std::size_t i = 0; i < flow.waiting.size(); i += named_max) {
      plan(at, What::acked, event.flow, std::min(named_max, flow.waiting.size() - i));
    }
    for (const std::uint64_t id : flow.waiting) flow.arriving.push_back(id);
    flow.waiting.clear();
    plan(now_ + path_.flush_us * 1000, What::flush, event.flow);
  }

  // When something that the receiver sends now arrives. A little chance keeps flows from marching in step.
  std::int64_t back() {
    back_ns_ = std::max(back_ns_, now_ + path_.rtt_us * 500 + static_cast<std::int64_t>(rng_.below(20'000)));
    return back_ns_;
  }

  Path path_;
  Rng rng_;
  std::deque<Flow> flows_;
  std::vector<Event> events_;
  std::uint64_t order_ = 0;
  std::int64_t now_ = 0, back_ns_ = 0;
  std::deque<Queued> queue_;  // its first is on the link

  std::int64_t mark_ns_ = 0;
  std::uint64_t served_ = 0, offered_ = 0, dropped_ = 0;
  std::int64_t waited_ns_ = 0;
  std::vector<std::uint64_t> served_by_;
};

}  // namespace penstock::congestion::test
