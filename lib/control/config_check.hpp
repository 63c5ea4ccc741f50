// config_check: rules that concern several keys, or several sections, of a configuration at once.
//
// Runs after every key was read and found good by itself. Main thread only.
#pragma once

#include "control/config.hpp"
#include "control/config_reader.hpp"

namespace penstock::control {

// Notes in `scan` what contradicts: addresses that are the same or whose prefixes overlap between interfaces, next hops that
// are not on-link, listeners that share a port and an address, names used twice, bounds above the node's, an MTU that does
// not fit its port.
void check_config(const Config& config, ConfigScan& scan);

}  // namespace penstock::control
