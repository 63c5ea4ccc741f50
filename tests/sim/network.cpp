#include "sim/network.hpp"

#include <algorithm>

#include "sim/broken.hpp"

namespace penstock::sim {

namespace {

constexpr std::uint32_t frame_bytes_max = 2048;
constexpr std::uint32_t from_stranger = ~0u;

// All links full, and a copy of each frame besides.
std::uint32_t frames_max(const Plan& plan) {
  std::uint32_t sum = 64;
  for (const HostPlan& host : plan.hosts) sum += 2 * (host.up.queue_frames + host.down.queue_frames);
  return sum;
}

impair::Impairment clean(const impair::Impairment& from) {
  impair::Impairment made;
  made.delay = from.delay;
  made.queue_frames = from.queue_frames;
  return made;
}

}  // namespace

Network::Wires::Wires(const HostPlan& plan, HeapPool& pool, Rng rng)
    : memory(WireLink::cost(plan.up.queue_frames) + WireLink::cost(plan.down.queue_frames)),
      arena(memory.bytes()),
      up(arena, plan.up, pool, rng.child(1)),
      down(arena, plan.down, pool, rng.child(2)),
      clean_up(clean(plan.up)),
      clean_down(clean(plan.down)),
      has_jitter(plan.up.jitter > Duration() || plan.down.jitter > Duration()) {}

Network::Network(const Plan& plan, Trace& trace, Arrive arrive)
    : pool_(frame_bytes_max, frames_max(plan)), trace_(trace), arrive_(std::move(arrive)) {
  for (const HostPlan& host : plan.hosts) wires_.push_back(std::make_unique<Wires>(host, pool_, Rng(host.up.seed)));
}

net::RxFrame Network::on_wire(std::span<const std::uint8_t> frame) {
  require(frame.size() <= frame_bytes_max, "a port sent a frame that no wire carries");
  Block* block = pool_.allocate();
  require(block != nullptr, "the wires hold more frames than all links together");
  net::RxFrame made;
  made.bytes = Segment::adopt(block, 0, static_cast<std::uint32_t>(frame.size()));
  std::ranges::copy(frame, made.bytes.writable().begin());
  return made;
}

void Network::transmit(std::uint32_t host, std::span<const std::uint8_t> frame, Instant now) {
  Wires& wires = *wires_[host];
  const impair::Fate fate = wires.up.offer(on_wire(frame), now);
  wires.jittered += wires.has_jitter && fate == impair::Fate::queued ? 1 : 0;
  trace_.frame(now, TraceKind::frame_sent, host, static_cast<std::uint64_t>(fate), frame);
}

void Network::inject(std::span<const std::uint8_t> frame, Instant now) {
  const net::RxFrame made = on_wire(frame);
  switch_frame(made.bytes, from_stranger, now);
}

void Network::switch_frame(const Segment& frame, std::uint32_t from, Instant now) {
  const auto bytes = frame.bytes();
  std::uint32_t known = from_stranger;
  for (std::uint32_t host = 0; host < wires_.size(); ++host) {
    const auto mac = mac_of(host).bytes;
    if (bytes.size() >= mac.size() && std::ranges::equal(bytes.first(mac.size()), mac)) known = host;
  }
  for (std::uint32_t host = 0; host < wires_.size(); ++host) {
    if (host == from || (known != from_stranger && host != known)) continue;
    net::RxFrame copy;
    copy.bytes = frame.share();
    static_cast<void>(wires_[host]->down.offer(std::move(copy), now));
  }
}

void Network::run(Instant now) {
  for (std::uint32_t host = 0; host < wires_.size(); ++host) {
    while (const auto frame = wires_[host]->up.poll(now)) switch_frame(frame->bytes, host, now);
  }
  for (std::uint32_t host = 0; host < wires_.size(); ++host) {
    while (const auto frame = wires_[host]->down.poll(now)) {
      const std::uint64_t what = arrive_(host, frame->bytes.bytes(), now);
      trace_.frame(now, TraceKind::frame_arrived, host, what, frame->bytes.bytes());
    }
  }
}

Instant Network::next_deadline() const {
  Instant next = Instant::never();
  for (const auto& wires : wires_)
    next = earlier(next, earlier(wires->up.next_deadline(), wires->down.next_deadline()));
  return next;
}

void Network::cut(std::uint32_t host, bool up, bool down) {
  wires_[host]->up.cut(up);
  wires_[host]->down.cut(down);
}

void Network::heal() {
  for (const auto& wires : wires_) {
    wires->up.change(wires->clean_up);
    wires->down.change(wires->clean_down);
    wires->has_jitter = false;
  }
}

std::uint32_t Network::held() const {
  std::uint32_t sum = 0;
  for (const auto& wires : wires_) sum += wires->up.held() + wires->down.held();
  return sum;
}

void Network::count_faults(Coverage& coverage) const {
  for (const auto& wires : wires_) {
    for (const WireLink* link : {&wires->up, &wires->down}) {
      const impair::LinkCounters& c = link->counters();
      coverage.count(Fault::loss, c.lost);
      coverage.count(Fault::burst_loss, c.burst_lost);
      coverage.count(Fault::blackhole, c.blackholed);
      coverage.count(Fault::ecn_mark, c.ecn_marked);
      coverage.count(Fault::hold, c.held_back);
      coverage.count(Fault::duplicate, c.duplicated);
      coverage.count(Fault::reorder, c.reordered);
      coverage.count(Fault::corrupt, c.corrupted);
      coverage.count(Fault::link_queue_full, c.queue_full);
      coverage.count(Fault::partition, c.partitioned);
      require(c.offered + c.duplicated ==
                  c.forwarded + c.lost + c.burst_lost + c.partitioned + c.blackholed + c.queue_full + link->held(),
              "a link's counters do not add up");
    }
    coverage.count(Fault::jitter, wires->jittered);
  }
}

}  // namespace penstock::sim
