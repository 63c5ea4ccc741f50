// Telemetry: registers the statistics commands with DPDK's telemetry socket for as long as the object lives.
//
// There is one at a time. DPDK cannot take a command back and gives its callbacks no context, so the callbacks find the
// object through a guarded pointer and answer {"error": "stopping"} when there is none. Made and destroyed on the main
// thread between EAL's start and its cleanup, before the workers and what they publish go; callbacks come from DPDK's
// threads. telemetry.cpp is the one file that includes rte_telemetry.h.
#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>

#include "control/commands.hpp"

namespace penstock::control {

class Telemetry {
 public:
  // The error is one sentence that names the command which DPDK refused.
  static std::expected<std::unique_ptr<Telemetry>, std::string> start(NodeInfo info,
                                                                      std::span<const WorkerView> workers);
  // Waits for a callback that is under way.
  ~Telemetry();
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;

 private:
  Telemetry(NodeInfo info, std::span<const WorkerView> workers) : commands_(std::move(info), workers) {}
  Commands commands_;
};

}  // namespace penstock::control
