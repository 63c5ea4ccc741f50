#include "nic/kernel_mtu.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::nic {

std::optional<std::uint32_t> kernel_mtu(unsigned interface_index) {
  ifreq request{};
  if (interface_index == 0 || if_indextoname(interface_index, request.ifr_name) == nullptr) return std::nullopt;
  // Any socket will do to ask by.
  const int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return std::nullopt;
  const bool told = ioctl(socket_fd, SIOCGIFMTU, &request) == 0 && request.ifr_mtu > 0;
  close(socket_fd);
  if (!told) return std::nullopt;
  return static_cast<std::uint32_t>(request.ifr_mtu);
}

}  // namespace penstock::nic
