// Stats report: what the statistics commands answer, made from plain snapshots; nothing here asks or waits.
//
// Every name is documented in docs/telemetry.md. Counts are since start; levels and numbers of sessions are of the moment of
// the snapshot. Used by one thread at a time, off the data path.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/config.hpp"
#include "control/reply.hpp"
#include "engine/mailbox.hpp"
#include "engine/memory_map.hpp"
#include "engine/port.hpp"
#include "engine/stats.hpp"

namespace penstock::control {

// A port: what does not change, and a way to ask how it does, which any thread may use.
struct PortView {
  std::string name;    // of the device
  std::string driver;  // DPDK's
  int numa_node = -1;  // -1: unknown
  std::uint16_t queues = 0;
  std::uint16_t mtu = 0;  // as configured
  bool rss = false;
  std::function<PortHealth()> health;
  std::optional<ImpairConfig> impair = {};  // as configured
};

// What does not change while the node runs, told once at start.
struct NodeInfo {
  std::string version;                 // of penstock
  std::string dpdk;                    // of DPDK
  std::string config_file;             // as it was named
  std::vector<PortView> ports;         // by port number
  std::vector<std::string> addresses;  // own addresses with their prefix lengths
  std::vector<std::string> listeners;  // names, by listener number
  std::vector<MemoryMap> memory;       // by worker: what it writes to
  std::uint64_t workers = 0;
  std::uint64_t sessions_max = 0;  // of the node
  std::uint64_t memory_bytes = 0;  // taken at start, all workers
};

// May a report tell where peers are? Only when it was asked for: what is scraped all day need not hold addresses.
enum class Addresses : std::uint8_t { hidden, shown };

Reply report_info(const NodeInfo& info, std::uint64_t sessions);
// One worker: its counters, its machines', its levels, and the sums of its drops.
Reply report_worker(const StatsSnapshot& snapshot);
// All workers side by side, as columns: the n-th element of each array is worker n's. It shows who carries too much.
Reply report_workers(std::span<const StatsSnapshot> workers);
// What a worker writes to, as columns: regions of one holder together, without their addresses, which help nobody but an
// attacker.
Reply report_memory(const MemoryMap& map);
// Drop reasons of all workers together.
Reply report_drops(std::span<const StatsSnapshot> workers);
// One port: what it is and how it does.
Reply report_port(const PortView& port);
// Listener `index` of all workers together.
Reply report_listener(std::string_view name, std::uint32_t index, std::span<const StatsSnapshot> workers);
// Percentiles and buckets; more than 256 buckets in use are folded together until they fit.
Reply report_histogram(const Histogram& histogram);
// A page of sessions as columns: the n-th element of each array belongs to the n-th session.
Reply report_sessions(const Answer& answer, Addresses addresses);
// The sessions at the top, and how the survey came by them.
Reply report_top(const Answer& answer, Addresses addresses);
Reply report_session(const SessionReport& session, Addresses addresses);

}  // namespace penstock::control
