// hugepages: how many the machine has, how many are free, and where a hugetlbfs is mounted.
//
// Reads sysfs and /proc/mounts (plain POSIX, no DPDK), so it can be asked before EAL starts. `tree` is put before every
// path; tests give a folder of their own. Main thread, at start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace penstock::nic {

// The pages of one size, of all NUMA nodes together.
struct HugepagePool {
  std::uint64_t page_bytes = 0;
  std::uint64_t total = 0;
  std::uint64_t free = 0;
};

struct HugepageMount {
  std::string path;
  std::uint64_t page_bytes = 0;
};

// By size, the smallest first; none when the kernel has no hugepages.
std::vector<HugepagePool> hugepage_pools(const std::string& tree = "");
std::uint64_t free_bytes(const std::vector<HugepagePool>& pools);
// "2 MiB pages: 12 of 512 free, 1 GiB pages: 0 of 0 free".
std::string to_string(const std::vector<HugepagePool>& pools);

// The size of a page, or of what EAL takes for one, in words: "2 MiB", "1 GiB", "4 KiB".
std::string page_size_text(std::uint64_t bytes);

std::vector<HugepageMount> hugepage_mounts(const std::string& tree = "");

}  // namespace penstock::nic
