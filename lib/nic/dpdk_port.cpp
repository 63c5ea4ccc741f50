#include "nic/dpdk_port.hpp"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <array>
#include <utility>

#include "nic/kernel_mtu.hpp"
#include "nic/tx_frame.hpp"

namespace penstock::nic {

namespace {

// Frames that go to the driver at once. It bounds what is prepared in vain when the ring is full.
constexpr std::uint32_t burst_packets = 32;

void prefetch(std::span<rte_mbuf* const> mbufs) {
  for (rte_mbuf* mbuf : mbufs) {
    rte_prefetch0(rte_mbuf_to_priv(mbuf));
    rte_prefetch0(rte_pktmbuf_mtod(mbuf, void*));
  }
}

// How many of the first mbufs the driver would send; the one behind them it never will. Plain mbufs it takes unasked.
std::uint32_t acceptable(std::uint16_t port_id, std::uint16_t queue, std::span<rte_mbuf*> mbufs) {
  const bool plain = std::ranges::all_of(mbufs, [](const rte_mbuf* m) { return m->ol_flags == 0 && m->nb_segs == 1; });
  const auto count = static_cast<std::uint16_t>(mbufs.size());
  return plain ? count : rte_eth_tx_prepare(port_id, queue, mbufs.data(), count);
}

void drop(net::TxFrame& frame) {
  frame.head.reset();
  frame.link.reset();
}

}  // namespace

std::expected<std::unique_ptr<DpdkPort>, std::string> DpdkPort::open(const PortSettings& settings,
                                                                     std::span<const QueuePools> pools) {
  std::vector<MbufPool*> blocks;
  bool links = true;
  for (const QueuePools& queue : pools) {
    blocks.push_back(queue.blocks);
    links = links && queue.indirect != nullptr;
  }
  PortSettings asked = settings;
  asked.link_payload = settings.link_payload && links;
  auto started = start_port(asked, blocks);
  if (!started) return std::unexpected(started.error());
  return std::unique_ptr<DpdkPort>(new DpdkPort(std::move(*started), pools));
}

DpdkPort::DpdkPort(StartedPort&& started, std::span<const QueuePools> pools)
    : info_(std::move(started.info)), report_(std::move(started.report)), port_id_(started.port_id), mtu_(report_.mtu) {
  for (const QueuePools& queue : pools) queues_.push_back({.pools = queue, .counters = {}});
  PENSTOCK_ASSERT(queues_.size() == info_.queues);
  trust_ = {.ip_checksum = report_.rx_ip_checksum,
            .l4_checksum = report_.rx_udp_checksum,
            .rss_hash = report_.rx_rss_hash && report_.rss};
  rte_eth_link link = {};
  const bool told = rte_eth_link_get_nowait(port_id_, &link) == 0;
  link_up_.store(told && link.link_status == RTE_ETH_LINK_UP, std::memory_order_relaxed);
}

DpdkPort::~DpdkPort() { stop_port(port_id_); }

void DpdkPort::poll_link() {
  rte_eth_link link = {};
  if (rte_eth_link_get_nowait(port_id_, &link) != 0) return;
  const bool up = link.link_status == RTE_ETH_LINK_UP;
  if (link_up_.exchange(up, std::memory_order_relaxed) != up) link_changes_.fetch_add(1, std::memory_order_relaxed);
}

void DpdkPort::poll_mtu() {
  std::uint16_t of_device = report_.mtu;
  if (rte_eth_dev_get_mtu(port_id_, &of_device) != 0) of_device = report_.mtu;
  const std::uint32_t of_kernel = kernel_mtu(report_.kernel_interface).value_or(report_.mtu);
  const std::uint16_t mtu = static_cast<std::uint16_t>(std::min<std::uint32_t>({report_.mtu, of_device, of_kernel}));
  if (mtu_.exchange(mtu, std::memory_order_relaxed) != mtu) mtu_changes_.fetch_add(1, std::memory_order_relaxed);
}

PortHealth DpdkPort::health() const {
  PortHealth health;
  health.link_up = link_up();
  health.link_changes = link_changes_.load(std::memory_order_relaxed);
  health.mtu = mtu_.load(std::memory_order_relaxed);
  health.mtu_changes = mtu_changes_.load(std::memory_order_relaxed);
  rte_eth_link link = {};
  const bool told = health.link_up && rte_eth_link_get_nowait(port_id_, &link) == 0;
  if (told && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN) health.link_mbps = link.link_speed;
  rte_eth_stats stats = {};
  if (rte_eth_stats_get(port_id_, &stats) != 0) return health;
  health.rx_missed = stats.imissed;
  health.rx_errors = stats.ierrors;
  health.rx_no_block = stats.rx_nombuf;
  health.tx_errors = stats.oerrors;
  return health;
}

bool DpdkPort::is_too_long(const net::TxFrame& frame) const {
  return frame.l3_bytes != 0 && frame.bytes() - frame.l2_bytes > mtu_.load(std::memory_order_relaxed);
}

std::uint32_t DpdkPort::receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters& drops,
                                Instant) {
  PENSTOCK_ASSERT(queue < queues_.size());
  std::uint32_t filled = 0;
  // Dropped frames count as polled: a flood of them cannot keep the worker here.
  for (std::size_t polled = 0; polled < frames.size();) {
    std::array<rte_mbuf*, burst_packets> mbufs;
    const std::size_t wanted = std::min<std::size_t>(burst_packets, frames.size() - polled);
    const std::uint16_t got = rte_eth_rx_burst(port_id_, queue, mbufs.data(), static_cast<std::uint16_t>(wanted));
    filled += take_in_burst(queues_[queue], {mbufs.data(), got}, frames.subspan(filled), drops);
    polled += got;
    if (got < wanted) break;
  }
  return filled;
}

std::uint32_t DpdkPort::take_in_burst(Queue& queue, std::span<rte_mbuf* const> mbufs, std::span<net::RxFrame> frames,
                                      net::DropCounters& drops) {
  prefetch(mbufs);
  std::uint32_t filled = 0;
  std::uint64_t bytes = 0;
  std::uint32_t copied = 0;
  std::uint32_t partial_sums = 0;
  for (rte_mbuf* mbuf : mbufs) {
    net::RxFrame& frame = frames[filled];
    const RxTaken result = take_in(mbuf, *queue.pools.blocks, trust_, frame);
    if (!result.taken) {
      drops.count(result.reason);
      continue;
    }
    ++filled;
    bytes += frame.bytes.length();
    copied += result.copied ? 1u : 0u;
    partial_sums += result.partial_l4_sum ? 1u : 0u;
  }
  queue.counters.rx_packets += filled;
  queue.counters.rx_bytes += bytes;
  queue.counters.rx_copied += copied;
  queue.counters.rx_partial_sums += partial_sums;
  return filled;
}

std::uint32_t DpdkPort::send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops, Instant) {
  PENSTOCK_ASSERT(queue < queues_.size());
  const bool shrunk = mtu_.load(std::memory_order_relaxed) < report_.mtu;
  std::uint32_t taken = 0;
  while (taken < frames.size()) {
    std::span<net::TxFrame> burst = frames.subspan(taken, std::min<std::size_t>(burst_packets, frames.size() - taken));
    if (shrunk && is_too_long(burst.front())) {
      drops.count(net::DropReason::mtu_exceeded);
      drop(burst.front());
      ++taken;
      continue;
    }
    // A burst ends before the next frame that will not pass.
    if (shrunk) burst = {burst.begin(), std::ranges::find_if(burst, [&](const auto& f) { return is_too_long(f); })};
    const std::uint32_t got = send_burst(queue, burst, drops);
    taken += got;
    if (got < burst.size()) break;
  }
  return taken;
}

std::uint32_t DpdkPort::send_burst(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops) {
  QueueCounters& counters = queues_[queue].counters;
  const QueuePools& pools = queues_[queue].pools;
  rte_mempool* indirect = report_.links_payload ? pools.indirect->mempool() : nullptr;
  std::array<rte_mbuf*, burst_packets> mbufs;
  std::array<PreparedFrame, burst_packets> prepared;
  std::uint32_t count = 0;
  for (; count < frames.size(); ++count) {
    mbufs[count] = prepare_frame(frames[count], *pools.blocks, indirect, prepared[count]);
    if (mbufs[count] == nullptr) {
      ++counters.tx_no_block;
      break;
    }
  }

  const std::uint32_t fit = acceptable(port_id_, queue, {mbufs.data(), count});
  const std::uint32_t sent =
      fit == 0 ? 0 : rte_eth_tx_burst(port_id_, queue, mbufs.data(), static_cast<std::uint16_t>(fit));
  // Added up here and counted once: counters that are written and read back frame by frame make the core wait.
  std::uint64_t bytes = 0;
  std::uint32_t linked = 0;
  std::uint32_t copied = 0;
  for (std::uint32_t i = 0; i < sent; ++i) {
    bytes += frames[i].bytes();
    linked += prepared[i].linked ? 1u : 0u;
    copied += prepared[i].copied ? 1u : 0u;
    finish_frame(frames[i], prepared[i]);
  }
  counters.tx_packets += sent;
  counters.tx_bytes += bytes;
  counters.tx_linked += linked;
  counters.tx_copied += copied;
  for (std::uint32_t i = sent; i < count; ++i) undo_frame(frames[i], prepared[i], mbufs[i]);
  if (sent < fit) ++counters.tx_ring_full;
  if (sent < fit || fit == count) return sent;

  // The frame behind the last would be refused for ever and block the queue.
  ++counters.tx_refused;
  drops.count(net::DropReason::tx_refused);
  drop(frames[fit]);
  return fit + 1;
}

bool DpdkPort::reclaim(std::uint16_t queue) { return rte_eth_tx_done_cleanup(port_id_, queue, 0) >= 0; }

}  // namespace penstock::nic
