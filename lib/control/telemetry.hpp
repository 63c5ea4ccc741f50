// Telemetry: registers the statistics commands with DPDK's telemetry, and serves its socket, for as long as the object lives.
//
// DPDK's socket is moved aside (TelemetryRelay) and a StatsSocket of ours stands at its place; without a socket (EAL's
// --no-telemetry) there is neither.
// There is one at a time. DPDK cannot take a command back and gives its callbacks no context, so the callbacks find the
// object through a guarded pointer and answer {"error": "stopping"} when there is none. Made and destroyed on the main
// thread between EAL's start and its cleanup, before the workers and what they publish go; callbacks come from DPDK's
// threads. telemetry.cpp is the one file that includes rte_telemetry.h.
#pragma once

#include <pthread.h>

#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "control/commands.hpp"
#include "control/stats_socket.hpp"
#include "control/telemetry_relay.hpp"

namespace penstock::control {

class Telemetry {
 public:
  // The error is one sentence that names the command which DPDK refused, or the socket.
  static std::expected<std::unique_ptr<Telemetry>, std::string> start(NodeInfo info,
                                                                      std::span<const WorkerView> workers);
  // Waits for a callback that is under way, and for the socket's thread.
  ~Telemetry();
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;

 private:
  Telemetry(NodeInfo info, std::span<const WorkerView> workers) : commands_(std::move(info), workers) {}
  std::expected<void, std::string> serve_socket();

  Commands commands_;
  std::unique_ptr<TelemetryRelay> relay_;
  std::unique_ptr<StatsSocket> socket_;
  std::optional<pthread_t> thread_;
};

}  // namespace penstock::control
