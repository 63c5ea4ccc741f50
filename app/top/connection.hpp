// Connection: one client's place at a telemetry socket of DPDK: a command out, a reply in, each a message.
//
// Waits are bounded. After any fault the connection is of no more use: a late answer would be taken for that of the next
// command. A penstock's places are 64, those of another DPDK program ten, so a Connection is kept no longer than it is needed.
// One thread.
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

#include "top/fault.hpp"
#include "top/reply.hpp"

namespace penstock::top {

class Connection {
 public:
  // `path` is that of the socket.
  static std::expected<Connection, Fault> open(const std::string& path, std::chrono::milliseconds patience);
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // `command` has at most 55 bytes.
  std::expected<Reply, Fault> ask(std::string_view command);
  const Greeting& greeting() const { return greeting_; }

 private:
  Connection(int fd, std::string path, std::chrono::milliseconds patience)
      : fd_(fd), path_(std::move(path)), patience_(patience) {}
  std::expected<void, Fault> greet();
  std::expected<void, Fault> wait_readable();
  std::expected<std::string, Fault> receive();

  int fd_;
  std::string path_;
  std::chrono::milliseconds patience_;
  Greeting greeting_;
};

}  // namespace penstock::top
