// preflight: finds before EAL starts what EAL would refuse with a page of text, or not say at all.
//
// Whether the NICs of the configuration are there and handed over to user space, whether we may open them, and whether the
// hugepages suffice. The error is one sentence that names the device or the amount, and the command that mends it. Nothing
// is changed. Plain POSIX; main thread, at start.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace penstock::nic {

struct Preflight {
  std::vector<std::string> ports;    // the devices that the configuration names; those of PCI are looked at
  std::vector<std::string> allowed;  // values of -a
  std::vector<std::string> blocked;  // values of -b
  bool no_pci = false;
  bool hugepages = true;           // false with --no-huge
  bool in_memory = false;          // --in-memory needs no mount
  std::string huge_dir = {};       // --huge-dir, below a mount; empty when EAL takes any mount
  std::uint64_t memory_bytes = 0;  // what the node will take at least
  std::uint32_t workers = 1;       // as memory_bytes is reckoned; for the words of the sentence, as is the next
  std::string config_file;
  bool is_root = true;
  std::uint64_t lockable_bytes = ~std::uint64_t{0};  // RLIMIT_MEMLOCK; vfio counts by it for all but root
  std::string tree;                                  // put before every path; for tests
};

std::expected<void, std::string> preflight(const Preflight& start);

}  // namespace penstock::nic
