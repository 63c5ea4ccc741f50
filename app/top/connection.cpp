#include "top/connection.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace penstock::top {

namespace {

using std::chrono::steady_clock;

// A reply has 16 KiB at most; what is longer is none of DPDK's.
constexpr std::size_t message_bytes_max = 32 * 1024;

std::unexpected<Fault> fault(Fault::Kind kind, std::string sentence) {
  return std::unexpected(Fault{kind, std::move(sentence)});
}

std::unexpected<Fault> not_connected(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return fault(Fault::Kind::no_socket, fmt::format("there is no socket {}", path));
    case EACCES:
    case EPERM:
      return fault(
          Fault::Kind::permission,
          fmt::format("{}: no permission: run penstock-top as the user that penstock runs as, or as root", path));
    case ECONNREFUSED: return fault(Fault::Kind::ended, fmt::format("nobody listens at {}: penstock has ended", path));
    // The queue of those that wait to be accepted is full.
    case EAGAIN: return fault(Fault::Kind::silent, fmt::format("{}: nobody is accepted in time", path));
    default: return fault(Fault::Kind::ended, fmt::format("{}: {}", path, std::strerror(error)));
  }
}

}  // namespace

std::expected<Connection, Fault> Connection::open(const std::string& path, std::chrono::milliseconds patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return fault(Fault::Kind::no_socket, fmt::format("{} is too long for a socket's path", path));
  path.copy(address.sun_path, path.size());
  const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fault(Fault::Kind::ended, fmt::format("no socket can be made: {}", std::strerror(errno)));
  Connection connection(fd, path, patience);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return not_connected(path, errno);
  if (auto done = connection.greet(); !done) return std::unexpected(done.error());
  return connection;
}

// Whoever has no place left accepts and hangs up at once, so a connection that ends before its greeting found none.
std::expected<void, Fault> Connection::greet() {
  const auto text = receive();
  if (!text && text.error().kind == Fault::Kind::hung_up)
    return fault(Fault::Kind::full, fmt::format("all places at {} are taken: end a client that watches it", path_));
  if (!text) return std::unexpected(text.error());
  const auto greeting = read_greeting(*text);
  if (!greeting) return std::unexpected(greeting.error());
  greeting_ = *greeting;
  return {};
}

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
}

Connection::Connection(Connection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      patience_(other.patience_),
      greeting_(std::move(other.greeting_)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(patience_, other.patience_);
  std::swap(greeting_, other.greeting_);
  return *this;
}

std::expected<Reply, Fault> Connection::ask(std::string_view command) {
  if (::send(fd_, command.data(), command.size(), MSG_NOSIGNAL) < 0)
    return fault(Fault::Kind::ended, "penstock has ended");
  const auto text = receive();
  if (!text) return std::unexpected(text.error());
  return read_reply(command, *text);
}

// Signals, as that of a terminal that was resized, do not lengthen the wait.
std::expected<void, Fault> Connection::wait_readable() {
  const auto until = steady_clock::now() + patience_;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
    if (left.count() <= 0)
      return fault(Fault::Kind::silent, fmt::format("penstock did not answer within {} ms", patience_.count()));
    pollfd waited{.fd = fd_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waited, 1, static_cast<int>(left.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR)
      return fault(Fault::Kind::ended, fmt::format("{}: {}", path_, std::strerror(errno)));
  }
}

std::expected<std::string, Fault> Connection::receive() {
  if (auto ready = wait_readable(); !ready) return std::unexpected(ready.error());
  std::string text(message_bytes_max, '\0');
  const ssize_t got = ::recv(fd_, text.data(), text.size(), MSG_TRUNC);
  if (got == 0) return fault(Fault::Kind::hung_up, "penstock has ended");
  if (got < 0) return fault(Fault::Kind::ended, "penstock has ended");
  if (static_cast<std::size_t>(got) > text.size())
    return fault(Fault::Kind::strange, fmt::format("an answer of {} bytes, which DPDK never gives", got));
  text.resize(static_cast<std::size_t>(got));
  return text;
}

}  // namespace penstock::top
