// WorkerStats: what a worker counts, and the snapshot of it that others read.
//
// The worker's core alone writes WorkerStats. Many times a second it publishes a copy through Published<StatsSnapshot>;
// telemetry reads that copy and never the worker's own structures. Within a snapshot this holds:
//   rx_packets + handed_in = delivered + handed_out + held + dropped
// where `dropped` is the sum of the receive reasons of drop_reason.def (net::is_transmit tells the others apart).
// All values are counts since start unless their name tells a unit or says "now".
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "base/histogram.hpp"
#include "base/time.hpp"
#include "net/drop_reason.hpp"
#include "proto/protocol.hpp"

namespace penstock {

inline constexpr std::uint32_t listeners_max = 64;
inline constexpr std::uint32_t workers_max = 64;

struct WorkerStats {
  std::uint64_t turns = 0;            // calls of run_once
  std::uint64_t turns_with_work = 0;  // … that received, sent or fired something
  std::uint64_t stalls = 0;           // gaps of more than 5 ms between turns that the worker did not choose
  std::uint64_t cycles_busy = 0;      // of the time stamp counter, in turns with work and on the way to the next one
  std::uint64_t cycles_idle = 0;      // … in turns without, sleep included
  std::uint64_t sleeps = 0;           // times that the worker slept because nothing was to be done
  std::uint64_t slept_us = 0;         // … and for how long it meant to
  std::uint64_t rx_packets = 0;       // frames that the ports gave or dropped
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_packets = 0;  // frames that the ports took
  std::uint64_t tx_bytes = 0;
  std::uint64_t tx_ring_busy = 0;   // times a port took fewer frames than offered
  std::uint64_t tx_no_block = 0;    // times a datagram had to wait for a free block
  std::uint64_t delivered = 0;      // frames that the stack answered or a session took
  std::uint64_t handed_out = 0;     // datagrams given to the worker that owns their flow
  std::uint64_t handed_in = 0;      // datagrams taken from other workers
  std::uint64_t held_now = 0;       // received frames that a port's impairment holds back
  std::uint64_t steered_wrong = 0;  // datagrams that the port put on another queue than their owner's
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_now = 0;
  std::uint64_t sessions_unproven_now = 0;  // of listeners with challenge = false
  std::uint64_t credit_waits = 0;           // times one of them had to wait for credit
  std::uint64_t half_open_now = 0;          // strangers who were challenged and are remembered
  std::uint64_t half_open_opened = 0;       // … since start
  std::uint64_t half_open_expired = 0;      // … and proved nothing in time
  std::uint64_t half_open_stateless = 0;    // first datagrams answered without being remembered
  std::uint64_t half_open_held = 0;         // datagrams of theirs that were kept until the proof
  std::uint64_t half_open_not_held = 0;     // … that were not, for want of small blocks
  std::uint64_t challenges_sent = 0;        // answers to first datagrams
  std::uint64_t challenges_proven = 0;      // … that were answered, and opened a session
  std::uint64_t path_challenges_sent = 0;   // questions to paths from which a known conversation came unproven
  std::uint64_t sessions_roamed = 0;        // sessions whose peer proved another path and is reached by it since
  std::uint64_t convs_shared = 0;           // sessions proven with the conv of another, so that neither may roam
  std::uint64_t timers_fired = 0;
  std::uint64_t overload_windows = 0;    // windows of 10 ms in which sessions that exist suffered by a full queue
  std::uint64_t overload_level_now = 0;  // Overload::Level
  std::uint64_t mails = 0;               // commands of control carried out
  std::uint64_t mismatches = 0;          // messages that a service found to be other than they should
  std::uint64_t busy_percent_now = 0;    // share of busy cycles in the last second …
  std::uint64_t rx_packets_per_s_now = 0;
  std::uint64_t tx_packets_per_s_now = 0;  // … and what was received and sent in it
};

// The machines' counters, one set a worker, all listeners together.
struct MachineStats {
  std::uint64_t segments_sent = 0;
  std::uint64_t segments_received = 0;
  std::uint64_t segments_duplicate = 0;
  std::uint64_t segments_beyond_window = 0;
  std::uint64_t retransmitted_timeout = 0;
  std::uint64_t retransmitted_fast = 0;
  std::uint64_t retransmitted_spare = 0;     // of these, second copies of what had been lost twice
  std::uint64_t retransmitted_spurious = 0;  // of these, those whose earlier copy then arrived
  std::uint64_t acks_sent = 0;
  std::uint64_t acks_unmatched = 0;  // acknowledgements that name no transmission of ours
  std::uint64_t probes_sent = 0;
  std::uint64_t window_updates_sent = 0;
  std::uint64_t proof_pings_sent = 0;
  std::uint64_t liveness_probes_sent = 0;  // questions to peers that had fallen silent
  std::uint64_t path_probes_sent = 0;      // questions as long as the path may be
  std::uint64_t path_probes_answered = 0;
  std::uint64_t messages_received = 0;  // whole messages; in stream mode segments
  std::uint64_t messages_sent = 0;
  std::uint64_t bytes_received = 0;  // payload handed to services
  std::uint64_t bytes_sent = 0;      // payload taken from services
};

struct ListenerStats {
  std::uint64_t opened = 0;
  std::uint64_t refused = 0;
  std::uint64_t sessions_now = 0;
  std::uint64_t half_open_now = 0;
  std::uint64_t stateless_now = 0;  // 1 while strangers are challenged and not remembered
  std::array<std::uint64_t, close_reason_count> closed{};
};

enum class HistogramId : std::uint8_t { rtt_us, burst_packets, turn_gap_us };
inline constexpr std::array histogram_names = {std::string_view{"rtt_us"}, std::string_view{"burst_packets"},
                                               std::string_view{"turn_gap_us"}};

// Levels of what can run dry, now.
struct LevelStats {
  std::uint64_t blocks_free = 0;
  std::uint64_t blocks_total = 0;
  std::uint64_t small_blocks_free[3] = {};
  std::uint64_t small_blocks_total[3] = {};
  std::uint64_t window_bytes_used = 0;
  std::uint64_t window_bytes_total = 0;
  std::uint64_t chunks_free = 0;
  std::uint64_t chunks_total = 0;
  std::uint64_t neighbor_frames_waiting = 0;
  std::uint64_t sessions_waiting = 0;   // with something to send, for room
  std::uint64_t tx_frames_waiting = 0;  // for a port, of all ports
  std::uint64_t handed_in_waiting = 0;  // datagrams and news in the rings from other workers
};

struct StatsSnapshot {
  std::int64_t taken_at_us = 0;  // the worker's clock
  std::uint64_t sequence = 0;    // counts snapshots
  WorkerStats worker;
  MachineStats machine;
  LevelStats levels;
  std::array<std::uint64_t, net::drop_reason_count> drops{};
  std::uint32_t listener_count = 0;
  std::uint32_t reserved = 0;
  std::array<ListenerStats, listeners_max> listeners{};
  std::array<Histogram, histogram_names.size()> histograms{};
};

// The latest copy of a T that one core writes and others read, without a lock: a sequence lock over relaxed words
// (Boehm, "Can seqlocks get along with programming language memory models?", 2012). The writer never waits.
template <class T>
class Published {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(std::uint64_t) == 0);
  static constexpr std::size_t words = sizeof(T) / sizeof(std::uint64_t);

 public:
  // By the owning core only.
  void publish(const T& value) {
    const std::uint64_t sequence = sequence_.load(std::memory_order_relaxed);
    sequence_.store(sequence + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    const auto* from = reinterpret_cast<const unsigned char*>(&value);
    for (std::size_t i = 0; i < words; ++i) {
      std::uint64_t word = 0;
      std::memcpy(&word, from + i * sizeof(word), sizeof(word));
      words_[i].store(word, std::memory_order_relaxed);
    }
    sequence_.store(sequence + 2, std::memory_order_release);
  }
  // From any thread: false when the writer was at work all the time (try again).
  bool read(T& value) const {
    for (int attempt = 0; attempt < 1000; ++attempt) {
      const std::uint64_t before = sequence_.load(std::memory_order_acquire);
      if (before % 2 != 0) continue;
      auto* to = reinterpret_cast<unsigned char*>(&value);
      for (std::size_t i = 0; i < words; ++i) {
        const std::uint64_t word = words_[i].load(std::memory_order_relaxed);
        std::memcpy(to + i * sizeof(word), &word, sizeof(word));
      }
      std::atomic_thread_fence(std::memory_order_acquire);
      if (sequence_.load(std::memory_order_relaxed) == before) return true;
    }
    return false;
  }

 private:
  alignas(64) std::atomic<std::uint64_t> sequence_{0};
  std::array<std::atomic<std::uint64_t>, words> words_{};
};

}  // namespace penstock
