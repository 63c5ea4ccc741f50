#include "control/telemetry_relay.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace penstock::control {

namespace {

constexpr std::size_t reply_bytes_max = 16384;
constexpr timeval patience = {.tv_sec = 5, .tv_usec = 0};

}  // namespace

std::expected<std::unique_ptr<TelemetryRelay>, std::string> TelemetryRelay::take_over(const std::string& path) {
  const std::string hidden = path.substr(0, path.rfind('/') + 1).append(hidden_name);
  if (std::rename(path.c_str(), hidden.c_str()) != 0) {
    return std::unexpected(fmt::format("telemetry: {} cannot be renamed: {}", path, std::strerror(errno)));
  }
  std::unique_ptr<TelemetryRelay> relay(new TelemetryRelay(path, hidden));
  if (!relay->connect()) {
    return std::unexpected(
        fmt::format("telemetry: DPDK's socket {} does not answer: {}", hidden, std::strerror(errno)));
  }
  return relay;
}

TelemetryRelay::~TelemetryRelay() {
  if (fd_ >= 0) close(fd_);
  static_cast<void>(std::rename(hidden_.c_str(), path_.c_str()));
}

bool TelemetryRelay::connect() {
  if (fd_ >= 0) close(fd_);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, hidden_.data(), std::min(hidden_.size(), sizeof(address.sun_path) - 1));
  fd_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return false;
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 && receive(greeting_);
}

bool TelemetryRelay::receive(std::string& reply) {
  reply.resize(reply_bytes_max);
  const ssize_t bytes = recv(fd_, reply.data(), reply.size(), 0);
  if (bytes <= 0) return false;
  reply.resize(static_cast<std::size_t>(bytes));
  return true;
}

std::string TelemetryRelay::exchange(std::string_view command) {
  std::string reply;
  if (send(fd_, command.data(), command.size(), MSG_NOSIGNAL) >= 0 && receive(reply)) return reply;
  // A late reply would be taken for the next command's, so a new connection comes first.
  static_cast<void>(connect());
  return R"({"error":"busy: DPDK did not answer"})";
}

}  // namespace penstock::control
