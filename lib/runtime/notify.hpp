// Notify: the way to the service manager: sd_notify's datagrams of NAME=VALUE lines, sent to the socket it gave us.
//
// Own lines instead of libsystemd's: sd_notify() looks into the environment at each call, and ours takes the variables
// away at start, so that nothing else in this process can speak for it. Sending is a system call, so workers never do it:
// the main thread before and after they run, the control thread meanwhile.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace penstock::runtime {

class Notify {
 public:
  // Nobody listens.
  Notify() = default;
  // Takes $NOTIFY_SOCKET (a path, or a name of the abstract space behind '@'), $WATCHDOG_USEC and $WATCHDOG_PID, and removes
  // them. Nobody listens when there is no NOTIFY_SOCKET. Main thread, while there is no other that may read the
  // environment. The error is one sentence; the node can do without.
  static std::expected<Notify, std::string> from_environment();
  ~Notify();
  Notify(Notify&& other) noexcept;
  Notify& operator=(Notify&& other) noexcept;

  bool listens() const { return socket_ >= 0; }
  // The manager ends a process that keeps silent for so long; max() when it does not watch this one.
  Duration watchdog() const { return watchdog_; }
  // Sends lines, joined by '\n', as one datagram, without waiting. False when the manager does not take it now: say it again
  // a little later.
  bool send(std::string_view lines) const;

 private:
  int socket_ = -1;
  Duration watchdog_ = Duration::max();
};

}  // namespace penstock::runtime
