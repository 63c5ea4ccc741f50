// Telemetry: registers the statistics commands with DPDK's telemetry, and serves its socket, for as long as the object lives.
//
// DPDK's socket is moved aside (TelemetryRelay) and a StatsSocket of ours stands at its place, and beside it the admin
// socket, for its owner alone; without a socket (EAL's --no-telemetry) there is none of them.
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

#include "control/admin.hpp"
#include "control/commands.hpp"
#include "control/stats_socket.hpp"
#include "control/telemetry_relay.hpp"

namespace penstock::control {

class Telemetry {
 public:
  // The file of the admin socket, beside DPDK's.
  static constexpr std::string_view admin_name = "penstock_admin";

  // `log` is told of each change that was made through the admin socket. The error is one sentence that names the command
  // which DPDK refused, or the socket.
  static std::expected<std::unique_ptr<Telemetry>, std::string> start(NodeInfo info,
                                                                      std::span<const WorkerView> workers,
                                                                      Admin::Log log);
  // Waits for a callback that is under way, and for the sockets' threads.
  ~Telemetry();
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;

 private:
  // A socket and the thread that serves it.
  struct Served {
    ~Served();
    std::expected<void, std::string> start(const char* thread_name);
    std::unique_ptr<StatsSocket> socket;
    std::optional<pthread_t> thread;
  };

  Telemetry(NodeInfo info, std::span<const WorkerView> workers, Admin::Log log)
      : version_(info.version), commands_(std::move(info), workers), admin_(commands_, std::move(log)) {}
  std::expected<void, std::string> serve_sockets();

  std::string version_;
  Commands commands_;
  Admin admin_;
  std::unique_ptr<TelemetryRelay> relay_;
  Served stats_socket_;
  Served admin_socket_;
};

}  // namespace penstock::control
