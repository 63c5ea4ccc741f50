#include "control/stats_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ranges>

#include "base/assert.hpp"

namespace penstock::control {

namespace {

constexpr std::size_t names_max = 16;     // of ports and addresses that /penstock/info lists
constexpr std::size_t buckets_max = 256;  // of a histogram that a reply holds

template <class T>
struct Field {
  std::string_view name;
  std::uint64_t T::*member;
};

constexpr std::array worker_fields = {
    Field{"turns", &WorkerStats::turns},
    Field{"turns_with_work", &WorkerStats::turns_with_work},
    Field{"stalls", &WorkerStats::stalls},
    Field{"cycles_busy", &WorkerStats::cycles_busy},
    Field{"cycles_idle", &WorkerStats::cycles_idle},
    Field{"sleeps", &WorkerStats::sleeps},
    Field{"slept_us", &WorkerStats::slept_us},
    Field{"rx_packets", &WorkerStats::rx_packets},
    Field{"rx_bytes", &WorkerStats::rx_bytes},
    Field{"tx_packets", &WorkerStats::tx_packets},
    Field{"tx_bytes", &WorkerStats::tx_bytes},
    Field{"tx_ring_busy", &WorkerStats::tx_ring_busy},
    Field{"tx_no_block", &WorkerStats::tx_no_block},
    Field{"delivered", &WorkerStats::delivered},
    Field{"handed_out", &WorkerStats::handed_out},
    Field{"handed_in", &WorkerStats::handed_in},
    Field{"held", &WorkerStats::held_now},
    Field{"steered_wrong", &WorkerStats::steered_wrong},
    Field{"sessions_opened", &WorkerStats::sessions_opened},
    Field{"sessions", &WorkerStats::sessions_now},
    Field{"sessions_unproven", &WorkerStats::sessions_unproven_now},
    Field{"credit_waits", &WorkerStats::credit_waits},
    Field{"half_open", &WorkerStats::half_open_now},
    Field{"half_open_opened", &WorkerStats::half_open_opened},
    Field{"half_open_expired", &WorkerStats::half_open_expired},
    Field{"half_open_stateless", &WorkerStats::half_open_stateless},
    Field{"half_open_held", &WorkerStats::half_open_held},
    Field{"half_open_not_held", &WorkerStats::half_open_not_held},
    Field{"challenges_sent", &WorkerStats::challenges_sent},
    Field{"challenges_proven", &WorkerStats::challenges_proven},
    Field{"path_challenges_sent", &WorkerStats::path_challenges_sent},
    Field{"sessions_roamed", &WorkerStats::sessions_roamed},
    Field{"convs_shared", &WorkerStats::convs_shared},
    Field{"timers_fired", &WorkerStats::timers_fired},
    Field{"overload_windows", &WorkerStats::overload_windows},
    Field{"overload_level", &WorkerStats::overload_level_now},
    Field{"mails", &WorkerStats::mails},
    Field{"mismatches", &WorkerStats::mismatches},
    Field{"busy_percent", &WorkerStats::busy_percent_now},
    Field{"rx_packets_per_s", &WorkerStats::rx_packets_per_s_now},
    Field{"tx_packets_per_s", &WorkerStats::tx_packets_per_s_now},
};

constexpr std::array machine_fields = {
    Field{"segments_sent", &MachineStats::segments_sent},
    Field{"segments_received", &MachineStats::segments_received},
    Field{"segments_duplicate", &MachineStats::segments_duplicate},
    Field{"segments_beyond_window", &MachineStats::segments_beyond_window},
    Field{"retransmitted_timeout", &MachineStats::retransmitted_timeout},
    Field{"retransmitted_fast", &MachineStats::retransmitted_fast},
    Field{"retransmitted_spare", &MachineStats::retransmitted_spare},
    Field{"retransmitted_spurious", &MachineStats::retransmitted_spurious},
    Field{"acks_sent", &MachineStats::acks_sent},
    Field{"acks_unmatched", &MachineStats::acks_unmatched},
    Field{"probes_sent", &MachineStats::probes_sent},
    Field{"window_updates_sent", &MachineStats::window_updates_sent},
    Field{"proof_pings_sent", &MachineStats::proof_pings_sent},
    Field{"liveness_probes_sent", &MachineStats::liveness_probes_sent},
    Field{"path_probes_sent", &MachineStats::path_probes_sent},
    Field{"path_probes_answered", &MachineStats::path_probes_answered},
    Field{"messages_received", &MachineStats::messages_received},
    Field{"messages_sent", &MachineStats::messages_sent},
    Field{"bytes_received", &MachineStats::bytes_received},
    Field{"bytes_sent", &MachineStats::bytes_sent},
};

// A counter that is added to the engine must be added here, too.
static_assert(sizeof(WorkerStats) == worker_fields.size() * sizeof(std::uint64_t));
static_assert(sizeof(MachineStats) == machine_fields.size() * sizeof(std::uint64_t));
static_assert(sizeof(LevelStats) == 16 * sizeof(std::uint64_t));

void add_levels(Reply& reply, const LevelStats& levels) {
  static constexpr std::array classes = {128, 512, 2'176};  // bytes
  reply.integer("blocks_free", levels.blocks_free);
  reply.integer("blocks_total", levels.blocks_total);
  for (std::size_t i = 0; i < classes.size(); ++i) {
    reply.integer(fmt::format("small_blocks_{}_free", classes[i]), levels.small_blocks_free[i]);
    reply.integer(fmt::format("small_blocks_{}_total", classes[i]), levels.small_blocks_total[i]);
  }
  reply.integer("window_bytes_used", levels.window_bytes_used);
  reply.integer("window_bytes_total", levels.window_bytes_total);
  reply.integer("chunks_free", levels.chunks_free);
  reply.integer("chunks_total", levels.chunks_total);
  reply.integer("neighbor_frames_waiting", levels.neighbor_frames_waiting);
  reply.integer("sessions_waiting", levels.sessions_waiting);
  reply.integer("tx_frames_waiting", levels.tx_frames_waiting);
  reply.integer("handed_in_waiting", levels.handed_in_waiting);
}

std::uint64_t not_negative(std::int64_t value) { return value < 0 ? 0 : static_cast<std::uint64_t>(value); }

// The first of many names; how many there are stands beside them.
void add_names(Reply& reply, std::string_view what, std::span<const std::string> names) {
  reply.integer(fmt::format("{}_count", what), names.size());
  reply.texts(what, names.first(std::min(names.size(), names_max)));
}

// What both reports of sessions tell of one, by name.
struct SessionField {
  std::string_view name;
  std::uint64_t (*value)(const SessionReport&);
};

constexpr std::array session_fields = {
    SessionField{"id", [](const SessionReport& s) { return s.id; }},
    SessionField{"conv", [](const SessionReport& s) -> std::uint64_t { return s.conv; }},
    SessionField{"listener", [](const SessionReport& s) -> std::uint64_t { return s.listener; }},
    SessionField{"proven", [](const SessionReport& s) -> std::uint64_t { return s.proven; }},
    SessionField{"closing", [](const SessionReport& s) -> std::uint64_t { return s.closing; }},
    SessionField{"age_us", [](const SessionReport& s) { return not_negative(s.age_us); }},
    SessionField{"silent_us", [](const SessionReport& s) { return not_negative(s.silent_us); }},
    SessionField{"srtt_us", [](const SessionReport& s) -> std::uint64_t { return s.srtt_us; }},
    SessionField{"rto_us", [](const SessionReport& s) -> std::uint64_t { return s.rto_us; }},
    SessionField{"cwnd", [](const SessionReport& s) -> std::uint64_t { return s.cwnd; }},
    SessionField{"pacing_rate", [](const SessionReport& s) { return s.pacing_rate; }},
    SessionField{"path_mtu", [](const SessionReport& s) -> std::uint64_t { return s.path_mtu; }},
    SessionField{"in_flight", [](const SessionReport& s) -> std::uint64_t { return s.in_flight; }},
    SessionField{"unsent", [](const SessionReport& s) -> std::uint64_t { return s.unsent; }},
    SessionField{"held", [](const SessionReport& s) -> std::uint64_t { return s.held; }},
    SessionField{"peer_window", [](const SessionReport& s) -> std::uint64_t { return s.peer_window; }},
    SessionField{"retransmitted", [](const SessionReport& s) -> std::uint64_t { return s.retransmitted; }},
    SessionField{"segments_sent", [](const SessionReport& s) -> std::uint64_t { return s.segments_sent; }},
    SessionField{"segments_received", [](const SessionReport& s) -> std::uint64_t { return s.segments_received; }},
};

// The n-th of `groups` runs of buckets that together are a histogram: its largest value, and how many fell into it.
struct Buckets {
  std::vector<std::uint64_t> upper;
  std::vector<std::uint64_t> count;
};

Buckets fold(const Histogram& histogram, std::uint32_t stride) {
  Buckets buckets;
  for (std::uint32_t first = 0; first < Histogram::bucket_count; first += stride) {
    const std::uint32_t end = std::min(first + stride, Histogram::bucket_count);
    std::uint64_t count = 0;
    for (std::uint32_t i = first; i < end; ++i) count += histogram.bucket(i);
    if (count == 0) continue;
    buckets.upper.push_back(Histogram::upper_end(end - 1));
    buckets.count.push_back(count);
  }
  return buckets;
}

std::span<const SessionReport> page_of(const Answer& answer) {
  PENSTOCK_ASSERT(answer.count <= Answer::sessions_per_page);
  return std::span(answer.sessions).first(answer.count);
}

void add_column(Reply& reply, const Answer& answer, const SessionField& field) {
  std::vector<std::uint64_t> column;
  for (const SessionReport& session : page_of(answer)) column.push_back(field.value(session));
  reply.integers(field.name, column);
}

// What a page tells of its sessions. Every field would not fit; the rest is told by /penstock/session.
void add_page(Reply& reply, const Answer& answer, Addresses addresses) {
  static constexpr std::array columns = {
      std::string_view("id"),      std::string_view("conv"),      std::string_view("listener"),
      std::string_view("proven"),  std::string_view("age_us"),    std::string_view("silent_us"),
      std::string_view("srtt_us"), std::string_view("in_flight"), std::string_view("retransmitted")};
  for (const SessionField& field : session_fields) {
    if (std::ranges::find(columns, field.name) != columns.end()) add_column(reply, answer, field);
  }
  if (addresses == Addresses::hidden) return;
  std::vector<std::string> remotes;
  for (const SessionReport& session : page_of(answer)) remotes.push_back(net::to_string(session.remote));
  reply.texts("remote", remotes);
}

// The busiest worker's percent less the idlest one's. A difference and not a ratio, which among workers that hardly do
// anything would tell of their noise.
std::uint64_t busy_spread(std::span<const StatsSnapshot> workers) {
  if (workers.empty()) return 0;
  const auto [idlest, busiest] = std::ranges::minmax(
      workers | std::views::transform([](const StatsSnapshot& s) { return s.worker.busy_percent_now; }));
  return busiest - idlest;
}

}  // namespace

Reply report_info(const NodeInfo& info, std::uint64_t sessions) {
  Reply reply;
  reply.text("version", info.version);
  reply.text("dpdk", info.dpdk);
  reply.text("config", info.config_file);
  reply.integer("workers", info.workers);
  reply.integer("sessions", sessions);
  reply.integer("sessions_max", info.sessions_max);
  reply.integer("memory_bytes", info.memory_bytes);
  std::vector<std::string> ports;
  for (const PortView& port : info.ports) ports.push_back(port.name);
  add_names(reply, "ports", ports);
  add_names(reply, "addresses", info.addresses);
  reply.texts("listeners", info.listeners);
  return reply;
}

Reply report_port(const PortView& port) {
  const PortHealth health = port.health();
  Reply reply;
  reply.text("name", port.name);
  reply.text("driver", port.driver);
  if (port.numa_node >= 0) reply.integer("numa_node", static_cast<std::uint64_t>(port.numa_node));
  reply.integer("queues", port.queues);
  reply.integer("rss", port.rss ? 1 : 0);
  reply.integer("link_up", health.link_up ? 1 : 0);
  reply.integer("link_mbps", health.link_mbps);
  reply.integer("link_changes", health.link_changes);
  reply.integer("mtu", health.mtu);
  reply.integer("mtu_configured", port.mtu);
  reply.integer("mtu_changes", health.mtu_changes);
  reply.integer("rx_missed", health.rx_missed);
  reply.integer("rx_errors", health.rx_errors);
  reply.integer("rx_no_block", health.rx_no_block);
  reply.integer("tx_errors", health.tx_errors);
  return reply;
}

Reply report_worker(const StatsSnapshot& snapshot) {
  Reply reply;
  reply.integer("snapshot", snapshot.sequence);
  reply.integer("taken_at_us", not_negative(snapshot.taken_at_us));
  for (const auto& field : worker_fields) reply.integer(field.name, snapshot.worker.*field.member);
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  for (std::size_t i = 0; i < snapshot.drops.size(); ++i) {
    (net::is_transmit(static_cast<net::DropReason>(i)) ? sent : received) += snapshot.drops[i];
  }
  reply.integer("dropped", received);
  reply.integer("dropped_tx", sent);
  for (const auto& field : machine_fields) reply.integer(field.name, snapshot.machine.*field.member);
  reply.integer("retransmissions", snapshot.machine.retransmitted_timeout + snapshot.machine.retransmitted_fast);
  add_levels(reply, snapshot.levels);
  return reply;
}

Reply report_workers(std::span<const StatsSnapshot> workers) {
  static constexpr std::array columns = {
      Field{"busy_percent", &WorkerStats::busy_percent_now},
      Field{"rx_packets_per_s", &WorkerStats::rx_packets_per_s_now},
      Field{"tx_packets_per_s", &WorkerStats::tx_packets_per_s_now},
      Field{"sessions", &WorkerStats::sessions_now},
      Field{"steered_wrong", &WorkerStats::steered_wrong},
      Field{"handed_out", &WorkerStats::handed_out},
      Field{"handed_in", &WorkerStats::handed_in},
      Field{"stalls", &WorkerStats::stalls},
      Field{"sleeps", &WorkerStats::sleeps},
  };
  Reply reply;
  reply.integer("workers", workers.size());
  for (const auto& column : columns) {
    std::vector<std::uint64_t> values;
    for (const StatsSnapshot& worker : workers) values.push_back(worker.worker.*column.member);
    reply.integers(column.name, values);
  }
  reply.integer("busy_percent_spread", busy_spread(workers));
  return reply;
}

Reply report_memory(const MemoryMap& map) {
  std::vector<std::string> holders;
  std::vector<std::uint64_t> bytes;
  std::vector<std::uint64_t> exchanged;
  for (const MemoryRegion& region : map.regions()) {
    // Rings of 64 workers would not fit one by one.
    const std::string holder = region.exchanged ? "hand-off rings" : region.holder;
    const auto known = static_cast<std::size_t>(std::ranges::find(holders, holder) - holders.begin());
    if (known == holders.size()) {
      holders.push_back(holder);
      bytes.push_back(0);
      exchanged.push_back(region.exchanged ? 1 : 0);
    }
    bytes[known] += region.bytes;
  }
  Reply reply;
  reply.texts("holder", holders);
  reply.integers("bytes", bytes);
  reply.integers("exchanged", exchanged);
  return reply;
}

Reply report_drops(std::span<const StatsSnapshot> workers) {
  Reply reply;
  for (std::size_t i = 0; i < net::drop_reason_count; ++i) {
    std::uint64_t sum = 0;
    for (const StatsSnapshot& worker : workers) sum += worker.drops[i];
    reply.integer(net::drop_reason_names[i], sum);
  }
  return reply;
}

Reply report_listener(std::string_view name, std::uint32_t index, std::span<const StatsSnapshot> workers) {
  PENSTOCK_ASSERT(index < listeners_max);
  ListenerStats sum;
  for (const StatsSnapshot& worker : workers) {
    const ListenerStats& part = worker.listeners[index];
    sum.opened += part.opened;
    sum.refused += part.refused;
    sum.sessions_now += part.sessions_now;
    sum.half_open_now += part.half_open_now;
    sum.stateless_now += part.stateless_now;
    for (std::size_t i = 0; i < sum.closed.size(); ++i) sum.closed[i] += part.closed[i];
  }
  Reply reply;
  reply.text("name", name);
  reply.integer("opened", sum.opened);
  reply.integer("refused", sum.refused);
  reply.integer("sessions", sum.sessions_now);
  reply.integer("half_open", sum.half_open_now);
  reply.integer("stateless", sum.stateless_now);
  for (std::size_t i = 0; i < sum.closed.size(); ++i) {
    reply.integer(fmt::format("closed_{}", close_reason_names[i]), sum.closed[i]);
  }
  return reply;
}

Reply report_histogram(const Histogram& histogram) {
  Reply reply;
  reply.integer("count", histogram.count());
  reply.integer("sum", histogram.sum());
  reply.integer("max", histogram.max());
  reply.integer("p50", histogram.percentile(500));
  reply.integer("p90", histogram.percentile(900));
  reply.integer("p99", histogram.percentile(990));
  reply.integer("p999", histogram.percentile(999));
  // Strides that divide the 16 buckets of a power of two, so that no folded bucket spans two of them.
  std::uint32_t stride = 1;
  Buckets buckets = fold(histogram, stride);
  while (buckets.count.size() > buckets_max) buckets = fold(histogram, stride *= 2);
  reply.integers("upper", buckets.upper);
  reply.integers("counts", buckets.count);
  return reply;
}

Reply report_sessions(const Answer& answer, Addresses addresses) {
  Reply reply;
  reply.integer("count", answer.count);
  reply.integer("more", answer.more);
  reply.integer("next_cursor", answer.next_cursor);
  add_page(reply, answer, addresses);
  return reply;
}

Reply report_top(const Answer& answer, Addresses addresses) {
  Reply reply;
  reply.integer("ready", answer.survey.ready);
  reply.integer("looked_at", answer.survey.looked_at);
  reply.integer("took_us", not_negative(answer.survey.took_us));
  reply.integer("ended_us", not_negative(answer.survey.ended_us));
  reply.integer("count", answer.count);
  add_column(reply, answer,
             {"segments_per_s", [](const SessionReport& s) -> std::uint64_t { return s.segments_per_s; }});
  add_column(reply, answer,
             {"retransmitted_per_s", [](const SessionReport& s) -> std::uint64_t { return s.retransmitted_per_s; }});
  add_page(reply, answer, addresses);
  return reply;
}

Reply report_session(const SessionReport& session, Addresses addresses) {
  Reply reply;
  for (const SessionField& field : session_fields) reply.integer(field.name, field.value(session));
  reply.text("recovery", session.by_time != 0 ? "rack" : "ikcp");
  reply.text("congestion", congestion::name_of(session.congestion));
  if (addresses == Addresses::shown) {
    reply.text("local", net::to_string(session.local));
    reply.text("remote", net::to_string(session.remote));
  }
  return reply;
}

}  // namespace penstock::control
