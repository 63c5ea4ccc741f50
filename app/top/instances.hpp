// Instances: which penstocks run here, by DPDK's runtime directories, and what to say when the wanted one is not there.
//
// Every DPDK process has a directory PREFIX with its socket dpdk_telemetry.v2 (a second one of the same prefix,
// dpdk_telemetry.v2:1). Reads directories, opens no socket. One thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::top {

struct Instance {
  std::string name;  // PREFIX, PREFIX:1 for a second process of that prefix, or the socket's path as it was given
  std::string path;  // of the socket
  bool operator==(const Instance&) const = default;
};

// Where penstocks of any user may have put their directories: /var/run/dpdk, below $RUNTIME_DIRECTORY and $XDG_RUNTIME_DIR,
// and /tmp/dpdk.
std::vector<std::string> runtime_dirs();
// Every socket below `dirs`, by name; first come, first kept where two have the same.
std::vector<Instance> find_instances(std::span<const std::string> dirs);
// What -f names: a prefix (PREFIX or PREFIX:N), or a path when there is a slash in it. It need not be there: then it is
// where it would be in the first directory.
Instance instance_of(std::string_view wanted, std::span<const std::string> dirs);
// Why there is nothing to look at, and what to do: the paths looked at, the prefixes that exist, how to start. `missing` is
// empty when any penstock would have done.
std::string explain_missing(std::string_view missing, std::span<const std::string> dirs,
                            std::span<const Instance> found);

}  // namespace penstock::top
