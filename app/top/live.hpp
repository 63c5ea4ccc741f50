// Live: the view in a terminal, from the first sample until a key or a signal ends it. Main thread.
#pragma once

#include <string>
#include <vector>

#include "top/instances.hpp"
#include "top/options.hpp"

namespace penstock::top {

// The exit status; a sentence about what went wrong is printed to the standard error output. `instances` are at least one;
// with `search` others are looked for later.
int run_live(const Options& options, std::vector<Instance> instances, bool search);

}  // namespace penstock::top
