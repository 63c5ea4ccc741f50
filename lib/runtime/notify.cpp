#include "runtime/notify.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

namespace penstock::runtime {

namespace {

std::optional<std::string> take(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  std::string taken = value;
  unsetenv(name);
  return taken;
}

std::optional<std::int64_t> positive(const std::string& text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, number);
  if (fault != std::errc() || stop != end || number <= 0) return std::nullopt;
  return number;
}

std::unexpected<std::string> untold(const std::string& variable, const std::string& fault) {
  return std::unexpected(fmt::format("{} {}: the service manager will be told nothing", variable, fault));
}

// A connected socket, or errno's value.
std::expected<int, int> reach(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof(address.sun_path)) return std::unexpected(ENAMETOOLONG);
  std::memcpy(address.sun_path, name.data(), name.size());
  // The length tells where an abstract name ends; its first byte is zero.
  const bool abstract = name.front() == '@';
  if (abstract) address.sun_path[0] = '\0';
  const std::size_t length = offsetof(sockaddr_un, sun_path) + name.size() + (abstract ? 0 : 1);
  const int made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return std::unexpected(errno);
  if (connect(made, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length)) == 0) return made;
  const int fault = errno;
  close(made);
  return std::unexpected(fault);
}

}  // namespace

std::expected<Notify, std::string> Notify::from_environment() {
  const auto name = take("NOTIFY_SOCKET");
  const auto interval = take("WATCHDOG_USEC");
  const auto watched = take("WATCHDOG_PID");
  Notify notify;
  if (!name || name->empty()) return notify;
  if (name->size() < 2 || (name->front() != '/' && name->front() != '@'))
    return untold("NOTIFY_SOCKET", fmt::format("\"{}\" is neither a path nor an abstract name", *name));
  if (interval) {
    const auto us = positive(*interval);
    if (!us) return untold("WATCHDOG_USEC", fmt::format("\"{}\" is no number of microseconds", *interval));
    // Inherited variables may mean another process.
    if (!watched || positive(*watched) == getpid()) notify.watchdog_ = Duration::us(*us);
  }
  const auto reached = reach(*name);
  if (!reached) return untold("NOTIFY_SOCKET", fmt::format("\"{}\": {}", *name, std::strerror(reached.error())));
  notify.socket_ = *reached;
  return notify;
}

Notify::~Notify() {
  if (socket_ >= 0) close(socket_);
}

Notify::Notify(Notify&& other) noexcept : socket_(std::exchange(other.socket_, -1)), watchdog_(other.watchdog_) {}

Notify& Notify::operator=(Notify&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(watchdog_, other.watchdog_);
  return *this;
}

bool Notify::send(std::string_view lines) const {
  return ::send(socket_, lines.data(), lines.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(lines.size());
}

}  // namespace penstock::runtime
