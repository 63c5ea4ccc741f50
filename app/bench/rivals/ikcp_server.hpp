// IkcpServer: the echo server that one would write with the original KCP and the kernel: epoll, recvmmsg, sendmmsg, ikcp.
//
// Each message goes back at once (flush on input). Timers run in one of the two ways that ikcp's README names: every
// session updated each interval, or ikcp_check() asked when, and the answers kept in order. One thread.
#pragma once

#include <csignal>
#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>
#include <vector>

#include "bench/rivals/ikcp.hpp"
#include "bench/rivals/udp_socket.hpp"

namespace penstock::bench {

enum class IkcpTimers : std::uint8_t {
  update_all,  // ikcp_update() of every session every 10 ms, or one pass after the other when a pass takes longer
  check,       // ikcp_check() after every input and update, in a multimap by time
};

class IkcpServer {
 public:
  // Timers rest until so many sessions are there, as opening is not what is measured.
  IkcpServer(std::uint16_t port, IkcpTimers timers, std::size_t quiet_until);

  // Serves until `stop` is not 0.
  void run(const volatile std::sig_atomic_t& stop);
  std::size_t sessions() const { return sessions_.size(); }
  // Passes over all sessions, and the milliseconds of one on average.
  std::uint64_t passes() const { return passes_; }
  double pass_ms() const { return passes_ == 0 ? 0 : pass_ms_ / static_cast<double>(passes_); }

 private:
  struct Session {
    IkcpPointer kcp;
    sockaddr_in peer{};
    UdpSocket* socket = nullptr;
    bool dirty = false;
    bool scheduled = false;
    std::multimap<std::uint32_t, Session*>::iterator due;
  };
  struct Key {
    std::uint64_t endpoint;  // address and port
    std::uint32_t conv;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return (key.endpoint ^ (std::uint64_t{key.conv} << 20)) * 0x9e3779b97f4a7c15u >> 7;
    }
  };

  static int output(const char* bytes, int count, IkcpControl* kcp, void* session);
  bool take_burst(std::uint32_t now_ms);
  Session& session_of(const sockaddr_in& peer, std::uint32_t conv, std::uint32_t now_ms);
  void echo(Session& session);
  void run_timers(std::uint32_t now_ms);
  void update_all(std::uint32_t now_ms);
  void reschedule(Session& session, std::uint32_t now_ms);
  int wait_ms(std::uint32_t now_ms) const;

  UdpSocket socket_;
  IkcpTimers timers_;
  int epoll_;
  std::unordered_map<Key, Session*, KeyHash> by_key_;
  std::deque<Session> sessions_;
  std::vector<IkcpControl*> all_;  // of sessions_, so that a pass over them reads nothing else
  std::vector<Session*> dirty_;
  std::multimap<std::uint32_t, Session*> schedule_;
  std::size_t quiet_until_;
  std::uint32_t next_pass_ms_ = 0;
  std::uint64_t passes_ = 0;
  double pass_ms_ = 0;  // of all passes
};

}  // namespace penstock::bench
