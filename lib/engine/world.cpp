#include "engine/world.hpp"

#include <algorithm>
#include <array>

#include "session/liveness.hpp"

namespace penstock {

namespace {

// A conversation that closed leaves one entry; more than this many a quarantine time leave early, oldest first.
std::vector<ListenerConfig> admissions(const NodeConfig& node) {
  std::vector<ListenerConfig> configs;
  for (const ListenerSetup& setup : node.listeners) configs.push_back(setup.admission);
  return configs;
}

// The stack of one worker: the first one speaks for all, and what one learns the others hear.
net::StackConfig stack_of(const NodeConfig& node, std::uint32_t worker) {
  net::StackConfig config = node.stack;
  config.announces = worker == 0;
  config.shares_news = node.workers > 1;
  return config;
}

RssView rss_view(const PortInfo& info) {
  return {.key = info.rss_key, .reta = info.rss_reta, .ports_v4 = info.rss_udp4, .ports_v6 = info.rss_udp6};
}

// The largest key and table that a port may have, for a sum that is made before the ports are known.
constexpr std::size_t rss_key_bytes_max = 128;
constexpr std::size_t rss_reta_max = 4096;
std::size_t ownership_cost_max() {
  return Arena::cost<std::uint8_t>(rss_key_bytes_max) + Arena::cost<std::uint16_t>(rss_reta_max);
}

HalfOpenLimits half_open_limits(const ListenerConfig& config, std::size_t listener) {
  return {.listener = static_cast<std::uint16_t>(listener),
          .entries_max = config.challenge ? config.half_open_max : 1,
          .per_prefix_max = config.half_open_per_prefix_max,
          .timeout = config.half_open_timeout};
}

// Independent streams of one seed; the labels only have to differ.
enum class Stream : std::uint64_t { stack = 1, machines = 2 };

}  // namespace

World::World(const NodeConfig& node, std::uint32_t worker_index, const WorkerParts& given, Instant start)
    : config(node),
      index(worker_index),
      parts(given),
      rng(Rng(given.seed).child(static_cast<std::uint64_t>(Stream::machines))),
      small_blocks(given.arena, node.memory.small_blocks),
      windows(given.arena, node.memory.window_bytes),
      chunks(given.arena, node.memory.chunks),
      stack(given.arena, stack_of(node, worker_index), given.blocks, drops, given.key,
            Rng(given.seed).child(static_cast<std::uint64_t>(Stream::stack))),
      quota(given.arena, quota_places(node), given.key),
      half_open_quota(given.arena, half_open_quota_places(node), given.key),
      listeners(given.arena, admissions(node), quota),
      quarantine(given.arena, quarantine_places(node)),
      challenge(given.key),
      flows(given.arena, node.sessions_max),
      convs(given.arena, conv_places(node)),
      sessions(given.arena, node.sessions_max, static_cast<std::uint8_t>(worker_index)),
      wheel(given.arena, sessions.all(), start),
      dirty(given.arena, sessions.all()),
      survey(given.arena, node.sessions_max),
      link_was_up(given.arena.make<bool>(given.ports.size())),
      connection_context{dirty, chunks, start},
      last_snapshot(start) {
  PENSTOCK_ASSERT(node.workers <= workers_max && worker_index < node.workers);
  PENSTOCK_ASSERT(node.listeners.size() <= listeners_max);
  PENSTOCK_ASSERT(node.workers == 1 || given.handoff != nullptr);
  for (Port* port : given.ports) {
    PENSTOCK_ASSERT(port->info().rss_key.size() <= rss_key_bytes_max);
    PENSTOCK_ASSERT(port->info().rss_reta.size() <= rss_reta_max);
    ownership.emplace_back(given.arena, rss_view(port->info()), node.workers, given.key);
    batches.emplace_back(*port, static_cast<std::uint16_t>(worker_index), node.burst);
    sums_copies = sums_copies || !port->info().traits.tx_udp_checksum;
  }
  for (const ListenerSetup& setup : node.listeners) {
    const HalfOpenLimits limits = half_open_limits(setup.admission, half_open.size());
    half_open.push_back(std::make_unique<HalfOpenTable>(given.arena, limits, half_open_quota, given.key));
    PENSTOCK_ASSERT(setup.service < given.services.size());
    environments.push_back(
        {.options = setup.kcp, .memory = windows, .blocks = small_blocks, .rng = rng, .counters = machine_counters});
  }
}

std::uint32_t World::quota_places(const NodeConfig& node) {
  const bool bounded =
      std::ranges::any_of(node.listeners, [](const ListenerSetup& setup) { return setup.admission.bounds_prefixes(); });
  return bounded ? node.sessions_max : 1;
}

std::uint32_t World::half_open_places(const NodeConfig& node) {
  std::uint32_t places = 0;
  for (const ListenerSetup& setup : node.listeners) places += half_open_limits(setup.admission, 0).entries_max;
  return places;
}

std::size_t World::half_open_bytes(const NodeConfig& node) {
  std::size_t bytes = 0;
  for (const ListenerSetup& setup : node.listeners) {
    bytes += HalfOpenTable::cost(half_open_limits(setup.admission, 0).entries_max);
  }
  return bytes;
}

std::uint32_t World::half_open_quota_places(const NodeConfig& node) {
  std::uint32_t places = 1;
  for (const ListenerSetup& setup : node.listeners) {
    const HalfOpenLimits limits = half_open_limits(setup.admission, 0);
    if (limits.bounds_prefixes()) places += limits.entries_max;
  }
  return places;
}

std::uint32_t World::conv_places(const NodeConfig& node) {
  const bool roams = std::ranges::any_of(node.listeners, [](const ListenerSetup& s) { return s.admission.roaming; });
  return roams ? node.sessions_max : 1;
}

std::uint32_t World::quarantine_places(const NodeConfig& node) { return std::clamp(node.sessions_max, 256u, 1u << 20); }

std::size_t World::arena_bytes(const NodeConfig& node) {
  const std::size_t ports = node.stack.ports.size();
  return SmallBlocks::cost(node.memory.small_blocks) + BuddyMemory::cost(node.memory.window_bytes) +
         SegmentChunkPool::cost(node.memory.chunks) + net::Stack::cost(node.stack) +
         PrefixQuota::cost(quota_places(node)) + PrefixQuota::cost(half_open_quota_places(node)) +
         half_open_bytes(node) + ListenerTable::cost(node.listeners.size()) +
         Quarantine::cost(quarantine_places(node)) + FlowTable::cost(node.sessions_max) +
         FlowTable::cost(conv_places(node)) + SessionTable<kcp::Session>::cost(node.sessions_max) +
         TimerWheel::cost(node.sessions_max) + DirtyList::cost(node.sessions_max) + Survey::cost(node.sessions_max) +
         Arena::cost<bool>(ports) + ports * ownership_cost_max();
}

std::optional<SessionId> World::open_session(Listener& listener, const net::Path& path, std::uint32_t conv,
                                             kcp::Opening opening, Instant at, net::DropReason& why) {
  if (const auto refused = listener.admit(path.remote.address)) {
    why = *refused;
    return std::nullopt;
  }
  kcp::Start begin;
  begin.opening = opening;
  begin.stamp_origin = stamp_origin();
  begin.path_base = path_base(path);
  const SessionId id = sessions.open(environments[listener.index()], conv, at, begin);
  if (!id.is_valid()) {
    listener.withdraw(path.remote.address);
    why = net::DropReason::session_table_full;
    return std::nullopt;
  }
  Session& session = sessions[id.index()];
  session.path = path;
  session.conv = conv;
  session.listener = listener.index();
  session.key_mode = listener.config().key_mode;
  session.roams = session.key_mode == SessionKeyMode::conv;
  session.last_heard = at;
  session.opened = at;
  if (!flows.insert(hash(session.key(), parts.key), id)) {
    listener.withdraw(path.remote.address);
    sessions.close(id);
    why = net::DropReason::flow_table_full;
    return std::nullopt;
  }
  if (opening == kcp::Opening::by_us) prove_session(id);
  wheel.arm(id.index(), TimerKind::idle, idle_deadline(id.index(), session));
  ++stats.sessions_opened;
  return id;
}

// Only now can the conv be somebody else's as well: a first segment in anybody's name keeps nobody from moving.
void World::prove_session(SessionId id) {
  Session& session = sessions[id.index()];
  Listener& listener = listeners[session.listener];
  session.state = SessionState::proven;
  listener.on_proven();
  if (listener.config().roaming) index_conv(id);
}

// Each peer sees the origin of his own sessions' stamps. By the key he learns nothing from them of anybody else's, as he would
// from the draws of an Rng, which is no cipher.
Stamp32 World::stamp_origin() {
  constexpr std::uint64_t domain = 0x6e696769726f7473;  // keeps it apart from other hashes under the key
  const std::array<std::uint64_t, 3> words{domain, rng.next(), stats.sessions_opened};
  return Stamp32(static_cast<std::uint32_t>(siphash13_words(parts.key, words)));
}

// A conv that two sessions have tells nobody whose peer moved: then neither does, for as long as the first one lasts.
void World::index_conv(SessionId id) {
  Session& session = sessions[id.index()];
  if (session.key_mode != SessionKeyMode::address_conv) return;
  const SessionId other = find_conv(session.path, session.conv);
  if (other.is_valid()) {
    sessions[other.index()].conv_shared = true;
    ++stats.convs_shared;
    return;
  }
  session.roams = convs.insert(flow_hash(SessionKeyMode::conv, session.path, session.conv, parts.key), id);
}

void World::forget_conv(SessionId id) {
  const Session& session = sessions[id.index()];
  if (!session.roams || session.key_mode == SessionKeyMode::conv) return;
  convs.erase(flow_hash(SessionKeyMode::conv, session.path, session.conv, parts.key), id);
}

SessionId World::find_conv(const net::Path& path, std::uint32_t conv) {
  return convs.find(flow_hash(SessionKeyMode::conv, path, conv, parts.key), [&](SessionId id) {
    const Session* session = sessions.find(id);
    return session != nullptr && session->conv == conv && session->path.local == path.local &&
           session->path.interface == path.interface;
  });
}

// Where the key holds the address, the old key's place is free for the new one, or for the old one again.
std::optional<net::DropReason> World::move_session(SessionId id, const net::Path& to) {
  Session& session = sessions[id.index()];
  PENSTOCK_ASSERT(session.roams && session.state == SessionState::proven);
  const net::Path from = session.path;
  Listener& listener = listeners[session.listener];
  if (const auto why = listener.move(from.remote.address, to.remote.address)) return why;
  flows.erase(hash(session.key(), parts.key), id);
  session.path = to;
  if (!flows.insert(hash(session.key(), parts.key), id)) {
    session.path = from;
    const bool back = flows.insert(hash(session.key(), parts.key), id);
    PENSTOCK_ASSERT(back);
    const auto why = listener.move(to.remote.address, from.remote.address);
    PENSTOCK_ASSERT(!why);
    return net::DropReason::flow_table_full;
  }
  ++stats.sessions_roamed;
  return std::nullopt;
}

void World::retire_session(SessionId id, Instant at) {
  Session* session = sessions.find(id);
  PENSTOCK_ASSERT(session != nullptr && session->over);
  const FlowKey late = quarantine_key(session->key_mode, session->path, session->conv);
  quarantine.add(hash(late, parts.key), at, at + listeners[session->listener].config().quarantine);
  forget_conv(id);
  flows.erase(hash(session->key(), parts.key), id);
  wheel.cancel_all(id.index());
  sessions.close(id);
}

void World::abandon_session(SessionId id) {
  Session* session = sessions.find(id);
  PENSTOCK_ASSERT(session != nullptr);
  PENSTOCK_ASSERT(!session->in_dirty_list);
  listeners[session->listener].withdraw(session->path.remote.address);
  --stats.sessions_opened;
  forget_conv(id);
  flows.erase(hash(session->key(), parts.key), id);
  wheel.cancel_all(id.index());
  sessions.close(id);
}

void World::clear_half_open() {
  for (const auto& table : half_open) table->clear();
}

void World::close_all(CloseReason reason, Instant at) {
  for (std::uint32_t i = 0; i < sessions.capacity(); ++i) {
    if (!sessions.is_open(i)) continue;
    sessions.machine(i).close(reason, at);
    mark_dirty(i);
  }
}

Instant World::idle_deadline(std::uint32_t place, const Session& session) const {
  const ListenerConfig& limits = config.listeners[session.listener].admission;
  if (session.state == SessionState::unproven)
    return session.opened + silence_allowed(limits.half_open_timeout, 0, 0, place);
  return session.last_heard + silence_allowed(limits.idle_timeout, limits.liveness_probes, session.life_probes, place);
}

}  // namespace penstock
