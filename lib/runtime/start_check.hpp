// start_check: what a configuration and EAL's words ask of the machine, for nic::preflight() to look whether it has it.
//
// Pure but for the process's user and its limits. Main thread, before EAL starts.
#pragma once

#include <string>
#include <vector>

#include "control/config.hpp"
#include "nic/preflight.hpp"

namespace penstock::runtime {

// `eal_words` are merged and checked. Memory is what as many workers take as the words name lcores; one where they do not.
nic::Preflight start_check(const control::Config& config, const std::vector<std::string>& eal_words);

}  // namespace penstock::runtime
