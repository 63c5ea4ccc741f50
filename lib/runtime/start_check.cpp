#include "runtime/start_check.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include "control/eal_arguments.hpp"
#include "runtime/plan.hpp"

namespace penstock::runtime {

namespace {

std::uint64_t lockable_bytes() {
  rlimit limit{};
  return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

}  // namespace

nic::Preflight start_check(const control::Config& config, const std::vector<std::string>& eal_words) {
  nic::Preflight start;
  for (const control::PortConfig& port : config.ports) start.ports.push_back(port.device);
  // The words were checked before; of words that are not good nothing is known.
  const auto options = control::parse_eal_args(eal_words);
  for (const control::EalOption& option : options.value_or(std::vector<control::EalOption>{})) {
    if (option.name == "--allow") start.allowed.push_back(option.value);
    if (option.name == "--block") start.blocked.push_back(option.value);
    if (option.name == "--no-pci") start.no_pci = true;
    if (option.name == "--no-huge") start.hugepages = false;
    if (option.name == "--in-memory") start.in_memory = true;
    if (option.name == "--huge-dir") start.huge_dir = option.value;
  }
  start.workers = control::lcore_count_of(eal_words).value_or(1);
  const Plan plan = plan_node(config, start.workers);
  start.memory_bytes = capacity_of(plan.node, plan.buffers).node_bytes;
  start.config_file = config.file;
  start.is_root = geteuid() == 0;
  start.lockable_bytes = lockable_bytes();
  return start;
}

}  // namespace penstock::runtime
