// World: everything that one worker owns, as its stages see it.
//
// Plain data with a few verbs that every stage needs. The stages (intake, admission, timers, telling, egress, desk) are
// functions over a World, one file each, called in turn by Worker::run_once. Only the worker's core touches a World.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/arena.hpp"
#include "base/buddy.hpp"
#include "base/histogram.hpp"
#include "base/rng.hpp"
#include "engine/application.hpp"
#include "engine/dirty_list.hpp"
#include "engine/node_config.hpp"
#include "engine/overload.hpp"
#include "engine/stats.hpp"
#include "engine/survey.hpp"
#include "engine/tx_batch.hpp"
#include "engine/worker.hpp"
#include "net/stack.hpp"
#include "proto/kcp/session.hpp"
#include "session/challenge.hpp"
#include "session/flow_table.hpp"
#include "session/half_open.hpp"
#include "session/listener.hpp"
#include "session/ownership.hpp"
#include "session/prefix_quota.hpp"
#include "session/quarantine.hpp"
#include "session/session_table.hpp"
#include "session/timer_wheel.hpp"

namespace penstock {

// Where the counters stood when the present second began.
struct RateWindow {
  Instant since = Instant::never();
  std::uint64_t cycles_busy = 0;
  std::uint64_t cycles_idle = 0;
  std::uint64_t rx_packets = 0;
  std::uint64_t tx_packets = 0;
};

// What a burst of datagrams is while its stages work on it; the places beyond `count` hold nothing.
struct Burst {
  static constexpr std::uint32_t places = TxBatch::frames_max;

  std::uint32_t count = 0;
  bool handed_over = false;  // came from another worker
  std::array<net::RxFrame, places> frames;
  std::array<net::Packet, places> packets;
  std::array<Listener*, places> listeners{};
  std::array<std::uint32_t, places> convs{};
  std::array<FlowHash, places> hashes{};
  std::array<SessionId, places> candidates{};
};

// How far ahead on the list the stages prefetch.
inline constexpr std::uint32_t dirty_ahead = 8;
// Lines of a machine that each stage touches first.
inline constexpr std::uint32_t machine_lines = 3;

struct alignas(cache_line_bytes) World {
  World(const NodeConfig& node, std::uint32_t worker_index, const WorkerParts& given, Instant start);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  static std::size_t arena_bytes(const NodeConfig& node);
  // Prefixes that may have to be told apart: none where no listener bounds them.
  static std::uint32_t quota_places(const NodeConfig& node);
  static std::uint32_t half_open_quota_places(const NodeConfig& node);
  // Entries of all half-open tables together.
  static std::uint32_t half_open_places(const NodeConfig& node);
  // What these tables take.
  static std::size_t half_open_bytes(const NodeConfig& node);
  // Conversations that must be found without an address: none where no listener is keyed by it and lets clients roam.
  static std::uint32_t conv_places(const NodeConfig& node);
  // Closed conversations that are remembered: all that there can be, up to a million.
  static std::uint32_t quarantine_places(const NodeConfig& node);

  // Puts an open session on the list of this turn's sessions to tell about and to send for.
  void mark_dirty(std::uint32_t place) { dirty.mark(place); }
  // Asks for the session at a place of the list, if there is one: a long list does not stay in the cache.
  void prefetch_dirty(std::uint32_t place) {
    if (place < dirty.count()) sessions.prefetch_index(dirty[place], machine_lines);
  }
  // Begins a session on `path`, or names the reason why it can't.
  std::optional<SessionId> open_session(Listener& listener, const net::Path& path, std::uint32_t conv,
                                        kcp::Opening opening, Instant at, net::DropReason& why);
  // Leads a session by another path, which has proven itself; or says why it may not.
  std::optional<net::DropReason> move_session(SessionId id, const net::Path& to);
  // The one session of a listener with `roaming` that has the conversation, whatever its peer's address; or an invalid id.
  SessionId find_conv(const net::Path& path, std::uint32_t conv);
  // Frees the place of a session that is over; its conversation goes into quarantine.
  void retire_session(SessionId id, Instant at);
  // Takes a session back that was opened this moment and refused its first datagram.
  void abandon_session(SessionId id);
  // Its peer has shown that it receives at its address, or we chose the address ourselves.
  void prove_session(SessionId id);
  // Asks every session's machine to close; those that have nothing to send are over at once.
  void close_all(CloseReason reason, Instant at);
  // Forgets who has begun and not proven himself yet.
  void clear_half_open();
  // The secret at which the stamps of a new session begin.
  Stamp32 stamp_origin();
  // Sees to it that a session is found by its conv alone, if it is the only one that has it.
  void index_conv(SessionId id);
  void forget_conv(SessionId id);
  // When the session's idle or half-open time is up, or its peer is to be asked for a sign of life.
  Instant idle_deadline(std::uint32_t index, const Session& session) const;
  Instant now() const { return connection_context.now; }  // of this turn
  std::uint16_t port_of(const net::Path& path) const { return config.stack.interfaces[path.interface].port; }

  const NodeConfig& config;
  const std::uint32_t index;
  const WorkerParts parts;

  net::DropCounters drops;
  WorkerStats stats;
  Overload overload;  // whether newcomers must stand back
  kcp::Counters machine_counters;
  std::array<Histogram, histogram_names.size()> histograms;

  Rng rng;
  SmallBlocks small_blocks;
  BuddyMemory windows;
  SegmentChunkPool chunks;
  net::Stack stack;
  PrefixQuota quota;            // of sessions
  PrefixQuota half_open_quota;  // of half-open entries
  ListenerTable listeners;
  std::vector<std::unique_ptr<HalfOpenTable>> half_open;  // by listener; one place where it challenges nobody
  Quarantine quarantine;
  Challenge challenge;
  FlowTable flows;
  FlowTable convs;  // by local endpoint and conv: sessions that roam although their key holds the address
  std::vector<kcp::Environment>
      environments;  // by listener; sessions that are left give their memory back through them
  SessionTable<kcp::Session> sessions;
  TimerWheel wheel;
  std::vector<FlowOwnership> ownership;  // by port
  DirtyList dirty;
  Survey survey;
  Burst burst;                              // kept between turns, so that no turn has to make one
  std::array<ConnectionEvent, 256> events;  // told to a service in one call; kept between turns as well
  std::vector<TxBatch> batches;             // by port
  bool sums_copies = false;                 // some port leaves UDP sums to us: payload is summed while it is copied
  std::span<bool> link_was_up;              // by port, as the stack was told last
  Block* spare_head = nullptr;              // a block that a machine had no use for; taken before the pool is asked

  ConnectionContext connection_context;
  Instant last_turn = Instant::never();
  Instant last_snapshot;
  Instant next_link_look = Instant::at_us(0);
  std::uint64_t snapshots = 0;
  RateWindow rates;
  StatsSnapshot snapshot;         // filled in, then published
  std::uint32_t news_worker = 0;  // whose turn it is to be read first from the hand-off rings
  bool draining = false;
  bool backlog = false;  // the last turn left work behind for want of blocks or room
  bool worked = false;   // this turn did something
};

// Bytes of UDP payload that every path of its family carries.
inline std::uint16_t path_base(const net::Path& path) {
  return path.remote.address.is_v4() ? PathMtu::base_v4 : PathMtu::base_v6;
}

}  // namespace penstock
