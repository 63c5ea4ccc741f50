// predecessor: who had our file prefix before us: a process that lives, beside which we may not start, or one that died and
// left files.
//
// EAL refuses a second primary process only when both share their configuration, and lets two with --in-memory take the same
// names. A process that was killed leaves its sockets, and without --in-memory its hugepages, which are taken until the files
// go. EAL clears those when it needs files itself, but not for --in-memory, and after preflight() has counted what is free.
// Plain POSIX; main thread, before preflight() and EAL.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "nic/hugepages.hpp"
#include "nic/runtime_dir.hpp"

namespace penstock::nic {

// Holds when nobody is seen to live under this prefix: no lock on EAL's configuration in `dir`, no socket of its telemetry or admin that
// takes a connection. A process with neither (--in-memory --no-telemetry) is not seen. The error is one sentence with the prefix
// and, where the kernel tells it, the process.
std::expected<void, std::string> check_prefix_free(const RuntimeDir& dir, std::string_view prefix);

struct Leftovers {
  std::uint32_t runtime_files = 0;  // EAL's configuration and sockets
  std::uint32_t hugepage_files = 0;
  std::uint64_t hugepage_bytes = 0;
  // "2 files of EAL's and 12 hugepage files (24 MiB)"; empty when there were none.
  std::string text() const;
};

// Removes what processes of this prefix left: from `dir`, and `<prefix>map_<number>` from the mounts of hugetlbfs and from
// `huge_dir` (EAL's --huge-dir; may be empty). To be called when check_prefix_free() holds. A hugepage file on which anyone has
// a lock stays, as EAL keeps one on each that it uses.
Leftovers sweep_predecessor(const RuntimeDir& dir, std::string_view prefix, const std::vector<HugepageMount>& mounts,
                            const std::string& huge_dir);

}  // namespace penstock::nic
