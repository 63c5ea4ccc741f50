// Node: a running Penstock: EAL, pools, ports, workers and control, made in that order and undone in the reverse one.
//
// run() is called once by main() on the thread that becomes EAL's main lcore, and returns when the node has stopped. Every
// EAL lcore runs a worker, the main one included (docs/decisions/0002). SIGINT and SIGTERM drain; a second one stops at
// once.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/arena.hpp"
#include "base/tick_clock.hpp"
#include "control/config.hpp"
#include "engine/application.hpp"
#include "engine/port.hpp"
#include "engine/stats.hpp"
#include "runtime/plan.hpp"

namespace penstock::runtime {

// One worker's instances of the services, in the order of control::Service, and what they take of the worker's arena.
// `ticks` outlives them.
struct ServiceFactory {
  std::function<std::vector<std::unique_ptr<Application>>(const Plan& plan, Arena& arena, TickClock ticks)> make;
  std::function<std::size_t(const Plan& plan)> arena_bytes;
};

// What is run on a node.
struct Program {
  std::string name = "penstock";  // stands before every line
  ServiceFactory services;
  std::uint32_t workers_max = ::penstock::workers_max;  // lcores that it can use
  // Puts a port of the program's own around each port; for programs of one worker.
  // `blocks` is the worker's pool, whose memory the configuration has reckoned without it.
  std::function<std::unique_ptr<Port>(Port& inner, BlockPool& blocks)> wrap_port = nullptr;
  // Asked by the control thread every 20 ms; when it says true the node ends at once, sessions and all. It may print. A
  // program without it serves until a signal.
  std::function<bool(Instant now)> finished = nullptr;
};

// Serves until told to stop, or the program is finished. `eal_words` are EAL's, merged. Returns the process's exit status: 0
// after an ordered stop, 2 when it could not start, with one sentence on the standard error output. Under strict bypass a
// worker's system call ends the process with exit_bypass_broken instead.
int run(const control::Config& config, const std::vector<std::string>& eal_words, const Program& program);

// DPDK's own name and version. Works before EAL.
const char* dpdk_version();

}  // namespace penstock::runtime
