// StatsSocket: the statistics socket that clients connect to, and the admin socket; it asks whoever answers, one command at
// a time.
//
// DPDK's own socket serves ten clients by a thread each and never sends one away, so ten that are idle lock everybody else
// out; its threads share one parser (strtok), and a flood of commands takes as much of a core as there is. This socket
// speaks the same protocol (SOCK_SEQPACKET; a greeting, then a reply to each command) in one thread: many clients, one command
// of each in turn, a bound on commands a second, no wait for a client that does not read, and room for a newcomer where
// somebody is idle. Nothing a client does can end it or make it grow.
//
// open() on the main thread; run() is the whole life of one thread, stop() ends it from another. Plain POSIX.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::control {

class StatsSocket {
 public:
  using Clock = std::chrono::steady_clock;
  // Whose process connected, by the kernel's word.
  struct Peer {
    pid_t pid = 0;
    uid_t uid = 0;
  };
  // The reply to a command, a JSON object. Called in run()'s thread.
  using Exchange = std::function<std::string(std::string_view command, const Peer& peer)>;

  struct Limits {
    std::string_view name = "statistics";  // … socket, as sentences call it
    mode_t mode = 0777;                    // of its file, less what the umask takes away
    std::size_t clients = 64;
    std::size_t command_bytes = 255;           // DPDK's names end at 55, its parameters with the message
    std::uint32_t commands_per_s = 10'000;     // of all clients together
    std::uint32_t burst = 200;                 // that may come at once
    std::chrono::milliseconds idle{1'000};     // after which a client may be sent away for a newcomer
    std::chrono::milliseconds unread{10'000};  // the same while it does not read its reply
  };

  // Binds `path`, which must not exist. The error is one sentence with the path.
  static std::expected<std::unique_ptr<StatsSocket>, std::string> open(const std::string& path, std::string greeting,
                                                                       Exchange exchange, const Limits& limits);
  ~StatsSocket();
  StatsSocket(const StatsSocket&) = delete;
  StatsSocket& operator=(const StatsSocket&) = delete;

  void run();
  void stop();

 private:
  struct Client {
    int fd = -1;
    Peer peer;
    Clock::time_point active;
    std::string unsent;  // a reply that it has not taken yet
  };

  StatsSocket(std::string path, std::string greeting, Exchange exchange, const Limits& limits)
      : path_(std::move(path)), greeting_(std::move(greeting)), exchange_(std::move(exchange)), limits_(limits) {}
  std::expected<void, std::string> bind();
  int wait(Clock::time_point now);
  void take_newcomer(Clock::time_point now);
  bool make_room(Clock::time_point now);
  // False when the client is to be closed.
  bool serve(Client& client, short events, Clock::time_point now);
  bool take_command(Client& client);
  bool deliver(Client& client, std::string&& reply);
  void refill(Clock::time_point now);
  // What one command takes of the credit.
  Clock::duration price() const { return Clock::duration(std::chrono::seconds(1)) / limits_.commands_per_s; }

  std::string path_;
  std::string greeting_;
  Exchange exchange_;
  Limits limits_;
  int listener_ = -1;
  int wake_ = -1;  // an eventfd that ends run()
  std::vector<Client> clients_;
  std::vector<pollfd> polled_;  // wake, listener, then the clients in order
  Clock::duration credit_{};    // the time by which commands may come sooner than their rate
  Clock::time_point refilled_{};
  bool deaf_ = false;  // accept() failed: newcomers wait until the next round
};

}  // namespace penstock::control
