#include "control/admin_client.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace penstock::control {

namespace {

constexpr std::size_t reply_bytes_max = 16384;
constexpr timeval patience = {.tv_sec = 5, .tv_usec = 0};
constexpr std::string_view error_key = "\"error\":\"";

// A descriptor that closes itself.
struct Connection {
  ~Connection() {
    if (fd >= 0) close(fd);
  }
  int fd = -1;
};

bool receive(int fd, std::string& message) {
  message.resize(reply_bytes_max);
  const ssize_t bytes = recv(fd, message.data(), message.size(), 0);
  message.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
  return bytes > 0;
}

}  // namespace

std::expected<std::string, std::string> ask_admin(const std::string& path, std::string_view command) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return std::unexpected(fmt::format("--admin: {} has more than {} characters", path, sizeof(address.sun_path) - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const Connection connection{socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
  if (connection.fd < 0 || connect(connection.fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return std::unexpected(fmt::format("--admin: {} cannot be reached: {}", path, std::strerror(errno)));
  }
  setsockopt(connection.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  std::string reply;
  const bool answered = receive(connection.fd, reply) &&
                        send(connection.fd, command.data(), command.size(), MSG_NOSIGNAL) >= 0 &&
                        receive(connection.fd, reply);
  if (!answered) return std::unexpected(fmt::format("--admin: {} does not answer", path));
  const std::size_t error = reply.find(error_key);
  if (error == std::string::npos) return reply;
  // Texts of a reply have no quotes.
  const std::string_view sentence = std::string_view(reply).substr(error + error_key.size());
  return std::unexpected(fmt::format("--admin: {}", sentence.substr(0, sentence.find('"'))));
}

}  // namespace penstock::control
