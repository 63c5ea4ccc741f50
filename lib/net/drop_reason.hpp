// DropReason: why a frame or datagram was dropped, and DropCounters, one count for each.
//
// A worker owns one DropCounters and hands it to every room on its path; only its core writes it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock::net {

enum class DropReason : std::uint8_t {
#define DROP(name, room, text) name,
#include "net/drop_reason.def"
#undef DROP
};

inline constexpr std::array drop_reason_names = {
#define DROP(name, room, text) std::string_view{#name},
#include "net/drop_reason.def"
#undef DROP
};
inline constexpr std::array drop_reason_texts = {
#define DROP(name, room, text) std::string_view{text},
#include "net/drop_reason.def"
#undef DROP
};
inline constexpr std::size_t drop_reason_count = drop_reason_names.size();

constexpr std::string_view name_of(DropReason reason) { return drop_reason_names[static_cast<std::size_t>(reason)]; }

// True for what was lost on its way out; every other reason is about something received.
constexpr bool is_transmit(DropReason reason) {
  switch (reason) {
    case DropReason::tx_refused:
    case DropReason::neighbor_pending_full:
    case DropReason::neighbor_unresolved:
    case DropReason::no_route:
    case DropReason::mtu_exceeded:
    case DropReason::tx_ring_full:
    case DropReason::tx_link_down:
    case DropReason::no_tx_block:
    case DropReason::impair_tx_lost:
    case DropReason::impair_tx_burst_lost:
    case DropReason::impair_tx_partition:
    case DropReason::impair_tx_blackhole:
    case DropReason::impair_tx_queue_full: return true;
    default: return false;
  }
}

class DropCounters {
 public:
  void count(DropReason reason, std::uint64_t times = 1) {
    counts_[static_cast<std::size_t>(reason)] += times;
    if (!is_transmit(reason)) received_ += times;
  }
  std::uint64_t of(DropReason reason) const { return counts_[static_cast<std::size_t>(reason)]; }
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t n : counts_) sum += n;
    return sum;
  }
  // What was received and dropped; the rest was lost on its way out. Kept as a sum of its own, since each turn asks.
  std::uint64_t received_total() const { return received_; }

 private:
  std::array<std::uint64_t, drop_reason_count> counts_{};
  std::uint64_t received_ = 0;
};

}  // namespace penstock::net
