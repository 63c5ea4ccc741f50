// Eal: DPDK's environment abstraction layer, started once and stopped when the object goes.
//
// The main thread makes it before anything else of this room and destroys it last: ports and pools must be gone by then.
// EAL can be started once in a process; after a failure or a stop, start() refuses. Launching lcores is `runtime`'s.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

namespace penstock::nic {

// A core that EAL made a thread for.
struct Lcore {
  unsigned id = 0;  // EAL's number, what --lcores names
  int cpu = -1;     // the CPU it runs on; -1 when it may run on several
  unsigned numa_node = 0;
  bool is_main = false;  // the thread that called start()
};

class Eal {
 public:
  // `arguments` is a command line: the program's name, EAL's options, and perhaps `--` with the program's own behind it.
  // The error is one sentence; EAL has printed its own reasons before.
  static std::expected<Eal, std::string> start(std::span<const std::string> arguments);
  ~Eal();
  Eal(Eal&& other) noexcept;
  Eal& operator=(Eal&&) = delete;

  // What stood behind EAL's options, without the `--`.
  const std::vector<std::string>& rest() const { return rest_; }
  // Every lcore, the main one first, then by number.
  const std::vector<Lcore>& lcores() const { return lcores_; }

 private:
  Eal() = default;

  bool running_ = false;
  std::vector<std::string> rest_;
  std::vector<Lcore> lcores_;
};

// What EAL holds of a NUMA node's memory.
struct EalMemory {
  unsigned numa_node = 0;
  std::uint64_t total_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::string pages;  // "2 MiB x 80"
};

// By node, those with memory. While EAL runs.
std::vector<EalMemory> eal_memory();

}  // namespace penstock::nic
