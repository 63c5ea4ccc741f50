#include "nic/eal.hpp"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/assert.hpp"
#include "nic/hugepages.hpp"

namespace penstock::nic {

namespace {

Lcore lcore_of(unsigned id) {
  return {.id = id,
          .cpu = rte_lcore_to_cpu_id(static_cast<int>(id)),
          .numa_node = rte_lcore_to_socket_id(id),
          .is_main = id == rte_get_main_lcore()};
}

// Pages in use, by NUMA node and size.
using PageCounts = std::map<std::pair<int, std::uint64_t>, std::uint64_t>;

int count_pages(const rte_memseg_list* list, void* counts) {
  // What other libraries brought along is none of EAL's.
  if (list->external == 0)
    (*static_cast<PageCounts*>(counts))[{list->socket_id, list->page_sz}] += list->memseg_arr.count;
  return 0;
}

std::string reason_of(int error) {
  if (error == EALREADY) return "it was started before in this process, and that works only once";
  return std::string(rte_strerror(error)) + "; what it printed before says more";
}

}  // namespace

std::expected<Eal, std::string> Eal::start(std::span<const std::string> arguments) {
  PENSTOCK_ASSERT(!arguments.empty());
  // EAL's getopt permutes the vector and wants its strings writable, so it gets copies.
  std::vector<std::string> copies(arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);

  // EAL speaks to the standard error output and to syslog at once. systemd's journal takes both, and would tell all twice.
  if (std::getenv("JOURNAL_STREAM") != nullptr) rte_openlog_stream(stderr);

  const int consumed = rte_eal_init(static_cast<int>(copies.size()), argv.data());
  if (consumed < 0) return std::unexpected("EAL did not start: " + reason_of(rte_errno) + ".");

  Eal eal;
  eal.running_ = true;
  // rte_eal_init() returns the place of `--`, and puts the program's name there.
  for (std::size_t i = static_cast<std::size_t>(consumed) + 1; i < copies.size(); ++i) eal.rest_.emplace_back(argv[i]);
  eal.lcores_.push_back(lcore_of(rte_get_main_lcore()));
  for (unsigned id = 0; id < RTE_MAX_LCORE; ++id) {
    if (rte_lcore_is_enabled(id) != 0 && id != rte_get_main_lcore()) eal.lcores_.push_back(lcore_of(id));
  }
  PENSTOCK_ASSERT(eal.lcores_.size() == rte_lcore_count());
  return eal;
}

Eal::Eal(Eal&& other) noexcept
    : running_(std::exchange(other.running_, false)),
      rest_(std::move(other.rest_)),
      lcores_(std::move(other.lcores_)) {}

// Closing a virtio device that was a member of a bonded port ends in a wrong access (DPDK 22.11), and the cleanup closes all
// that are left. So it is left out where there are such; the kernel takes everything back when the process ends.
Eal::~Eal() {
  if (running_ && rte_eth_dev_count_avail() == 0) rte_eal_cleanup();
}

std::vector<EalMemory> eal_memory() {
  PageCounts counts;
  rte_memseg_list_walk(count_pages, &counts);
  std::vector<EalMemory> found;
  for (unsigned i = 0; i < rte_socket_count(); ++i) {
    const int node = rte_socket_id_by_idx(i);
    rte_malloc_socket_stats stats = {};
    if (rte_malloc_get_socket_stats(node, &stats) != 0 || stats.heap_totalsz_bytes == 0) continue;
    EalMemory memory{.numa_node = static_cast<unsigned>(node),
                     .total_bytes = stats.heap_totalsz_bytes,
                     .used_bytes = stats.heap_allocsz_bytes,
                     .pages = ""};
    for (const auto& [where, count] : counts) {
      if (where.first != node || count == 0) continue;
      memory.pages += (memory.pages.empty() ? "" : ", ") + page_size_text(where.second) + " x " + std::to_string(count);
    }
    found.push_back(std::move(memory));
  }
  return found;
}

}  // namespace penstock::nic
