// Core distance: how long a cache line takes from one core to another and back.
//
// What two processes with a core each can do hangs on it, and on a virtual machine it changes under them: the host may run
// its two CPUs on cores of one L3 cache or of two dies. So it stands beside figures of such pairs.
#pragma once

#include <cstdint>

namespace penstock::bench {

// Nanoseconds between the first two CPUs that this process may run on, undisturbed; 0 when there is but one, or when somebody
// else had them. Takes some 20 ms of both.
std::uint32_t core_round_trip_ns();

}  // namespace penstock::bench
