#include "control/stats_socket.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace penstock::control {

namespace {

constexpr int queued_newcomers = 16;
// How soon an exhausted budget or a failed accept() is looked at again.
constexpr int retry_ms = 20;
constexpr std::size_t first_client = 2;  // among what is polled

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

StatsSocket::Peer peer_of(int fd) {
  ucred told{};
  socklen_t bytes = sizeof(told);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &told, &bytes) != 0) return {.pid = 0, .uid = static_cast<uid_t>(-1)};
  return {.pid = told.pid, .uid = told.uid};
}

}  // namespace

std::expected<std::unique_ptr<StatsSocket>, std::string> StatsSocket::open(const std::string& path,
                                                                           std::string greeting, Exchange exchange,
                                                                           const Limits& limits) {
  std::unique_ptr<StatsSocket> made(new StatsSocket(path, std::move(greeting), std::move(exchange), limits));
  if (auto bound = made->bind(); !bound) return std::unexpected(bound.error());
  return made;
}

std::expected<void, std::string> StatsSocket::bind() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof(address.sun_path)) {
    return std::unexpected(fmt::format("the {} socket {}: a socket's path has at most {} characters", limits_.name,
                                       path_, sizeof(address.sun_path) - 1));
  }
  std::memcpy(address.sun_path, path_.data(), path_.size());
  listener_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // The file gets the mode of the descriptor, so that there is no moment in which it is wider.
  const bool bound = listener_ >= 0 && wake_ >= 0 && fchmod(listener_, limits_.mode) == 0 &&
                     ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
                     listen(listener_, queued_newcomers) == 0;
  if (!bound) return std::unexpected(fmt::format("the {} socket {}: {}", limits_.name, path_, std::strerror(errno)));
  return {};
}

StatsSocket::~StatsSocket() {
  for (const Client& client : clients_) close(client.fd);
  if (wake_ >= 0) close(wake_);
  if (listener_ < 0) return;
  close(listener_);
  unlink(path_.c_str());
}

void StatsSocket::stop() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(wake_, &one, sizeof(one)));  // can only fail when it is set already
}

void StatsSocket::run() {
  refilled_ = Clock::now();
  credit_ = price() * limits_.burst;
  while (wait(Clock::now()) >= 0) {
    const Clock::time_point now = Clock::now();
    refill(now);
    if (polled_[0].revents != 0) return;
    // Clients that are polled stand where they stood; who is to go is closed, and taken out when all were looked at.
    for (std::size_t i = 0; i + first_client < polled_.size(); ++i) {
      Client& client = clients_[i];
      if (polled_[i + first_client].revents == 0 || serve(client, polled_[i + first_client].revents, now)) continue;
      close(client.fd);
      client.fd = -1;
    }
    std::erase_if(clients_, [](const Client& client) { return client.fd < 0; });
    if (polled_[1].revents != 0) take_newcomer(now);
  }
}

// Without a budget nobody is heard but those who leave; who has not read its reply is not heard either.
int StatsSocket::wait(Clock::time_point now) {
  refill(now);
  const bool listens = credit_ >= price();
  polled_.clear();
  polled_.push_back({wake_, POLLIN, 0});
  polled_.push_back({listener_, static_cast<short>(deaf_ ? 0 : POLLIN), 0});
  for (const Client& client : clients_) {
    const short events = !client.unsent.empty() ? POLLOUT : listens ? POLLIN : 0;
    polled_.push_back({client.fd, events, 0});
  }
  const int timeout = listens && !deaf_ ? -1 : retry_ms;
  deaf_ = false;
  const int ready = poll(polled_.data(), polled_.size(), timeout);
  return ready < 0 && errno == EINTR ? 0 : ready;
}

void StatsSocket::refill(Clock::time_point now) {
  credit_ = std::min(price() * limits_.burst, credit_ + (now - refilled_));
  refilled_ = now;
}

void StatsSocket::take_newcomer(Clock::time_point now) {
  const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    // Out of descriptors: a loop without a pause would take the core until there are some.
    deaf_ = errno != EAGAIN && errno != ECONNABORTED;
    return;
  }
  Client client{.fd = fd, .peer = peer_of(fd), .active = now, .unsent = {}};
  if ((clients_.size() >= limits_.clients && !make_room(now)) || !deliver(client, std::string(greeting_))) {
    close(fd);
    return;
  }
  clients_.push_back(std::move(client));
}

// Sends away who has been idle longest, if that is long.
bool StatsSocket::make_room(Clock::time_point now) {
  const auto spare = [&](const Client& client) {
    return now - client.active - (client.unsent.empty() ? limits_.idle : limits_.unread);
  };
  const auto idlest = std::ranges::max_element(clients_, {}, spare);
  if (spare(*idlest) < Clock::duration::zero()) return false;
  close(idlest->fd);
  clients_.erase(idlest);
  return true;
}

bool StatsSocket::serve(Client& client, short events, Clock::time_point now) {
  if ((events & POLLOUT) != 0) {
    client.active = now;
    return deliver(client, std::move(client.unsent));
  }
  if ((events & POLLIN) == 0) return false;  // it hung up
  if (credit_ < price()) return true;
  credit_ -= price();
  client.active = now;
  return take_command(client);
}

bool StatsSocket::take_command(Client& client) {
  std::array<char, 1024> buffer;
  const ssize_t bytes = recv(client.fd, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
  if (bytes < 0) return errno == EAGAIN || errno == EINTR;
  if (bytes == 0) return false;
  const auto length = static_cast<std::size_t>(bytes);
  const std::string_view command(buffer.data(), std::min(length, buffer.size()));
  if (length > limits_.command_bytes || !is_printable(command)) {
    return deliver(
        client, fmt::format(R"({{"error":"a command is 1 to {} printable ASCII characters"}})", limits_.command_bytes));
  }
  return deliver(client, exchange_(command, client.peer));
}

bool StatsSocket::deliver(Client& client, std::string&& reply) {
  std::string text = std::move(reply);
  client.unsent.clear();
  const ssize_t sent = send(client.fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return true;
  if (errno != EAGAIN && errno != EINTR) return false;
  client.unsent = std::move(text);
  return true;
}

}  // namespace penstock::control
