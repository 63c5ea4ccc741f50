#include "nic/eal.hpp"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include <utility>

#include "base/assert.hpp"

namespace penstock::nic {

namespace {

Lcore lcore_of(unsigned id) {
  return {.id = id,
          .cpu = rte_lcore_to_cpu_id(static_cast<int>(id)),
          .numa_node = rte_lcore_to_socket_id(id),
          .is_main = id == rte_get_main_lcore()};
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

Eal::~Eal() {
  if (running_) rte_eal_cleanup();
}

}  // namespace penstock::nic
