// runtime_dir: where EAL puts its sockets, whether that place is ours (to be asked before EAL starts), and how it is left.
//
// EAL makes `<base>/dpdk/<prefix>` and takes a directory that is there already without looking whose it is: another user
// could make it first and own the telemetry socket's neighbourhood (THREATS, F9). Plain POSIX; main thread, at start.
#pragma once

#include <sys/types.h>

#include <expected>
#include <string>
#include <string_view>

namespace penstock::nic {

// The two directories that decide: `base` must exist, the others may.
struct RuntimeDir {
  std::string base;  // $RUNTIME_DIRECTORY, else /var/run for root, else $XDG_RUNTIME_DIR, else /tmp: EAL's own rule
  std::string dpdk;  // <base>/dpdk
  std::string path;  // <base>/dpdk/<prefix>, where the telemetry socket will lie
};

// The directory of EAL's `--file-prefix` (its default is "rte"); an error when the prefix is not a plain file name.
std::expected<RuntimeDir, std::string> runtime_dir_for(std::string_view prefix);

// Holds when nobody but `owner` (and root, for the base) can put anything there: `base` exists and is writable by its
// owner only; `dpdk` and `path` are absent or true directories, no symbolic links, of `owner`, writable by him only. `dpdk`
// may be root's if `path` is there already, as systemd's RuntimeDirectory= makes them.
// The error is one sentence that names the directory and what to do.
std::expected<void, std::string> check_runtime_dir(const RuntimeDir& dir, uid_t owner);

// Removes what EAL left in `path` (it does so when it refuses to start, and part of it on a clean stop), and `path` itself
// when nothing else is in it. Nothing is touched while another process holds EAL's lock on `path`/config, or when there
// is no such file to hold. To be called when EAL does not run in this process.
void sweep_runtime_dir(const RuntimeDir& dir);

}  // namespace penstock::nic
