#include "sim/sim_port.hpp"

#include <algorithm>

#include "session/ownership.hpp"

namespace penstock::sim {

namespace {

// Where a NIC puts a frame in its buffer.
constexpr std::uint32_t headroom = 128;
constexpr std::size_t rss_key_bytes = 40;
constexpr std::size_t reta_entries = 128;

}  // namespace

SimPort::SimPort(std::uint32_t host, const HostPlan& plan, std::span<HeapPool* const> pools, Rng rng,
                 Coverage& coverage, Transmit transmit)
    : missteer_ppm_(plan.missteer_ppm),
      rx_ring_(plan.rx_ring),
      pools_(pools.begin(), pools.end()),
      rng_(rng),
      coverage_(coverage),
      transmit_(std::move(transmit)),
      rings_(plan.workers),
      burst_(plan.node.burst),
      refusals_(plan.workers) {
  info_.name = "sim";
  info_.mac = mac_of(host);
  info_.queues = static_cast<std::uint16_t>(plan.workers);
  info_.traits.tx_ip_checksum = plan.checksum_offload;
  info_.traits.tx_udp_checksum = plan.checksum_offload;
  info_.traits.multi_segment = plan.multi_segment;
  if (!plan.rss) return;
  for (std::size_t i = 0; i < rss_key_bytes; ++i) info_.rss_key.push_back(static_cast<std::uint8_t>(rng_.next()));
  for (std::size_t i = 0; i < reta_entries; ++i) {
    info_.rss_reta.push_back(static_cast<std::uint16_t>(rng_.below(plan.workers)));
  }
  info_.rss_udp4 = rng_.below(4) != 0;
  info_.rss_udp6 = rng_.below(4) != 0;
}

// The queue, and the hash that the port reports.
std::uint16_t SimPort::steer(std::span<const std::uint8_t> frame, Waiting& waiting) {
  std::uint16_t queue = 0;
  const auto flow = peek(frame);
  if (flow && !info_.rss_key.empty()) {
    const bool ports = flow->source.address.is_v4() ? info_.rss_udp4 : info_.rss_udp6;
    waiting.hashed = true;
    waiting.hash = rss_hash(info_.rss_key, flow->source, flow->destination, ports);
    queue = info_.rss_reta[waiting.hash % info_.rss_reta.size()];
  } else if (flow) {
    queue = static_cast<std::uint16_t>((flow->source.port ^ flow->destination.port) % rings_.size());
  }
  if (rng_.chance_ppm(missteer_ppm_)) queue = static_cast<std::uint16_t>(rng_.below(rings_.size()));
  return steer_to_ < rings_.size() ? static_cast<std::uint16_t>(steer_to_) : queue;
}

SimPort::Arrival SimPort::arrive(std::span<const std::uint8_t> frame) {
  if (!link_up_) return Arrival::link_down;
  Waiting waiting;
  const std::uint16_t queue = steer(frame, waiting);
  if (rings_[queue].size() >= rx_ring_) {
    coverage_.count(Fault::rx_ring_full);
    return Arrival::ring_full;
  }
  Block* block = pools_[queue]->allocate();
  if (block == nullptr) {
    coverage_.count(Fault::rx_no_block);
    return Arrival::no_block;
  }
  waiting.bytes = Segment::adopt(block, headroom, static_cast<std::uint32_t>(frame.size()));
  std::ranges::copy(frame, waiting.bytes.writable().begin());
  rings_[queue].push_back(std::move(waiting));
  if (rings_[queue].size() > burst_) coverage_.count(Fault::rx_beyond_burst);
  return Arrival::taken;
}

std::uint32_t SimPort::receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters&, Instant) {
  std::uint32_t count = 0;
  while (count < frames.size() && !rings_[queue].empty()) {
    Waiting& waiting = rings_[queue].front();
    net::RxFrame& frame = frames[count++];
    frame = {};
    frame.bytes = std::move(waiting.bytes);
    frame.has_rss_hash = waiting.hashed;
    frame.rss_hash = waiting.hash;
    rings_[queue].pop_front();
  }
  return count;
}

std::uint32_t SimPort::send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters&, Instant now) {
  const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(frames.size(), tx_room_));
  if (count < frames.size()) {
    coverage_.count(Fault::tx_ring_full);
    ++refusals_[queue];
  }
  for (net::TxFrame& frame : frames.first(count)) {
    Bytes bytes(frame.head.bytes().begin(), frame.head.bytes().end());
    if (frame.link.holds()) coverage_.count(Cause::linked_payload);
    append(bytes, frame.link.bytes());
    finish_checksums(frame, bytes);
    frame = {};
    transmit_(bytes, now);
  }
  return count;
}

// What the stack left to the port: IPv4's sum over zero, UDP's over the pseudo-header's sum that stands in its field.
void SimPort::finish_checksums(const net::TxFrame& frame, Bytes& bytes) const {
  if (frame.offload_ip_checksum) {
    Bytes header(bytes.begin() + frame.l2_bytes, bytes.begin() + frame.l2_bytes + frame.l3_bytes);
    write_checksum(header, 0, 10, 0);
    std::ranges::copy(header, bytes.begin() + frame.l2_bytes);
  }
  if (frame.offload_udp_checksum) {
    const std::size_t udp = std::size_t{frame.l2_bytes} + frame.l3_bytes;
    const std::uint32_t pseudo = static_cast<std::uint32_t>(bytes[udp + 6] << 8 | bytes[udp + 7]);
    write_checksum(bytes, udp, udp + 6, pseudo);
    if (bytes[udp + 6] == 0 && bytes[udp + 7] == 0) bytes[udp + 6] = bytes[udp + 7] = 0xff;
  }
}

void SimPort::clear() {
  for (auto& ring : rings_) ring.clear();
}

}  // namespace penstock::sim
