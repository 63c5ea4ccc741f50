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
#include "control/config.hpp"
#include "engine/application.hpp"
#include "runtime/plan.hpp"

namespace penstock::runtime {

// One worker's instances of the services, in the order of control::Service, and what they take of the worker's arena.
struct ServiceFactory {
  std::function<std::vector<std::unique_ptr<Application>>(const Plan& plan, Arena& arena)> make;
  std::function<std::size_t(const Plan& plan)> arena_bytes;
};

// Serves until told to stop. `eal_words` are EAL's, merged. Returns the process's exit status: 0 after an ordered stop, 2
// when it could not start, with one sentence on the standard error output.
int run(const control::Config& config, const std::vector<std::string>& eal_words, const ServiceFactory& services);

// DPDK's own name and version. Works before EAL.
const char* dpdk_version();

}  // namespace penstock::runtime
