// kernel_mtu: the MTU of a kernel's interface, for ports that lie on one (af_packet, af_xdp, tap) or share one (mlx5).
//
// An operator may change it while penstock runs, and the driver does not tell. Plain POSIX, a few system calls; control
// thread.
#pragma once

#include <cstdint>
#include <optional>

namespace penstock::nic {

// In bytes, of the interface with this index in our network namespace; nothing when there is none.
std::optional<std::uint32_t> kernel_mtu(unsigned interface_index);

}  // namespace penstock::nic
